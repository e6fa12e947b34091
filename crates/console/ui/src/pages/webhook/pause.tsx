// Pausing a webhook, with the reason for those who look at it later.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useAction } from "../../api/call.ts";
import { api } from "../../api/client.ts";
import { say } from "../../app/notices.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Failure } from "../../parts/error.tsx";
import { Field } from "../../parts/field.tsx";
import type { WebhookProps } from "./actions.tsx";

/** What the dialogs of a webhook take. */
export interface WebhookDialogProps extends WebhookProps {
  onClose: () => void;
}

export function PauseDialog({ webhook, onClose, onChange }: WebhookDialogProps): JSX.Element {
  const reason = useSignal("");
  const action = useAction();
  const pause = async (): Promise<void> => {
    if (await action.run(() => api.webhooks.pauseWebhook({ webhookId: webhook.id, reason: reason.value.trim() }))) {
      say("Paused.");
      onChange();
      onClose();
    }
  };
  return (
    <Dialog
      title="Pause"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button kind="primary" busy={action.busy.value} onClick={pause}>
            Pause
          </Button>
        </>
      }
    >
      <p>Nothing is sent until it is resumed. Events keep queueing; none is lost.</p>
      <Field
        label="Reason"
        value={reason.value}
        onInput={(value) => (reason.value = value)}
        placeholder="the receiver is being moved"
      />
      <Failure error={action.error.value} />
    </Dialog>
  );
}
