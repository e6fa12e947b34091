// Attempts of the last hour, minute by minute: those that succeeded above the line, those that failed below.

import type { JSX } from "preact";
import type { DeliveryStatsBucket } from "tenterhook/web";
import { localText, ms } from "../../pure/time.ts";
import { now } from "../../app/clock.ts";
import { countText } from "../../pure/text.ts";

const width = 600;
const height = 120;
const gap = 2;

export function Chart({ buckets }: { buckets: DeliveryStatsBucket[] }): JSX.Element | null {
  if (buckets.length === 0) {
    return null;
  }
  const bars = buckets.map(({ startTime, stats }) => {
    const failed = Number(stats?.failedAttempts ?? 0n);
    return { at: ms(startTime) ?? 0, failed, succeeded: Math.max(0, Number(stats?.attempts ?? 0n) - failed) };
  });
  const most = Math.max(1, ...bars.map(({ failed, succeeded }) => failed + succeeded));
  const step = width / bars.length;
  const total = bars.reduce((sum, { failed, succeeded }) => sum + failed + succeeded, 0);
  const time = now.peek();
  return (
    <figure class="panel chart">
      <figcaption>
        <h2>Attempts a minute, last hour</h2>
        <span class="legend">
          <span class="key good" aria-hidden="true" /> succeeded <span class="key bad" aria-hidden="true" /> failed
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${countText(total)} attempts, at most ${countText(most)} a minute`}
      >
        <line class="grid" x1="0" x2={width} y1={height / 2} y2={height / 2} />
        <line class="grid" x1="0" x2={width} y1="0.5" y2="0.5" />
        {bars.map(({ at, failed, succeeded }, index) => {
          const good = (succeeded / most) * (height - 2);
          const bad = (failed / most) * (height - 2);
          return (
            <g key={at}>
              <title>{`${localText(at, time)}  ${countText(succeeded)} succeeded, ${countText(failed)} failed`}</title>
              <rect class="hit" x={index * step} width={step} height={height} />
              <rect class="bar-good" x={index * step + gap / 2} width={step - gap} y={height - good} height={good} />
              <rect
                class="bar-bad"
                x={index * step + gap / 2}
                width={step - gap}
                y={height - good - bad}
                height={bad}
              />
            </g>
          );
        })}
        <line class="axis" x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} />
      </svg>
      <div class="axis-labels" aria-hidden="true">
        <span>{localText(bars[0]?.at ?? 0, time).slice(0, -3)}</span>
        <span>{total === 0 ? "no attempts" : `at most ${countText(most)} a minute`}</span>
        <span>now</span>
      </div>
    </figure>
  );
}
