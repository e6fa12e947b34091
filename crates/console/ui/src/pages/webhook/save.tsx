// Saving an edit: the difference first; when another edit was saved first, theirs and ours.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { ConflictError, type TenterhookError, type Webhook } from "tenterhook/web";
import { useAction } from "../../api/call.ts";
import { api, code } from "../../api/client.ts";
import { say } from "../../app/notices.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Diff } from "../../parts/diff.tsx";
import { Failure } from "../../parts/error.tsx";
import { configText, type Draft } from "./draft.ts";

export interface SaveProps {
  draft: Draft;
  /** The fields that the edit may change, as an update mask. */
  paths: string[];
  onChange: () => void;
  /** Is called with what the server refused. */
  onRefused?: (error: TenterhookError | undefined) => void;
}

/** The bar that appears when something was edited. */
export function SaveBar(props: SaveProps): JSX.Element | null {
  const open = useSignal(false);
  const { draft } = props;
  if (!draft.dirty) {
    return null;
  }
  return (
    <div class="save-bar">
      <span>Not saved yet.</span>
      <span class="push" />
      <Button onClick={() => draft.reset(draft.base)}>Discard</Button>
      <Button kind="primary" onClick={() => (open.value = true)}>
        Review and save…
      </Button>
      {open.value ? <SaveDialog {...props} onClose={() => (open.value = false)} /> : null}
    </div>
  );
}

function SaveDialog({ draft, paths, onChange, onRefused, onClose }: SaveProps & { onClose: () => void }): JSX.Element {
  const action = useAction();
  const theirs = useSignal<Webhook | undefined>(undefined);
  const save = async (): Promise<void> => {
    const saved = await action.run(() =>
      api.webhooks.updateWebhook({ webhook: { ...draft.webhook, etag: draft.base.etag }, updateMask: { paths } }),
    );
    onRefused?.(action.error.value);
    if (saved) {
      say("Saved.");
      draft.reset(draft.base);
      onChange();
      onClose();
    } else if (isConflict(action.error.value)) {
      theirs.value = (await api.webhooks.getWebhook({ webhookId: draft.webhook.id })).webhook;
      if (theirs.value !== undefined) {
        action.error.value = undefined;
        draft.rebase(theirs.value);
      }
    }
  };
  const conflict = theirs.value !== undefined;
  return (
    <Dialog
      title={conflict ? "Changed by someone else" : "Save"}
      wide
      onClose={onClose}
      actions={
        <>
          {conflict ? (
            <Button onClick={() => draft.reset(draft.base)}>Take theirs</Button>
          ) : (
            <Button onClick={onClose}>Close</Button>
          )}
          <Button kind="primary" busy={action.busy.value} onClick={save}>
            {conflict ? "Save mine over it" : "Save"}
          </Button>
        </>
      }
    >
      {conflict ? (
        <p role="status">
          Someone changed this webhook while you edited it. Removed lines are theirs, added ones yours.
        </p>
      ) : null}
      <Diff before={configText(draft.base)} after={configText(draft.webhook)} same="Nothing differs." />
      <Failure error={action.error.value} />
    </Dialog>
  );
}

function isConflict(error: TenterhookError | undefined): boolean {
  return error instanceof ConflictError && error.code === code.aborted;
}
