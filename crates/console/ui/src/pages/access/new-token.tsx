// A new token: its secret and its link are shown once and leave with the dialog.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Webhook } from "tenterhook/web";
import { useAction } from "../../api/call.ts";
import { api } from "../../api/client.ts";
import { namespace } from "../../app/place.ts";
import { base } from "../../pure/routes.ts";
import { plain } from "../../pure/text.ts";
import { parts, readDuration } from "../../pure/time.ts";
import { Button, Copy } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Failure } from "../../parts/error.tsx";
import { Choice, Field } from "../../parts/field.tsx";
import { Text } from "../../parts/text.tsx";

const roles = [
  ["viewer", "viewer: looks"],
  ["operator", "operator: looks, retries, tests, pauses"],
  ["publisher", "publisher: publishes events"],
  ["admin", "admin: everything"],
] as const;
const shortestMs = 60_000;
const longestMs = 30 * 86_400_000;

interface NewTokenProps {
  webhooks: readonly Webhook[];
  onChange: () => void;
  onClose: () => void;
}

export function NewTokenDialog({ webhooks, onChange, onClose }: NewTokenProps): JSX.Element {
  const name = useSignal("");
  const role = useSignal("viewer");
  const webhookId = useSignal("");
  const lifetime = useSignal("24h");
  const secret = useSignal("");
  const action = useAction();
  const span = readDuration(lifetime.value);
  const isLegal = span !== undefined && span >= shortestMs && span <= longestMs;
  const create = async (): Promise<void> => {
    await action.run(async () => {
      const response = await api.access.createToken({
        namespace: namespace.value,
        role: role.value,
        displayName: name.value.trim(),
        lifetime: parts(span ?? 0),
        webhookId: role.value === "viewer" ? webhookId.value : "",
      });
      secret.value = response.secret;
      onChange();
    });
  };
  if (secret.value !== "") {
    return <TokenDialog secret={secret.value} onClose={onClose} />;
  }
  return (
    <Dialog
      title="New token"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button
            kind="primary"
            disabled={!isLegal || name.value.trim() === ""}
            busy={action.busy.value}
            onClick={create}
          >
            Create
          </Button>
        </>
      }
    >
      <Field
        label="Name"
        value={name.value}
        onInput={(value) => (name.value = value)}
        hint="Who gets it, or what it is for. The audit log names it."
        autofocus
      />
      <Choice form label="Role" value={role.value} options={roles} onChange={(value) => (role.value = value)} />
      {role.value === "viewer" ? (
        <Choice
          form
          label="Sees"
          value={webhookId.value}
          options={[
            ["", `everything in ${plain(namespace.value)}`],
            ...webhooks.map(({ id, displayName }) => [id, `only ${plain(displayName)} and its deliveries`] as const),
          ]}
          onChange={(value) => (webhookId.value = value)}
        />
      ) : null}
      <Field
        label="Valid for"
        value={lifetime.value}
        onInput={(value) => (lifetime.value = value)}
        error={isLegal ? undefined : "Write it as 30m, 24h or 7d: 1 minute to 30 days."}
      />
      <Failure error={action.error.value} />
    </Dialog>
  );
}

/** The secret of a token and the link made of it, shown once. */
function TokenDialog({ secret, onClose }: { secret: string; onClose: () => void }): JSX.Element {
  // What follows `#` is never sent: no log has it.
  const link = `${location.origin}${base}/#token=${secret}`;
  return (
    <Dialog
      title="Access token"
      onClose={onClose}
      actions={
        <Button kind="primary" onClick={onClose}>
          I have stored it
        </Button>
      }
    >
      <p>The link signs in whoever has it. Link and token are shown only once.</p>
      <Shown label="Link to the console" value={link} />
      <Shown label="Token, for calls of the API" value={secret} />
    </Dialog>
  );
}

function Shown({ label, value }: { label: string; value: string }): JSX.Element {
  return (
    <div class="field">
      <span class="label">{label}</span>
      <div class="command">
        <code>
          <Text value={value} />
        </code>
        <Copy text={() => value} label={label} />
      </div>
    </div>
  );
}
