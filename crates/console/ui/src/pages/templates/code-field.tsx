// A template in an editor. The editor is a separate chunk, loaded on first use; until it has come,
// and if it does not, a plain field takes its place.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { TemplateError } from "tenterhook/web";
import type { TemplateEditor } from "../../editor/editor.ts";

export interface CodeFieldProps {
  label: string;
  /** Height in lines. */
  lines: number;
  /** Its text now. A render may be older than what was typed since, so the editor asks. */
  read: () => string;
  errors: TemplateError[];
  onInput: (value: string) => void;
}

export function CodeField({ label, lines, read, errors, onInput }: CodeFieldProps): JSX.Element {
  const value = read();
  const host = useRef<HTMLDivElement>(null);
  const editor = useSignal<TemplateEditor | undefined>(undefined);
  const latest = useRef({ read, onInput });
  latest.current = { read, onInput };
  useEffect(() => {
    let gone = false;
    void import("../../editor/editor.ts").then(({ TemplateEditor: Made }) => {
      if (!gone && host.current !== null) {
        editor.value = new Made(host.current, {
          label,
          value: latest.current.read(),
          lines,
          onInput: (text) => latest.current.onInput(text),
        });
      }
    });
    return () => {
      gone = true;
      editor.peek()?.destroy();
    };
  }, []);
  useEffect(() => {
    editor.value?.show(latest.current.read(), errors);
  }, [value, errors, editor.value]);
  return (
    <div class="code-field">
      <span class="label">{label}</span>
      <div ref={host} />
      {editor.value === undefined ? (
        <textarea
          class="mono"
          aria-label={label}
          rows={lines}
          spellcheck={false}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      ) : null}
    </div>
  );
}
