// Access tokens: who has one in this namespace, a new one, and the end of one.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Token } from "tenterhook/web";
import { useAction, useCall } from "../api/call.ts";
import { api } from "../api/client.ts";
import { useWebhooks, webhookName } from "../api/webhooks.ts";
import { say } from "../app/notices.ts";
import { namespace } from "../app/place.ts";
import { Button, Id } from "../parts/button.tsx";
import { Failure } from "../parts/error.tsx";
import { Page } from "../parts/page.tsx";
import { Text } from "../parts/text.tsx";
import { Ago } from "../parts/time.tsx";
import { NewTokenDialog } from "./access/new-token.tsx";

const refreshMs = 5000;
/** A namespace has no more tokens. */
const mostTokens = 1000;

export function Access(): JSX.Element {
  const creating = useSignal(false);
  const webhooks = useWebhooks(namespace.value, undefined);
  const call = useCall(
    `tokens ${namespace.value}`,
    async (signal) =>
      (await api.access.listTokens({ namespace: namespace.value, pageSize: mostTokens }, { signal })).tokens,
    refreshMs,
  );
  const tokens = call.data;
  return (
    <Page
      call={call}
      title="Access"
      actions={
        <Button kind="primary" onClick={() => (creating.value = true)}>
          New token…
        </Button>
      }
      commands={{ method: "AccessService/ListTokens", request: {} }}
    >
      <p class="faint">
        A token opens this console by a link, or calls the API, with one role in this namespace until it expires. API
        keys are in the server's key file.
      </p>
      <Failure error={call.error} retry={call.reload} />
      {tokens === undefined ? null : (
        <section class="panel" aria-label="Access tokens">
          <header>
            <h2>Access tokens</h2>
          </header>
          {tokens.length === 0 ? (
            <p class="empty">Nobody has a token for this namespace.</p>
          ) : (
            <ul class="rows">
              {tokens.map((token) => (
                <Row key={token.id} token={token} onChange={call.reload} />
              ))}
            </ul>
          )}
        </section>
      )}
      {creating.value ? (
        <NewTokenDialog
          webhooks={webhooks.data ?? []}
          onChange={call.reload}
          onClose={() => (creating.value = false)}
        />
      ) : null}
    </Page>
  );
}

function Row({ token, onChange }: { token: Token; onChange: () => void }): JSX.Element {
  const action = useAction();
  const { id, displayName, role, webhookId, creator, expireTime } = token;
  const revoke = async (): Promise<void> => {
    if (await action.run(() => api.access.revokeToken({ tokenId: id }))) {
      say("Revoked. Its sessions and streams end within 5 seconds.");
    }
    onChange();
  };
  return (
    <li>
      <strong>
        <Text value={displayName} />
      </strong>
      <span>
        {role}
        {webhookId === "" ? null : (
          <>
            {" of "}
            <Text value={webhookName(webhookId)} />
          </>
        )}
      </span>
      <span class="faint">
        expires <Ago at={expireTime} />
        {creator === "" ? null : (
          <>
            {", issued by "}
            <Text value={creator} />
          </>
        )}
      </span>
      <Id value={id} />
      <span class="push" />
      <Button kind="danger" busy={action.busy.value} title={`Revoke ${displayName}`} onClick={revoke}>
        Revoke now
      </Button>
      <Failure error={action.error.value} />
    </li>
  );
}
