// Fields whose text stands for something else: numbers, durations, lists.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { readDuration, writeDuration } from "../../pure/time.ts";
import { Field } from "../../parts/field.tsx";
import type { Draft } from "./draft.ts";

interface ParsedProps<T> {
  label: string;
  value: string;
  /** Changes when what was typed is dropped. */
  version: boolean;
  hint?: string;
  wrong: string;
  read: (text: string) => T | undefined;
  onRead: (value: T) => void;
}

/** A field whose text is read; what cannot be read stays as it was typed, with what is wrong. */
export function Parsed<T>({ label, value, version, hint, wrong, read, onRead }: ParsedProps<T>): JSX.Element {
  const typed = useSignal<string | undefined>(undefined);
  const bad = typed.value !== undefined && read(typed.value) === undefined;
  const input = (text: string): void => {
    typed.value = text;
    const made = read(text);
    if (made !== undefined) {
      onRead(made);
    }
  };
  return (
    <Field
      label={label}
      value={version || bad ? (typed.value ?? value) : value}
      onInput={input}
      hint={hint}
      error={bad ? wrong : undefined}
    />
  );
}

interface NumberProps {
  label: string;
  draft: Draft;
  value: number;
  unset: string;
  onRead: (value: number) => void;
}

export function NumberField({ label, draft, value, unset, onRead }: NumberProps): JSX.Element {
  const read = (text: string): number | undefined =>
    text.trim() === "" ? 0 : /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;
  return (
    <Parsed
      label={label}
      value={value === 0 ? "" : String(value)}
      version={draft.dirty}
      hint={`Empty: ${unset}.`}
      wrong="Write a number."
      read={read}
      onRead={onRead}
    />
  );
}

export function DurationField({
  label,
  draft,
  value,
  onRead,
}: {
  label: string;
  draft: Draft;
  value: number | undefined;
  onRead: (value: number | null) => void;
}): JSX.Element {
  const read = (text: string): number | null | undefined => (text.trim() === "" ? null : readDuration(text));
  return (
    <Parsed
      label={label}
      value={value === undefined ? "" : writeDuration(value)}
      version={draft.dirty}
      hint="30s, 5m, 5d. Empty: the server's default."
      wrong="Write a duration such as 30s, 5m or 5d."
      read={read}
      onRead={onRead}
    />
  );
}
