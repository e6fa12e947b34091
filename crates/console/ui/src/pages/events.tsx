// Events of a namespace, newest first.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Event } from "tenterhook/web";
import { useCall } from "../api/call.ts";
import { api } from "../api/client.ts";
import { namespace, path, query, setQuery } from "../app/place.ts";
import { bytesText, countText } from "../pure/text.ts";
import { Button } from "../parts/button.tsx";
import { Failure } from "../parts/error.tsx";
import { Page } from "../parts/page.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Text } from "../parts/text.tsx";
import { Clock } from "../parts/time.tsx";

const pageSize = 200;

export function Events(): JSX.Element {
  const type = query.value.get("type") ?? "";
  const objectType = query.value.get("object") ?? "";
  const filter = { eventTypes: type === "" ? [] : [type], objectTypes: objectType === "" ? [] : [objectType] };
  const older = useSignal<{ key: string; events: Event[]; next: string }>({ key: "", events: [], next: "" });
  const key = JSON.stringify([namespace.value, filter]);
  const call = useCall(`events ${key}`, (signal) =>
    api.events.listEvents({ namespace: namespace.value, filter, pageSize }, { signal }),
  );
  const further = older.value.key === key ? older.value : { events: [], next: call.data?.nextPageToken ?? "" };
  const rows = [...(call.data?.events ?? []), ...further.events];
  const loadMore = async (): Promise<void> => {
    const page = await api.events.listEvents({ namespace: namespace.value, filter, pageSize, pageToken: further.next });
    older.value = { key, events: [...further.events, ...page.events], next: page.nextPageToken };
  };
  return (
    <Page
      call={call}
      title="Events"
      commands={{ method: "EventService/ListEvents", request: {}, words: ["event", "list"] }}
      actions={
        <Button onClick={call.reload} busy={call.loading}>
          Refresh
        </Button>
      }
    >
      <div class="filters">
        <input
          class="search"
          data-filter
          aria-label="Event type"
          placeholder="type, such as created or job_*  /"
          spellcheck={false}
          value={type}
          onChange={(event) => setQuery({ type: event.currentTarget.value.trim() })}
        />
        <input
          class="search"
          aria-label="Object type"
          placeholder="object type, such as dcim.*"
          spellcheck={false}
          value={objectType}
          onChange={(event) => setQuery({ object: event.currentTarget.value.trim() })}
        />
        <span class="push" />
        <span class="faint count">{`${countText(rows.length)}${further.next === "" ? "" : "+"}`}</span>
      </div>
      <Failure error={call.error} retry={call.reload} />
      {call.data === undefined ? null : (
        <Table
          label="Events"
          rows={rows}
          columns={columns}
          id={({ id }) => id}
          href={({ id }) => path(["events", id])}
          empty={
            type === "" && objectType === ""
              ? "No events yet. Publish one: tenterhook event publish --type created"
              : "No event matches."
          }
          onEnd={() => void (further.next === "" ? undefined : loadMore())}
        />
      )}
    </Page>
  );
}

const columns: Column<Event>[] = [
  { title: "Time", width: "w-time", render: ({ publishTime }) => <Clock at={publishTime} /> },
  { title: "Type", width: "w-name", render: ({ type }) => <Text value={type} /> },
  { title: "Object", width: "w-name rank2", render: ({ objectType }) => <Text value={objectType} /> },
  { title: "By", width: "w-name rank3", render: ({ username }) => <Text value={username} /> },
  {
    title: "Id",
    width: "w-wide",
    render: ({ id }) => (
      <code>
        <Text value={id} />
      </code>
    ),
  },
  {
    title: "Data",
    width: "w-count num rank4",
    render: ({ data }) => (
      <span class="faint">{bytesText(data?.value.case === "json" ? data.value.value.length : 0)}</span>
    ),
  },
];
