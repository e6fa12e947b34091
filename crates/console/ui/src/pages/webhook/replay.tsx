// Replaying past events to a webhook: counted first, then confirmed.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useAction, useCall } from "../../api/call.ts";
import { api } from "../../api/client.ts";
import { say } from "../../app/notices.ts";
import { parts, readDuration } from "../../pure/time.ts";
import { plural } from "../../pure/text.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Failure } from "../../parts/error.tsx";
import { Check, Field } from "../../parts/field.tsx";
import type { WebhookDialogProps } from "./pause.tsx";

/** A replay may touch many events. */
const replayTimeoutMs = 60_000;

export function ReplayDialog({ webhook, onClose, onChange }: WebhookDialogProps): JSX.Element {
  const since = useSignal("1h");
  const types = useSignal("");
  const again = useSignal(false);
  const action = useAction();
  const span = readDuration(since.value);
  const send = async (validateOnly: boolean, requestId: string): Promise<bigint> => {
    const filter = {
      startTime: parts(Date.now() - (span ?? 0)),
      eventTypes: types.value.split(/[\s,]+/).filter((type) => type !== ""),
    };
    const request = {
      namespace: webhook.namespace,
      webhookId: webhook.id,
      filter,
      includeDelivered: again.value,
      validateOnly,
      requestId,
    };
    return (await api.events.replayEvents(request, { timeoutMs: replayTimeoutMs })).deliveryCount;
  };
  const counted = useCall(`replay ${since.value} ${types.value} ${again.value}`, async () =>
    span === undefined ? undefined : send(true, ""),
  );
  const count = counted.data;
  const confirm = async (): Promise<void> => {
    if (
      await action.run(async () =>
        say(`${plural(await send(false, crypto.randomUUID()), "delivery", "deliveries")} made.`),
      )
    ) {
      onChange();
      onClose();
    }
  };
  return (
    <Dialog
      title="Replay events"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button
            kind="primary"
            disabled={count === undefined || count === 0n}
            busy={action.busy.value}
            onClick={confirm}
          >
            {count === undefined || count === 0n ? "Replay" : `Replay ${plural(count, "event")}`}
          </Button>
        </>
      }
    >
      <p>Makes new deliveries of past events that the webhook's rules match now.</p>
      <Field
        label="Published within the last"
        value={since.value}
        onInput={(value) => (since.value = value)}
        error={span === undefined ? "Write it as 30m, 2h or 7d." : undefined}
        hint="30m, 2h, 7d"
      />
      <Field
        label="Only these event types"
        value={types.value}
        onInput={(value) => (types.value = value)}
        placeholder="every type"
        hint="Patterns, separated by commas: created, job_*"
      />
      <Check
        label="Also events that this webhook was delivered before"
        checked={again.value}
        onChange={(checked) => (again.value = checked)}
      />
      <p role="status">
        {count === undefined
          ? "Counting…"
          : count === 0n
            ? "No event matches."
            : `${plural(count, "event")} will be delivered.`}
      </p>
      <Failure error={action.error.value ?? counted.error} />
    </Dialog>
  );
}
