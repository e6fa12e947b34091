// Short notices in a polite live region: what was done, and what went wrong meanwhile.

import { signal } from "@preact/signals";

export interface Notice {
  number: number;
  text: string;
}

const shownMs = 5000;
const most = 3;
let count = 0;

export const notices = signal<Notice[]>([]);

/** Shows a notice for a few seconds. */
export function say(text: string): void {
  const notice = { number: ++count, text };
  notices.value = [...notices.value.slice(1 - most), notice];
  setTimeout(() => {
    notices.value = notices.value.filter(({ number }) => number !== notice.number);
  }, shownMs);
}
