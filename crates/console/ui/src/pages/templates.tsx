// The template editor: what is sent, with a preview of the request as one types.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { RenderPreviewResponse, Webhook } from "tenterhook/web";
import { type Call, useCall } from "../api/call.ts";
import { api } from "../api/client.ts";
import { query, setQuery } from "../app/place.ts";
import { plain } from "../pure/text.ts";
import { Failure } from "../parts/error.tsx";
import { Choice, Field } from "../parts/field.tsx";
import { useSettled } from "../parts/settled.ts";
import { isPart, Parts } from "./templates/parts.tsx";
import { Preview } from "./templates/preview.tsx";
import { examplePaste, pasted, sourceOf } from "./templates/source.ts";
import type { WebhookProps } from "./webhook/actions.tsx";
import { configText, useDraft } from "./webhook/draft.ts";
import { SaveBar } from "./webhook/save.tsx";

const paths = ["request", "rules"];
const shownEvents = 50;

export function Templates({ webhook, onChange }: WebhookProps): JSX.Element {
  const draft = useDraft(webhook);
  const asked = query.value.get("part") ?? "";
  const events = useEvents(webhook);
  const eventId = query.value.get("event") ?? events?.[0]?.[0] ?? "";
  const text = useSignal("");
  const preview = usePreview(draft.webhook, eventId, text.value);
  const errors = preview.data?.errors ?? [];
  return (
    <>
      <div class="editor">
        <Parts
          draft={draft}
          part={isPart(asked) ? asked : "body"}
          onPart={(part) => setQuery({ part })}
          errors={errors}
        />
        <section class="panel preview" aria-label="Preview">
          <header>
            <h2>Preview</h2>
            <span class="push" />
            <Choice
              label="Event"
              value={eventId}
              options={[...(events ?? []), ["", "an event without data"], [pasted, "paste an event…"]]}
              onChange={(event) => setQuery({ event })}
            />
          </header>
          {eventId === pasted ? (
            <div>
              <Field
                label="Event"
                mono
                rows={5}
                value={text.value}
                placeholder={examplePaste}
                onInput={(value) => (text.value = value)}
                error={
                  text.value !== "" && sourceOf(pasted, text.value) === undefined
                    ? "This is not an event in JSON."
                    : undefined
                }
              />
            </div>
          ) : null}
          <Failure error={preview.error} />
          {preview.data === undefined ? null : (
            <Preview response={preview.data} stale={preview.loading} rules={draft.webhook.rules.length} />
          )}
        </section>
      </div>
      <SaveBar draft={draft} paths={paths} onChange={onChange} />
    </>
  );
}

/** Events to try the templates with: the latest that went to the webhook, then the latest of all. */
function useEvents({ id: webhookId, namespace }: Webhook): [string, string][] | undefined {
  const call = useCall(`event choice ${webhookId}`, async (signal) => {
    const { deliveries } = await api.deliveries.listDeliveries(
      { namespace, filter: { webhookIds: [webhookId] }, pageSize: shownEvents },
      { signal },
    );
    const { events } = await api.events.listEvents({ namespace, pageSize: shownEvents }, { signal });
    const sent = deliveries.map(({ eventId, eventType }) => [eventId, eventType] as const);
    return new Map([...sent, ...events.map(({ id, type }) => [id, type] as const)]);
  });
  return call.data === undefined ? undefined : [...call.data].map(([id, type]) => [id, plain(`${type} · ${id}`)]);
}

/** The preview of the draft, 300 ms after the last key; the call before it is cancelled. */
function usePreview(webhook: Webhook, eventId: string, text: string): Call<RenderPreviewResponse | undefined> {
  const settled = useSettled(`${configText(webhook)} ${text}`);
  const source = sourceOf(eventId, text);
  const load = async (signal: AbortSignal): Promise<RenderPreviewResponse | undefined> =>
    source === undefined
      ? undefined
      : api.webhooks.renderPreview({ target: { case: "webhook", value: webhook }, source }, { signal });
  return useCall("preview", load, undefined, `${settled} ${eventId}`);
}
