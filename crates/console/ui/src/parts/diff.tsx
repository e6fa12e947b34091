// The difference of two texts.

import type { JSX } from "preact";
import { diffLines, differs, hunks } from "../pure/diff.ts";
import { Text } from "./text.tsx";

const signs = { same: " ", removed: "−", added: "+" } as const;
const names = { same: "", removed: "removed: ", added: "added: " } as const;

export interface DiffProps {
  before: string;
  after: string;
  /** What to say when nothing differs. */
  same: string;
}

export function Diff({ before, after, same }: DiffProps): JSX.Element {
  const lines = diffLines(before, after);
  if (!differs(lines)) {
    return <p class="faint">{same}</p>;
  }
  return (
    <pre class="code diff">
      {hunks(lines).map((line) =>
        line === undefined ? (
          <span class="gap">⋯{"\n"}</span>
        ) : (
          <span class={line.change}>
            <span aria-hidden="true">{signs[line.change]} </span>
            <span class="sr">{names[line.change]}</span>
            <Text value={line.text} lines />
            {"\n"}
          </span>
        ),
      )}
    </pre>
  );
}
