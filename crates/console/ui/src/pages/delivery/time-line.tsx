// The attempts of a delivery in time, and what comes next.

import type { JSX } from "preact";
import type { Delivery } from "tenterhook/web";
import { answerText, answerTone, isFinal, waitingFor } from "../../app/words.ts";
import { ageText, ms } from "../../pure/time.ts";
import { Clock, Due } from "../../parts/time.tsx";

export interface TimeLineProps {
  delivery: Delivery;
  /** The number of the attempt that is shown. */
  chosen: number;
  onChoose: (number: number) => void;
}

export function TimeLine({ delivery, chosen, onChoose }: TimeLineProps): JSX.Element {
  const { attempts } = delivery;
  const { why, until } = waitingFor(delivery);
  return (
    <ol class="time-line" aria-label="Attempts">
      {attempts.map((attempt, at) => {
        const start = ms(attempt.startTime);
        const before = ms(attempts[at - 1]?.startTime);
        return (
          <li key={attempt.number}>
            {start === undefined || before === undefined ? null : (
              <span class="gap-label">{ageText(start - before)}</span>
            )}
            <button
              type="button"
              class={`stop ${answerTone(attempt)}`}
              aria-pressed={attempt.number === chosen}
              onClick={() => onChoose(attempt.number)}
            >
              <span class="stop-number">{attempt.number}</span>
              <span class="stop-answer">{answerText(attempt)}</span>
              <Clock at={attempt.startTime} />
            </button>
          </li>
        );
      })}
      {isFinal(delivery.state) || why === "" ? null : (
        <li>
          <span class="stop next">
            <span class="stop-answer">{why}</span>
            {until === undefined ? null : <Due at={until} />}
          </span>
        </li>
      )}
    </ol>
  );
}
