// A webhook while it is edited: the version that the edit began with, and the draft.

import { clone, toJsonString } from "@bufbuild/protobuf";
import { type Signal, useSignal } from "@preact/signals";
import { type Webhook, WebhookSchema } from "tenterhook/web";
import { prettyText } from "../../pure/json.ts";

/** An edit of a webhook. */
export interface Draft {
  /** What the edit began with; its etag goes along when it is saved. */
  base: Webhook;
  webhook: Webhook;
  dirty: boolean;
  /** The draft as it is now, whatever was rendered. */
  latest(): Webhook;
  /** Changes the draft. */
  edit(change: (webhook: Webhook) => void): void;
  /** Begins again with this version. */
  reset(stored: Webhook): void;
  /** Keeps the draft, to be saved over this version. */
  rebase(stored: Webhook): void;
}

/** The draft of a component. While nothing is edited it follows the stored webhook. */
export function useDraft(stored: Webhook): Draft {
  const base: Signal<Webhook | undefined> = useSignal(undefined);
  const draft: Signal<Webhook | undefined> = useSignal(undefined);
  const from = base.value ?? stored;
  const webhook = draft.value ?? stored;
  return {
    base: from,
    webhook,
    dirty: draft.value !== undefined && configText(from) !== configText(webhook),
    latest: () => draft.peek() ?? stored,
    edit(change) {
      const next = clone(WebhookSchema, draft.peek() ?? stored);
      change(next);
      base.value ??= stored;
      draft.value = next;
    },
    reset() {
      base.value = undefined;
      draft.value = undefined;
    },
    rebase(newer) {
      base.value = newer;
    },
  };
}

/** The configuration of a webhook as text, for comparing: without what the server decides. */
export function configText(webhook: Webhook): string {
  const copy = clone(WebhookSchema, webhook);
  copy.state = 0;
  copy.stateReason = "";
  copy.signingKeys = [];
  copy.warnings = [];
  copy.etag = "";
  for (const name of ["health", "createTime", "updateTime"] as const) {
    delete copy[name];
  }
  return prettyText(toJsonString(WebhookSchema, copy));
}
