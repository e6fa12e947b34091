// The webhooks that need attention: since when, why, what waits, and the way out.

import type { JSX } from "preact";
import { type Webhook, WebhookState } from "tenterhook/web";
import { may } from "../../api/server.ts";
import { path } from "../../app/place.ts";
import { outcomeWord } from "../../app/words.ts";
import { countText } from "../../pure/text.ts";
import { WebhookBadge } from "../../parts/badge.tsx";
import { Text } from "../../parts/text.tsx";
import { Age, Ago } from "../../parts/time.tsx";
import { Resume } from "../webhook/actions.tsx";

export function Attention({ webhooks, onChange }: { webhooks: Webhook[]; onChange: () => void }): JSX.Element | null {
  if (webhooks.length === 0) {
    return null;
  }
  const sorted = [...webhooks].sort((a, b) => rank(a) - rank(b));
  return (
    <section class="panel" aria-label="Needs attention">
      <header>
        <h2>Needs attention</h2>
      </header>
      <ul class="rows attention">
        {sorted.map((webhook) => (
          <li key={webhook.id}>
            <WebhookBadge webhook={webhook} />
            <a data-row href={path(["webhooks", webhook.id])}>
              <Text value={webhook.displayName} />
            </a>
            <Problem webhook={webhook} />
            <span class="push" />
            <Waits webhook={webhook} />
            {may("operate") && webhook.state !== WebhookState.ACTIVE ? (
              <Resume webhook={webhook} onChange={onChange} />
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

function rank({ state }: Webhook): number {
  return state === WebhookState.SUSPENDED ? 0 : state === WebhookState.ACTIVE ? 1 : 2;
}

function Problem({ webhook }: { webhook: Webhook }): JSX.Element {
  const { health, stateReason, state } = webhook;
  const last = health?.lastError;
  if (state === WebhookState.PAUSED || last === undefined) {
    return (
      <span class="reason">
        <Text value={stateReason} />
      </span>
    );
  }
  return (
    <span class="reason">
      <strong class="bad">{last.responseStatus === 0 ? outcomeWord(last.outcome) : last.responseStatus}</strong>{" "}
      <span class="faint">
        {health?.failingSince === undefined ? (
          <Ago at={last.endTime} />
        ) : (
          <>
            for <Age at={health.failingSince} />
          </>
        )}
      </span>{" "}
      <code>
        <Text value={(last.responseText === "" ? last.error : last.responseText).trim()} />
      </code>
    </span>
  );
}

function Waits({ webhook: { health } }: { webhook: Webhook }): JSX.Element | null {
  const waiting = health?.waiting ?? 0n;
  return waiting === 0n ? null : (
    <span class="faint">
      {countText(waiting)} waiting
      {health?.oldestWaitingTime === undefined ? null : (
        <>
          , <Age at={health.oldestWaitingTime} />
        </>
      )}
    </span>
  );
}
