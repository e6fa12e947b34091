// Fields of forms and filters.

import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";
import { Text } from "./text.tsx";

export interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: ComponentChildren;
  /** What is wrong with it. */
  error?: string | undefined;
  placeholder?: string;
  mono?: boolean;
  rows?: number;
  autofocus?: boolean;
  disabled?: boolean;
}

/** A labelled text field; with `rows` it has several lines. */
export function Field({
  label,
  value,
  onInput,
  hint,
  error,
  placeholder,
  mono = false,
  rows,
  autofocus = false,
  disabled = false,
}: FieldProps): JSX.Element {
  const id = useId();
  const below = error ?? hint;
  const shared = {
    id,
    class: mono ? "mono" : undefined,
    value,
    placeholder,
    disabled,
    spellcheck: false,
    autocomplete: "off",
    "aria-invalid": error !== undefined,
    "aria-describedby": below === undefined ? undefined : `${id}-below`,
    autofocus,
  } as const;
  return (
    <div class="field">
      <label class="label" for={id}>
        {label}
      </label>
      {rows === undefined ? (
        <input {...shared} type="text" onInput={(event) => onInput(event.currentTarget.value)} />
      ) : (
        <textarea {...shared} rows={rows} onInput={(event) => onInput(event.currentTarget.value)} />
      )}
      {below === undefined ? null : (
        <span id={`${id}-below`} class={error === undefined ? "hint" : "hint bad"}>
          {error === undefined ? hint : <Text value={error} />}
        </span>
      )}
    </div>
  );
}

export interface ChoiceProps {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
  /** Shows the label above it, as in a form; a filter's label is for screen readers. */
  form?: boolean;
}

/** A choice of one. */
export function Choice({ label, value, options, onChange, form = false }: ChoiceProps): JSX.Element {
  const select = (
    <select
      aria-label={form ? undefined : label}
      class={value === "" || form ? undefined : "set"}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      {options.map(([key, text]) => (
        <option value={key}>{text}</option>
      ))}
    </select>
  );
  return form ? (
    <label class="field">
      <span class="label">{label}</span>
      {select}
    </label>
  ) : (
    select
  );
}

export function Check({
  label,
  checked,
  onChange,
}: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      {label}
    </label>
  );
}

/** Text that filters a list; `/` goes to it. */
export function Search({
  label,
  value,
  onInput,
}: {
  label: string;
  value: string;
  onInput: (value: string) => void;
}): JSX.Element {
  return (
    <input
      class="search"
      type="search"
      data-filter
      aria-label={label}
      placeholder={`${label}  /`}
      spellcheck={false}
      value={value}
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  );
}
