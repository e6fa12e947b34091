// Strangers' text. Everything that did not come from this console's own sources is shown by this.

import type { JSX } from "preact";
import { runs } from "../pure/text.ts";

/** Text with what is invisible or dangerous shown as escapes; `lines` keeps line feeds and tabs. */
export function Text({ value, lines = false }: { value: string; lines?: boolean }): JSX.Element {
  return (
    <>
      {runs(value, lines).map(({ text, escaped }) =>
        escaped ? <span class="escape">{text}</span> : <bdi>{text}</bdi>,
      )}
    </>
  );
}
