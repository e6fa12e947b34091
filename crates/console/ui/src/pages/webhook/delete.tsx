// Deleting a webhook; it says how many deliveries that cancels.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useAction, useCall } from "../../api/call.ts";
import { api } from "../../api/client.ts";
import { say } from "../../app/notices.ts";
import { go, path } from "../../app/place.ts";
import { openStates } from "../../app/words.ts";
import { plural } from "../../pure/text.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Failure } from "../../parts/error.tsx";
import { Field } from "../../parts/field.tsx";
import type { WebhookDialogProps } from "./pause.tsx";

export function DeleteDialog({ webhook, onClose }: WebhookDialogProps): JSX.Element {
  const typed = useSignal("");
  const action = useAction();
  const { id, displayName, namespace, etag } = webhook;
  const counted = useCall(`open ${id}`, async (signal) => {
    const filter = { webhookIds: [id], states: openStates };
    return (await api.deliveries.batchCancelDeliveries({ namespace, filter, validateOnly: true }, { signal }))
      .deliveryCount;
  });
  const remove = async (): Promise<void> => {
    if (await action.run(() => api.webhooks.deleteWebhook({ webhookId: id, etag }))) {
      say("Deleted.");
      go(path(["webhooks"]));
    }
  };
  const count = counted.data;
  return (
    <Dialog
      title="Delete"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button kind="danger" disabled={typed.value !== displayName} busy={action.busy.value} onClick={remove}>
            Delete
          </Button>
        </>
      }
    >
      <p>
        {count === undefined ? (
          "Counting its open deliveries…"
        ) : count === 0n ? (
          "No delivery is open."
        ) : (
          <strong>{`This cancels ${plural(count, "open delivery", "open deliveries")}.`}</strong>
        )}{" "}
        The webhook and its keys are gone for good; what it delivered stays listed until retention ends.
      </p>
      <Field
        label="Type its name to delete it"
        value={typed.value}
        onInput={(value) => (typed.value = value)}
        placeholder={displayName}
      />
      <Failure error={action.error.value ?? counted.error} />
    </Dialog>
  );
}
