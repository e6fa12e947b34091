// Times: local or relative, with the exact UTC time in the title.

import { computed } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { now } from "../app/clock.ts";
import { ms, type Parts, ageText, localText, relativeText, utcText } from "../pure/time.ts";

type At = Parts | number | undefined;

function read(at: At): number | undefined {
  return typeof at === "number" ? at : ms(at);
}

/** `14 min ago`, `in 30 s`. */
export function Ago({ at }: { at: At }): JSX.Element {
  return <Shown at={read(at)} words={relativeText} />;
}

/** `in 30 s`, and `due` once the time has come. */
export function Due({ at }: { at: At }): JSX.Element {
  return <Shown at={read(at)} words={dueText} />;
}

/** `19:03:16`. */
export function Clock({ at }: { at: At }): JSX.Element {
  return <Shown at={read(at)} words={localText} />;
}

/** `14 min`: how long since. */
export function Age({ at }: { at: At }): JSX.Element {
  return <Shown at={read(at)} words={sinceText} />;
}

function dueText(then: number, time: number): string {
  return then <= time ? "due" : relativeText(then, time);
}

function sinceText(then: number, time: number): string {
  return ageText(Math.max(0, time - then));
}

function Shown({ at, words }: { at: number | undefined; words: (at: number, now: number) => string }): JSX.Element {
  // Only the text changes at a tick, and only when it reads differently.
  const text = useMemo(() => computed(() => (at === undefined ? "–" : words(at, now.value))), [at, words]);
  if (at === undefined) {
    return <span class="faint">–</span>;
  }
  const exact = utcText(at);
  return (
    <time dateTime={exact} title={exact}>
      {text.value}
    </time>
  );
}
