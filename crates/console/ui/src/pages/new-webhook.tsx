// Making a webhook: the little that it needs. The server checks it while one types.

import { create } from "@bufbuild/protobuf";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Webhook, WebhookSchema, SignatureScheme } from "tenterhook/web";
import { useAction, useCall } from "../api/call.ts";
import { api } from "../api/client.ts";
import { say } from "../app/notices.ts";
import { go, namespace, path } from "../app/place.ts";
import { Button } from "../parts/button.tsx";
import { Failure } from "../parts/error.tsx";
import { Choice, Field } from "../parts/field.tsx";
import { Page } from "../parts/page.tsx";
import { useSettled } from "../parts/settled.ts";
import { SecretDialog } from "./webhook/keys.tsx";

const schemes = [
  ["2", "Standard Webhooks"],
  ["4", "Standard Webhooks, Ed25519: receivers need only the public key"],
  ["1", "NetBox"],
  ["3", "GitHub"],
  ["", "not signed"],
] as const;

export function NewWebhook(): JSX.Element {
  const fields = useSignal({ name: "", url: "", types: "", scheme: "2" });
  const made = useSignal<{ id: string; secret: string } | undefined>(undefined);
  const action = useAction();
  const set = (change: Partial<typeof fields.value>): void => void (fields.value = { ...fields.value, ...change });
  const webhook = draft(fields.value, namespace.value);
  const settled = useSettled(JSON.stringify(fields.value));
  const begun = fields.value.name !== "" && fields.value.url !== "";
  const checked = useCall(`check ${settled}`, async (signal) =>
    begun ? api.webhooks.createWebhook({ webhook, validateOnly: true }, { signal }) : undefined,
  );
  const wrong = (field: string): string | undefined =>
    begun ? checked.error?.fieldViolations.find((one) => one.field.endsWith(field))?.description : undefined;
  const save = async (): Promise<void> => {
    await action.run(async () => {
      const response = await api.webhooks.createWebhook({ webhook, requestId: crypto.randomUUID() });
      say("Created.");
      made.value = { id: response.webhook?.id ?? "", secret: response.signingSecret };
    });
    if (made.value !== undefined && made.value.secret === "") {
      go(path(["webhooks", made.value.id]));
    }
  };
  return (
    <Page
      title="New webhook"
      up={{ title: "Webhooks", href: path(["webhooks"]) }}
      commands={{
        method: "WebhookService/CreateWebhook",
        request: {
          webhook: { namespace: namespace.value, displayName: fields.value.name, request: { url: fields.value.url } },
        },
        unscoped: true,
        words: ["webhook", "create"],
      }}
    >
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <section class="panel">
          <Field
            label="Name"
            autofocus
            value={fields.value.name}
            onInput={(name) => set({ name })}
            placeholder="orders"
            error={wrong("display_name")}
          />
          <Field
            label="URL"
            mono
            value={fields.value.url}
            onInput={(url) => set({ url })}
            placeholder="https://shop.example.com/hooks"
            error={wrong("url")}
            hint="May hold Jinja expressions; the host must be written out."
          />
          <Field
            label="Event types"
            mono
            value={fields.value.types}
            onInput={(types) => set({ types })}
            placeholder="every type"
            error={wrong("event_types[0]")}
            hint="Patterns, separated by commas: created, job_*. Further rules can be added later."
          />
          <Choice
            form
            label="Signature"
            value={fields.value.scheme}
            options={schemes}
            onChange={(scheme) => set({ scheme })}
          />
        </section>
        <Failure
          error={
            action.error.value ??
            (begun && wrong("display_name") === undefined && wrong("url") === undefined ? checked.error : undefined)
          }
        />
        <div class="form-end">
          <Button
            kind="primary"
            busy={action.busy.value}
            disabled={!begun || checked.error !== undefined}
            onClick={save}
          >
            Create webhook
          </Button>
        </div>
      </form>
      {made.value === undefined || made.value.secret === "" ? null : (
        <SecretDialog secret={made.value.secret} onClose={() => go(path(["webhooks", made.value?.id ?? ""]))} />
      )}
    </Page>
  );
}

function draft(
  { name, url, types, scheme }: { name: string; url: string; types: string; scheme: string },
  inNamespace: string,
): Webhook {
  const eventTypes = types.split(/[\s,]+/).filter((type) => type !== "");
  return create(WebhookSchema, {
    displayName: name,
    namespace: inNamespace,
    request: { url },
    rules: eventTypes.length === 0 ? [] : [{ eventTypes }],
    ...(scheme === "" ? {} : { signing: { schemes: [Number(scheme) as SignatureScheme] } }),
  });
}
