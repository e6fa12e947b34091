// The failed attempts of the last hour by what went wrong.

import type { JSX } from "preact";
import { AttemptOutcome, type GetDeliveryStatsResponse, type OutcomeCount } from "tenterhook/web";
import { path } from "../../app/place.ts";
import { outcomeWord } from "../../app/words.ts";
import { countText } from "../../pure/text.ts";

const most = 8;

/** The filter of the deliveries page for an outcome. */
const answers: Partial<Record<AttemptOutcome, string>> = {
  [AttemptOutcome.TIMEOUT]: "timeout",
  [AttemptOutcome.CONNECTION]: "connection",
  [AttemptOutcome.DNS]: "dns",
  [AttemptOutcome.TLS]: "tls",
  [AttemptOutcome.BLOCKED]: "blocked",
  [AttemptOutcome.RENDER]: "template",
  [AttemptOutcome.AUTHENTICATION]: "authentication",
};

export function Outcomes({ stats }: { stats: GetDeliveryStatsResponse }): JSX.Element {
  const outcomes = (stats.total?.outcomes ?? []).slice(0, most);
  const largest = Math.max(1, ...outcomes.map(({ count }) => Number(count)));
  return (
    <section class="panel" aria-label="Failed attempts by outcome">
      <header>
        <h2>Failed attempts, last hour</h2>
      </header>
      {outcomes.length === 0 ? <p class="empty">None.</p> : null}
      <ul class="outcomes">
        {outcomes.map((one) => (
          <li key={`${one.outcome} ${one.responseStatus}`}>
            <a href={path(["deliveries"], { answer: answerOf(one), since: "1h" })}>
              <span>{one.responseStatus === 0 ? outcomeWord(one.outcome) : `HTTP ${one.responseStatus}`}</span>
              <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                <rect class="bar-bad" width={Math.max(1, (Number(one.count) / largest) * 100)} height="6" rx="1" />
              </svg>
              <span class="num">{countText(one.count)}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function answerOf({ outcome, responseStatus }: OutcomeCount): string {
  return responseStatus === 0 ? (answers[outcome] ?? "") : String(responseStatus);
}
