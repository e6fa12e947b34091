// What can be done with a webhook: test, resume, pause, replay, delete.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Webhook, WebhookState } from "tenterhook/web";
import { useAction } from "../../api/call.ts";
import { api } from "../../api/client.ts";
import { may } from "../../api/server.ts";
import { say } from "../../app/notices.ts";
import { countText } from "../../pure/text.ts";
import { Button } from "../../parts/button.tsx";
import { DeleteDialog } from "./delete.tsx";
import { PauseDialog } from "./pause.tsx";
import { ReplayDialog } from "./replay.tsx";
import { TestDialog } from "./test.tsx";

export interface WebhookProps {
  webhook: Webhook;
  onChange: () => void;
}

export function WebhookActions({ webhook, onChange }: WebhookProps): JSX.Element {
  const open = useSignal<"test" | "pause" | "replay" | "delete" | undefined>(undefined);
  const close = (): void => void (open.value = undefined);
  const stopped = webhook.state === WebhookState.PAUSED || webhook.state === WebhookState.SUSPENDED;
  const shared = { webhook, onClose: close, onChange };
  return (
    <>
      {may("operate") ? (
        <>
          <Button hotkey="t" onClick={() => (open.value = "test")}>
            Test…
          </Button>
          <Button onClick={() => (open.value = "replay")}>Replay…</Button>
          {webhook.state === WebhookState.ACTIVE ? (
            <Button onClick={() => (open.value = "pause")}>Pause…</Button>
          ) : null}
        </>
      ) : null}
      {may("administer") ? (
        <Button kind="danger" onClick={() => (open.value = "delete")}>
          Delete…
        </Button>
      ) : null}
      {may("operate") && (stopped || webhook.health?.circuitOpen === true) ? (
        <Resume hotkey="r" webhook={webhook} onChange={onChange} />
      ) : null}
      {open.value === "test" ? <TestDialog {...shared} /> : null}
      {open.value === "pause" ? <PauseDialog {...shared} /> : null}
      {open.value === "replay" ? <ReplayDialog {...shared} /> : null}
      {open.value === "delete" ? <DeleteDialog {...shared} /> : null}
    </>
  );
}

/** Resumes, or sends one delivery through an open circuit breaker. */
export function Resume({ webhook, onChange, hotkey }: WebhookProps & { hotkey?: string }): JSX.Element {
  const action = useAction();
  const waiting = Number(webhook.health?.waiting ?? 0n);
  const active = webhook.state === WebhookState.ACTIVE;
  const resume = async (): Promise<void> => {
    const done = await action.run(() => api.webhooks.resumeWebhook({ webhookId: webhook.id }));
    say(done ? (active ? "A probe is sent now." : "Resumed.") : (action.error.value?.rawMessage ?? ""));
    onChange();
  };
  return (
    <Button kind="primary" {...(hotkey === undefined ? {} : { hotkey })} busy={action.busy.value} onClick={resume}>
      {active ? "Probe now" : waiting === 0 ? "Resume" : `Resume and send ${countText(waiting)}`}
    </Button>
  );
}
