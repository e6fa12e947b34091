// Where the time of an attempt went: numbers, and a bar in proportion.

import type { JSX } from "preact";
import type { DeliveryAttempt } from "tenterhook/web";
import { durationText, ms } from "../../pure/time.ts";

interface Phase {
  name: string;
  took: number;
}

export function Phases({ attempt }: { attempt: DeliveryAttempt }): JSX.Element {
  const total = ms(attempt.duration) ?? 0;
  const phases = phasesOf(attempt, total);
  const queued = ms(attempt.timings?.queued);
  const width = 160;
  const sum = Math.max(
    phases.reduce((all, { took }) => all + took, 0),
    0.001,
  );
  let x = 0;
  return (
    <div class="phases">
      <span class="phase">
        <strong>{durationText(total)}</strong>
      </span>
      <svg viewBox={`0 0 ${width} 6`} preserveAspectRatio="none" aria-hidden="true">
        {phases.map(({ name, took }) => {
          const part = (took / sum) * width;
          x += part;
          return <rect class={`phase-${name.replace(" ", "-")}`} x={x - part} width={part} height="6" />;
        })}
      </svg>
      {queued === undefined ? null : (
        <span class="phase">
          <span class="faint">queued</span> {durationText(queued)}
        </span>
      )}
      {phases.map(({ name, took }) => (
        <span class="phase">
          <span class={`key phase-${name.replace(" ", "-")}`} aria-hidden="true" />
          <span class="faint">{name}</span> {durationText(took)}
        </span>
      ))}
    </div>
  );
}

/** The phases that were reached, in order; what is left of the whole is the body of the response. */
function phasesOf({ timings }: DeliveryAttempt, total: number): Phase[] {
  const measured: [string, number | undefined][] = [
    ["render", ms(timings?.render)],
    ["dns", ms(timings?.dns)],
    ["connect", ms(timings?.connect)],
    ["tls", ms(timings?.tls)],
    ["first byte", ms(timings?.firstByte)],
  ];
  const phases = measured.flatMap(([name, took]) => (took === undefined ? [] : [{ name, took }]));
  const rest = total - phases.reduce((all, { took, name }) => (name === "render" ? all : all + took), 0);
  return timings?.firstByte !== undefined && rest > 0.05 ? [...phases, { name: "rest", took: rest }] : phases;
}
