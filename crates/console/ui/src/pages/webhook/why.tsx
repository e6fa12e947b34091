// Why a webhook is in its state, since when, and what waits: in sentences.

import type { ComponentChildren, JSX } from "preact";
import { type AttemptSummary, type Webhook, type WebhookHealth, WebhookState } from "tenterhook/web";
import { path } from "../../app/place.ts";
import { outcomeWord } from "../../app/words.ts";
import { ms } from "../../pure/time.ts";
import { capitalised, plural } from "../../pure/text.ts";
import { Icon } from "../../parts/icons.tsx";
import { Id } from "../../parts/button.tsx";
import { Text } from "../../parts/text.tsx";
import { Age, Ago } from "../../parts/time.tsx";

export function Why({ webhook }: { webhook: Webhook }): JSX.Element {
  const { health, state } = webhook;
  const failing = (health?.consecutiveFailures ?? 0) > 0 || state === WebhookState.SUSPENDED;
  const tone = state === WebhookState.SUSPENDED ? "bad" : failing && state === WebhookState.ACTIVE ? "warn" : "";
  return (
    <section class={`why ${tone}`} aria-label="State">
      <p>
        {webhook.stateReason === "" ? null : (
          <Sentence>
            <Text value={capitalised(webhook.stateReason)} />
          </Sentence>
        )}
        {health === undefined || state !== WebhookState.ACTIVE ? null : <Failures health={health} />}
        <Waits health={health} />
        {!failing && health?.lastSuccessTime !== undefined ? (
          <Sentence>
            Last success <Ago at={health.lastSuccessTime} />
          </Sentence>
        ) : null}
        {!failing && health?.lastSuccessTime === undefined && webhook.stateReason === "" ? (
          <Sentence>Nothing has been delivered yet</Sentence>
        ) : null}
      </p>
      {failing && health?.lastError !== undefined ? <LastError summary={health.lastError} /> : null}
      {webhook.warnings.map((warning) => (
        <p class="warning">
          <Icon name="alert" /> <Text value={warning} />
        </p>
      ))}
      <dl class="facts">
        <div>
          <dt>Webhook</dt>
          <dd>
            <Id value={webhook.id} />
          </dd>
        </div>
        <div>
          <dt>URL</dt>
          <dd>
            <code>
              <Text value={webhook.request?.url ?? ""} />
            </code>
          </dd>
        </div>
        {webhook.description === "" ? null : (
          <div>
            <dt>Description</dt>
            <dd>
              <Text value={webhook.description} />
            </dd>
          </div>
        )}
      </dl>
    </section>
  );
}

function Sentence({ children }: { children: ComponentChildren }): JSX.Element {
  return <span class="sentence">{children}. </span>;
}

function Failures({ health }: { health: WebhookHealth }): JSX.Element | null {
  const { consecutiveFailures, failingSince, circuitOpen, nextProbeTime } = health;
  if (consecutiveFailures === 0) {
    return null;
  }
  return (
    <>
      <Sentence>
        {failingSince === undefined ? (
          "The last attempts failed"
        ) : (
          <>
            Every attempt failed for <Age at={failingSince} />
          </>
        )}
        {` (${consecutiveFailures} in a row)`}
      </Sentence>
      {circuitOpen ? (
        <Sentence>
          The circuit breaker is open
          {nextProbeTime === undefined ? (
            "; a probe is due"
          ) : (
            <>
              ; the next probe comes <Ago at={nextProbeTime} />
            </>
          )}
        </Sentence>
      ) : null}
    </>
  );
}

function Waits({ health }: { health: WebhookHealth | undefined }): JSX.Element | null {
  const waiting = health?.waiting ?? 0n;
  if (waiting === 0n) {
    return null;
  }
  return (
    <Sentence>
      <strong>{plural(waiting, "delivery waits", "deliveries wait")}</strong>
      {ms(health?.oldestWaitingTime) === undefined ? null : (
        <>
          , the oldest for <Age at={health?.oldestWaitingTime} />
        </>
      )}
    </Sentence>
  );
}

/** The last attempt that failed, in one line. */
export function LastError({ summary }: { summary: AttemptSummary }): JSX.Element {
  return (
    <p class="last-error">
      <a href={path(["deliveries", summary.deliveryId])}>
        <Ago at={summary.endTime} />
      </a>{" "}
      <strong class="bad">
        {summary.responseStatus === 0 ? outcomeWord(summary.outcome) : summary.responseStatus}
      </strong>{" "}
      <code>
        <Text value={(summary.responseText === "" ? summary.error : summary.responseText).trim()} />
      </code>
    </p>
  );
}
