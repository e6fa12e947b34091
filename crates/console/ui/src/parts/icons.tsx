// Icons, drawn on a grid of 16 with lines of 1.5.

import type { JSX } from "preact";

const shapes = {
  overview: "M2.5 13.5h11M4 11V7.5M8 11V3M12 11V5.5",
  webhooks:
    "M8 3.2a2.3 2.3 0 1 0-1.6 3.9L4.2 10.7M4.3 10.6a2.2 2.2 0 1 0 2 2.2h5.2M12 12.8a2.2 2.2 0 1 0-1.1-4.1L9 5.4",
  deliveries: "M2 4h12M2 8h9M2 12h6M13.5 9.5 11.5 12l2 2.5",
  events: "M9 1.8 3.5 9H8l-1 5.2L12.5 7H8z",
  server: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
  copy: "M5.5 5.5h7v7h-7zM3.5 10.5v-7h7",
  done: "M3 8.5 6.5 12 13 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  theme: "M13 9.5A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5z",
  terminal: "M2.5 3h11v10h-11zM5 6l2 2-2 2M8.5 10h2.5",
  more: "M6 3.5 10.5 8 6 12.5",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14",
  key: "M6.2 9.8a3.4 3.4 0 1 1 1.6-1.6L13.5 2.5M11 5l2 2",
  alert: "M8 2.2 14.5 13.5h-13zM8 6.5v3M8 11.5h.01",
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={shapes[name]} />
    </svg>
  );
}

/** The mark of Tenterhook. */
export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M9 10.5h14M16 10.5v6.5a4.25 4.25 0 1 0 8.5 0" />
    </svg>
  );
}
