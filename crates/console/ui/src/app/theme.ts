// Light or dark: as the system has it, unless the reader chose. The choice is the only thing that the
// console keeps in the browser.

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const key = "tenterhook-theme";

export const theme = signal<Theme>(read());

/** The next choice: system, light, dark. */
export function nextTheme(): void {
  theme.value = theme.value === "system" ? "light" : theme.value === "light" ? "dark" : "system";
}

/** Shows the theme and keeps the choice. */
export function applyTheme(): void {
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
    try {
      localStorage.setItem(key, theme.value);
    } catch {
      // A browser that keeps nothing shows the choice until the page is left.
    }
  });
}

function read(): Theme {
  try {
    const kept = localStorage.getItem(key);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}
