// The time as pages show it: one signal, ticking while the page is visible.

import { signal } from "@preact/signals";

/** Now, in milliseconds since the epoch; it ticks once a second. */
export const now = signal(Date.now());

/** Starts the ticking. */
export function startClock(): void {
  setInterval(() => {
    if (!document.hidden) {
      now.value = Date.now();
    }
  }, 1000);
}
