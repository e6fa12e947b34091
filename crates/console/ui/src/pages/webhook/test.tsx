// Testing a webhook: one request is sent now, with a stored event or a ping, and shown as it went.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { TestWebhookResponse } from "tenterhook/web";
import { useAction, useCall } from "../../api/call.ts";
import { api } from "../../api/client.ts";
import { openStates } from "../../app/words.ts";
import { plain } from "../../pure/text.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Failure } from "../../parts/error.tsx";
import { Choice } from "../../parts/field.tsx";
import { Attempt } from "../delivery/attempt.tsx";
import type { WebhookDialogProps } from "./pause.tsx";

const shownEvents = 20;
/** An attempt may take a minute. */
const testTimeoutMs = 65_000;

export function TestDialog({ webhook, onClose, onChange }: WebhookDialogProps): JSX.Element {
  const events = useCandidates(webhook.id, webhook.namespace);
  const chosen = useSignal<string | undefined>(undefined);
  const result = useSignal<TestWebhookResponse | undefined>(undefined);
  const action = useAction();
  const eventId = chosen.value ?? events[0]?.[0] ?? "";
  const send = (): Promise<boolean> =>
    action.run(async () => {
      result.value = undefined;
      result.value = await api.webhooks.testWebhook({ webhookId: webhook.id, eventId }, { timeoutMs: testTimeoutMs });
      onChange();
    });
  return (
    <Dialog
      title="Test"
      wide
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button kind="primary" busy={action.busy.value} onClick={send}>
            {result.value === undefined ? "Send" : "Send again"}
          </Button>
        </>
      }
    >
      <p>One request is sent now, even while the webhook is paused. It is not retried, stored or counted.</p>
      <Choice
        form
        label="Event"
        value={eventId}
        options={[...events, ["", "a ping without data"]]}
        onChange={(id) => (chosen.value = id)}
      />
      <Failure error={action.error.value} />
      <div aria-live="polite">
        {action.busy.value ? <p class="faint">Sending…</p> : null}
        {result.value?.attempt === undefined ? null : <Attempt attempt={result.value.attempt} />}
      </div>
    </Dialog>
  );
}

/** Events to test with: those that wait, oldest first, then the latest. */
function useCandidates(webhookId: string, namespace: string): [string, string][] {
  const call = useCall(`candidates ${webhookId}`, async (signal) => {
    const list = async (states: number[]) =>
      (
        await api.deliveries.listDeliveries(
          { namespace, filter: { webhookIds: [webhookId], states }, pageSize: shownEvents },
          { signal },
        )
      ).deliveries;
    const waiting = (await list(openStates)).reverse();
    return [...waiting, ...(await list([]))];
  });
  const made = new Map<string, string>();
  for (const { eventId, eventType } of call.data ?? []) {
    made.set(eventId, plain(`${eventType} · ${eventId}`));
  }
  return [...made].slice(0, shownEvents);
}
