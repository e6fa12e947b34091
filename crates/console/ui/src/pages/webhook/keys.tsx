// The signing keys of a webhook: rotate, revoke. A secret is shown once and leaves with its dialog.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { SignatureScheme, type SigningKey, SigningKeyAlgorithm, type Webhook } from "tenterhook/web";
import { useAction } from "../../api/call.ts";
import { api } from "../../api/client.ts";
import { may } from "../../api/server.ts";
import { say } from "../../app/notices.ts";
import { plain } from "../../pure/text.ts";
import { parts, readDuration } from "../../pure/time.ts";
import { Button, Copy, Id } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Failure } from "../../parts/error.tsx";
import { Choice, Field } from "../../parts/field.tsx";
import { Text } from "../../parts/text.tsx";
import { Ago } from "../../parts/time.tsx";
import type { WebhookProps } from "./actions.tsx";
import type { WebhookDialogProps } from "./pause.tsx";

const schemeNames: Record<SignatureScheme, string> = {
  [SignatureScheme.UNSPECIFIED]: "unknown",
  [SignatureScheme.NETBOX]: "NetBox (X-Hook-Signature)",
  [SignatureScheme.STANDARD_WEBHOOKS]: "Standard Webhooks (webhook-signature)",
  [SignatureScheme.GITHUB]: "GitHub (X-Hub-Signature-256)",
  [SignatureScheme.STANDARD_WEBHOOKS_ASYMMETRIC]: "Standard Webhooks (webhook-signature, Ed25519)",
};

const keyKinds = [
  [String(SigningKeyAlgorithm.UNSPECIFIED), "the secret"],
  [String(SigningKeyAlgorithm.ED25519), "the key pair"],
] as const;

export function Keys({ webhook, onChange }: WebhookProps): JSX.Element {
  const rotating = useSignal(false);
  const { signingKeys, signing } = webhook;
  const schemes = (signing?.schemes ?? []).map((scheme) => schemeNames[scheme]);
  const customs = (signing?.custom ?? []).map(({ header }) => plain(header));
  const credentials = credentialsText(webhook);
  return (
    <section class="panel" aria-label="Signing keys">
      <header>
        <h2>Signing keys</h2>
        <span class="faint">{[...schemes, ...customs].join(" · ")}</span>
        <span class="push" />
        {may("administer") ? (
          <Button onClick={() => (rotating.value = true)}>
            {signingKeys.length === 0 ? "Make a key…" : "Rotate…"}
          </Button>
        ) : null}
      </header>
      {credentials === "" ? null : <p>{credentials}</p>}
      {signingKeys.length === 0 ? (
        <p class="empty">Requests are not signed: receivers cannot verify who sent them.</p>
      ) : (
        <ul class="rows">
          {signingKeys.map((key) => (
            <Key key={key.id} signingKey={key} webhook={webhook} onChange={onChange} />
          ))}
        </ul>
      )}
      {rotating.value ? (
        <RotateDialog webhook={webhook} onChange={onChange} onClose={() => (rotating.value = false)} />
      ) : null}
    </section>
  );
}

/** How requests authenticate to the receiver. */
function credentialsText({ authentication }: Webhook): string {
  const method = authentication?.method;
  switch (method?.case) {
    case "basic":
      return `Requests authenticate as ${method.value.username} (Basic).`;
    case "oauth2":
      return `Requests authenticate with a token of ${method.value.tokenUrl} (OAuth 2.0, client ${method.value.clientId}).`;
    default:
      return "";
  }
}

interface KeyProps extends WebhookProps {
  signingKey: SigningKey;
}

function Key({ signingKey, webhook, onChange }: KeyProps): JSX.Element {
  const { id, createTime, expireTime, publicKey } = signingKey;
  const current = expireTime === undefined;
  const action = useAction();
  const revoke = async (): Promise<void> => {
    if (await action.run(() => api.webhooks.revokeSigningKey({ webhookId: webhook.id, keyId: id }))) {
      say("Revoked.");
    }
    onChange();
  };
  return (
    <li>
      <Id value={id} />
      <span>
        {current ? (
          "signs"
        ) : (
          <>
            signs too until <Ago at={expireTime} />
          </>
        )}
      </span>
      <span class="faint">
        made <Ago at={createTime} />
      </span>
      {publicKey === "" ? null : (
        <Copy text={() => publicKey} label="public key">
          Copy public key
        </Copy>
      )}
      <span class="push" />
      {current || !may("administer") ? null : (
        <Button kind="danger" busy={action.busy.value} onClick={revoke}>
          Revoke now
        </Button>
      )}
    </li>
  );
}

function RotateDialog({ webhook, onClose, onChange }: WebhookDialogProps): JSX.Element {
  const grace = useSignal("24h");
  const secret = useSignal("");
  const algorithm = useSignal(SigningKeyAlgorithm.UNSPECIFIED);
  const algorithms = new Set(webhook.signingKeys.map((key) => key.algorithm));
  const action = useAction();
  const span = readDuration(grace.value);
  const isFirst = webhook.signingKeys.length === 0;
  const rotate = async (): Promise<void> => {
    await action.run(async () => {
      const gracePeriod = parts(span ?? 0);
      const response = await api.webhooks.rotateSigningKey({
        webhookId: webhook.id,
        gracePeriod,
        algorithm: algorithm.value,
        requestId: crypto.randomUUID(),
      });
      secret.value = response.signingSecret;
      onChange();
    });
    if (action.error.value === undefined && secret.value === "") {
      say("Rotated. Give the receiver the new public key.");
      onClose();
    }
  };
  if (secret.value !== "") {
    return <SecretDialog secret={secret.value} onClose={onClose} />;
  }
  return (
    <Dialog
      title={isFirst ? "Make a signing key" : "Rotate the signing key"}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button kind="primary" disabled={span === undefined} busy={action.busy.value} onClick={rotate}>
            {isFirst ? "Make" : "Rotate"}
          </Button>
        </>
      }
    >
      <p>
        {isFirst
          ? "The server makes a key and signs with it from now on. Its secret is shown next, once: give it to the receiver."
          : "The server makes a new key and signs with it at once. The old one signs too until the grace period ends, so that the receiver can change over."}
      </p>
      {algorithms.size < 2 ? null : (
        <Choice
          form
          label="Key"
          value={String(algorithm.value)}
          options={keyKinds}
          onChange={(value) => (algorithm.value = Number(value))}
        />
      )}
      {isFirst ? null : (
        <Field
          label="Grace period"
          value={grace.value}
          onInput={(value) => (grace.value = value)}
          error={span === undefined ? "Write it as 30m, 24h or 7d." : undefined}
        />
      )}
      <Failure error={action.error.value} />
    </Dialog>
  );
}

/** A secret, shown once. */
export function SecretDialog({ secret, onClose }: { secret: string; onClose: () => void }): JSX.Element {
  return (
    <Dialog
      title="Signing secret"
      onClose={onClose}
      actions={
        <Button kind="primary" onClick={onClose}>
          I have stored it
        </Button>
      }
    >
      <p>Give it to the receiver. It is shown only once.</p>
      <div class="command">
        <code>
          <Text value={secret} />
        </code>
        <Copy text={() => secret} label="secret" />
      </div>
    </Dialog>
  );
}
