// Every webhook of the namespace: whether it gets an event and why, and what became of it there.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Webhook, type WebhookExplanation, WebhookState } from "tenterhook/web";
import { useAction, useCall } from "../../api/call.ts";
import { api } from "../../api/client.ts";
import { may } from "../../api/server.ts";
import { say } from "../../app/notices.ts";
import { namespace, path } from "../../app/place.ts";
import { webhookWord } from "../../app/words.ts";
import { plural } from "../../pure/text.ts";
import { Answer, Badge, DeliveryBadge } from "../../parts/badge.tsx";
import { Button } from "../../parts/button.tsx";
import { Failure } from "../../parts/error.tsx";
import { Text } from "../../parts/text.tsx";

/** More webhooks than these are shown only on demand. */
const shownAtOnce = 1000;
const refreshMs = 3000;

export function Explained({ eventId }: { eventId: string }): JSX.Element {
  const all = useSignal(false);
  const call = useCall(
    `explain ${namespace.value} ${eventId}`,
    (signal) =>
      api.events.explainEvent(
        { namespace: namespace.value, source: { case: "eventId", value: eventId }, pageSize: shownAtOnce },
        { signal },
      ),
    refreshMs,
  );
  const webhooks = call.data?.webhooks ?? [];
  const got = webhooks.filter(({ matched, deliveries }) => matched || deliveries.length > 0);
  const others = webhooks.filter((one) => !got.includes(one));
  return (
    <section class="panel" aria-label="Webhooks">
      <header>
        <h2>Webhooks</h2>
        {call.data === undefined ? null : (
          <span class="faint">{`${got.length} of ${plural(webhooks.length, "webhook")} ${got.length === 1 ? "receives" : "receive"} it`}</span>
        )}
      </header>
      <Failure error={call.error} retry={call.reload} />
      <ul class="rows explained">
        {[...got, ...others].map((one) => (
          <Explanation key={one.webhookId} eventId={eventId} explanation={one} onChange={call.reload} />
        ))}
      </ul>
      {call.data?.nextPageToken ? (
        <p class="faint">{all.value ? "" : "There are more webhooks; tenterhook event explain lists them all."}</p>
      ) : null}
    </section>
  );
}

interface ExplanationProps {
  eventId: string;
  explanation: WebhookExplanation;
  onChange: () => void;
}

function Explanation({ eventId, explanation, onChange }: ExplanationProps): JSX.Element {
  const { webhookId, displayName, state, matched, reason, rules, deliveries } = explanation;
  const refusals = matched
    ? []
    : rules.map((rule) => (rules.length === 1 ? rule.reason : `rule ${rule.index + 1}: ${rule.reason}`));
  return (
    <li>
      <Badge
        word={matched ? { sign: "✓", word: "matches", tone: "good" } : { sign: "✗", word: "no match", tone: "quiet" }}
      />
      <a href={path(["webhooks", webhookId])}>
        <Text value={displayName} />
      </a>
      {state === WebhookState.ACTIVE ? null : <Badge word={webhookWord(state)} />}
      <span class="reason">
        <Text value={[reason, ...refusals].join(" · ")} />
      </span>
      {deliveries.map((delivery) => (
        <a class="delivery-link" href={path(["deliveries", delivery.id])}>
          <DeliveryBadge state={delivery.state} /> <Answer attempt={delivery.lastAttempt} />
        </a>
      ))}
      {matched && may("operate") ? (
        <Deliver eventId={eventId} webhookId={webhookId} again={deliveries.length > 0} onChange={onChange} />
      ) : null}
    </li>
  );
}

interface DeliverProps {
  eventId: string;
  webhookId: Webhook["id"];
  again: boolean;
  onChange: () => void;
}

/** Makes a new delivery of the event. */
function Deliver({ eventId, webhookId, again, onChange }: DeliverProps): JSX.Element {
  const action = useAction();
  const deliver = async (): Promise<void> => {
    const request = {
      namespace: namespace.peek(),
      webhookId,
      filter: { eventIds: [eventId] },
      includeDelivered: again,
      requestId: crypto.randomUUID(),
    };
    const done = await action.run(async () =>
      say(`${plural((await api.events.replayEvents(request)).deliveryCount, "delivery", "deliveries")} made.`),
    );
    if (!done) {
      say(action.error.value?.rawMessage ?? "");
    }
    onChange();
  };
  return (
    <Button busy={action.busy.value} onClick={deliver}>
      {again ? "Deliver again" : "Deliver"}
    </Button>
  );
}
