// Buttons, and the button that copies.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { say } from "../app/notices.ts";
import { Icon } from "./icons.tsx";
import { Text } from "./text.tsx";

export interface ButtonProps {
  children: ComponentChildren;
  onClick: () => unknown;
  kind?: "primary" | "danger" | "plain" | "ghost";
  busy?: boolean;
  disabled?: boolean;
  /** The key that presses it, shown by the help. */
  hotkey?: string;
  title?: string;
}

export function Button({
  children,
  onClick,
  kind = "plain",
  busy = false,
  disabled = false,
  hotkey,
  title,
}: ButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class={`button ${kind}`}
      disabled={disabled || busy}
      aria-busy={busy}
      title={title}
      data-hotkey={hotkey}
      aria-keyshortcuts={hotkey}
      onClick={() => void onClick()}
    >
      {children}
    </button>
  );
}

const shownMs = 1500;

/** Copies text; the label says what. */
export function Copy({
  text,
  label,
  children,
}: {
  text: () => string;
  label: string;
  children?: ComponentChildren;
}): JSX.Element {
  const done = useSignal(false);
  useEffect(() => {
    if (done.value) {
      const timer = setTimeout(() => (done.value = false), shownMs);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [done.value]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text());
      done.value = true;
      say(`Copied ${label}.`);
    } catch {
      say("The browser does not allow copying here.");
    }
  };
  return (
    <button
      type="button"
      class={children === undefined ? "copy" : "button plain"}
      title={`Copy ${label}`}
      aria-label={children === undefined ? `Copy ${label}` : undefined}
      onClick={() => void copy()}
    >
      <Icon name={done.value ? "done" : "copy"} />
      {children}
    </button>
  );
}

/** An id that can be copied. */
export function Id({ value }: { value: string }): JSX.Element {
  return (
    <span class="id">
      <code>
        <Text value={value} />
      </code>
      <Copy text={() => value} label={`id ${value.slice(0, 12)}…`} />
    </span>
  );
}
