// The rule by which the event goes to the webhook, as the webhook is now.

import type { JSX } from "preact";
import type { Delivery } from "tenterhook/web";
import { useCall } from "../../api/call.ts";
import { api } from "../../api/client.ts";

export function MatchedRule({ delivery }: { delivery: Delivery }): JSX.Element | null {
  const { webhookId, eventId } = delivery;
  const call = useCall(`rule ${webhookId} ${eventId}`, (signal) =>
    api.webhooks.renderPreview(
      { target: { case: "webhookId", value: webhookId }, source: { case: "eventId", value: eventId } },
      { signal },
    ),
  );
  if (call.data === undefined) {
    return null;
  }
  const first = call.data.rules.find(({ matched }) => matched);
  const text =
    first !== undefined
      ? `rule ${first.index + 1}`
      : call.data.matched
        ? "no rules: every event"
        : "the rules match it no longer";
  return (
    <div>
      <dt>Matched by</dt>
      <dd>{text}</dd>
    </div>
  );
}
