// The keyboard: `/` filter, `j` `k` move, Enter open, letters press the button that names them,
// `g` and a letter go to a page, `?` help, Esc back.

import { signal } from "@preact/signals";
import { go, path, route } from "./place.ts";

/** Whether the help is shown. */
export const helpOpen = signal(false);

/** Keys of the help, in order. */
export const keyHelp: readonly (readonly [string, string])[] = [
  ["/", "filter"],
  ["j  k", "next and previous row"],
  ["Enter", "open the row"],
  ["r", "retry, or resume"],
  ["t", "test the webhook"],
  ["g o", "overview"],
  ["g w", "webhooks"],
  ["g d", "deliveries"],
  ["g e", "events"],
  ["g s", "server"],
  ["g a", "access, for admins"],
  ["Esc", "back"],
  ["?", "this help"],
];

const pages: Record<string, string[]> = {
  o: [],
  w: ["webhooks"],
  d: ["deliveries"],
  e: ["events"],
  s: ["server"],
  a: ["access"],
};
const chordMs = 1000;
let chordAt = 0;

/** Listens for the whole life of the page. */
export function listenToKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (
      event.defaultPrevented ||
      event.metaKey ||
      event.ctrlKey ||
      event.altKey ||
      document.querySelector("dialog[open]") !== null
    ) {
      return;
    }
    if (isTyping(event.target)) {
      if (event.key === "Escape" && event.target instanceof HTMLElement) {
        event.target.blur();
      }
      return;
    }
    if (press(event.key, event.timeStamp)) {
      event.preventDefault();
    }
  });
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.shadowRoot !== null || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function press(key: string, at: number): boolean {
  const page = pages[key];
  if (page !== undefined && at - chordAt < chordMs) {
    chordAt = 0;
    go(path(page));
    return true;
  }
  switch (key) {
    case "g":
      chordAt = at;
      return true;
    case "/":
      return focus(document.querySelector<HTMLElement>("[data-filter]"));
    case "j":
      return move(1);
    case "k":
      return move(-1);
    case "?":
      helpOpen.value = true;
      return true;
    case "Escape":
      return back();
    default:
      return click(key);
  }
}

function focus(element: HTMLElement | null | undefined): boolean {
  element?.focus();
  return element != null;
}

function move(step: number): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.findIndex((row) => row === document.activeElement);
  return focus(at === -1 ? rows[0] : rows[at + step]);
}

function click(key: string): boolean {
  const button = /^[a-z]$/.test(key)
    ? document.querySelector<HTMLButtonElement>(`button[data-hotkey="${key}"]:not(:disabled)`)
    : null;
  button?.click();
  return button !== null;
}

function back(): boolean {
  const { page } = route.value;
  const up: Record<string, string[]> = {
    webhook: ["webhooks"],
    "new-webhook": ["webhooks"],
    delivery: ["deliveries"],
    event: ["events"],
  };
  const parent = up[page];
  if (parent !== undefined) {
    go(path(parent));
  }
  return parent !== undefined;
}
