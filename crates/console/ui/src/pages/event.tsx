// One event: its data, what changed, where it went, and which webhooks did not get it and why.

import type { JSX } from "preact";
import type { Event, JsonDocument } from "tenterhook/web";
import { useCall } from "../api/call.ts";
import { api } from "../api/client.ts";
import { useWebhooks } from "../api/webhooks.ts";
import { namespace, path } from "../app/place.ts";
import { eventLabel } from "../app/words.ts";
import { prettyText } from "../pure/json.ts";
import { Code } from "../parts/body.tsx";
import { Copy, Id } from "../parts/button.tsx";
import { Diff } from "../parts/diff.tsx";
import { Failure } from "../parts/error.tsx";
import { Page } from "../parts/page.tsx";
import { Text } from "../parts/text.tsx";
import { Ago } from "../parts/time.tsx";
import { Explained } from "./event/explained.tsx";

export function EventPage({ id }: { id: string }): JSX.Element {
  useWebhooks(namespace.value, undefined);
  const call = useCall(
    `event ${namespace.value} ${id}`,
    async (signal) => (await api.events.getEvent({ namespace: namespace.value, eventId: id }, { signal })).event,
  );
  const event = call.data;
  return (
    <Page
      call={call}
      title={event === undefined ? "Event" : eventLabel(event)}
      up={{ title: "Events", href: path(["events"]) }}
      commands={{ method: "EventService/ExplainEvent", request: { eventId: id }, words: ["event", "explain", id] }}
    >
      <Failure error={call.error} retry={call.reload} />
      {event === undefined ? null : (
        <>
          <Facts event={event} />
          <Explained eventId={id} />
          <div class="exchange">
            <Data event={event} />
            <Snapshots event={event} />
          </div>
        </>
      )}
    </Page>
  );
}

function Facts({ event }: { event: Event }): JSX.Element {
  const texts: [string, string][] = [
    ["Type", event.type],
    ["Object type", event.objectType],
    ["By", event.username],
    ["Request", event.requestId],
    ["Ordering key", event.orderingKey],
    ...Object.entries(event.attributes),
  ];
  return (
    <dl class="facts">
      <div>
        <dt>Event</dt>
        <dd>
          <Id value={event.id} />
        </dd>
      </div>
      <div>
        <dt>Published</dt>
        <dd>
          <Ago at={event.publishTime} />
        </dd>
      </div>
      {texts.map(([name, value]) =>
        value === "" ? null : (
          <div>
            <dt>
              <Text value={name} />
            </dt>
            <dd>
              <Text value={value} />
            </dd>
          </div>
        ),
      )}
      {event.deliverAfter === undefined ? null : (
        <div>
          <dt>Not before</dt>
          <dd>
            <Ago at={event.deliverAfter} />
          </dd>
        </div>
      )}
      {event.expireTime === undefined ? null : (
        <div>
          <dt>Given up</dt>
          <dd>
            <Ago at={event.expireTime} />
          </dd>
        </div>
      )}
    </dl>
  );
}

function Data({ event }: { event: Event }): JSX.Element {
  const text = jsonOf(event.data);
  return (
    <section class="message" aria-label="Data">
      <header>
        <h2>Data</h2>
        <span class="push" />
        <Copy text={() => text} label="data" />
      </header>
      <div class="message-text" tabIndex={0}>
        {text === "" ? <p class="faint">This event has no data.</p> : <Code text={text} />}
      </div>
    </section>
  );
}

function Snapshots({ event: { snapshots } }: { event: Event }): JSX.Element | null {
  if (snapshots === undefined) {
    return null;
  }
  return (
    <section class="message" aria-label="Changes">
      <header>
        <h2>Changes</h2>
      </header>
      <div class="message-text" tabIndex={0}>
        <Diff
          before={prettyText(jsonOf(snapshots.prechange))}
          after={prettyText(jsonOf(snapshots.postchange))}
          same="The snapshots are the same."
        />
      </div>
    </section>
  );
}

function jsonOf(document: JsonDocument | undefined): string {
  return document?.value.case === "json" ? document.value.value : "";
}
