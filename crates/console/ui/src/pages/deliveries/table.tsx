// The live table of deliveries with its filters, and actions on everything that the filters match.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { Delivery, Webhook } from "tenterhook/web";
import { may } from "../../api/server.ts";
import { webhookName } from "../../api/webhooks.ts";
import { namespace, path, setQuery } from "../../app/place.ts";
import { Live } from "../../live/live.ts";
import { choices, type DeliveryQuery } from "../../live/query.ts";
import { durationText, ms } from "../../pure/time.ts";
import { countText, plain } from "../../pure/text.ts";
import { Answer, DeliveryBadge, WaitsFor } from "../../parts/badge.tsx";
import { Button } from "../../parts/button.tsx";
import { Failure } from "../../parts/error.tsx";
import { Choice } from "../../parts/field.tsx";
import { Icon } from "../../parts/icons.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { Text } from "../../parts/text.tsx";
import { Clock } from "../../parts/time.tsx";
import { Batch, type BatchKind } from "./batch.tsx";

export interface DeliveryTableProps {
  query: DeliveryQuery;
  /** The choice of webhooks; without it the table is that of one webhook. */
  webhooks?: Webhook[];
  /** Changes when the page did something that changes why deliveries wait. */
  version?: number;
}

export function DeliveryTable({ query, webhooks, version = 0 }: DeliveryTableProps): JSX.Element {
  const key = JSON.stringify([namespace.value, query]);
  const live = useMemo(() => new Live(namespace.value, query), [key]);
  const batch = useSignal<BatchKind | undefined>(undefined);
  useEffect(() => () => live.stop(), [live]);
  useEffect(() => {
    if (version > 0) {
      live.restart();
    }
  }, [version]);
  const rows = live.rows.value;
  return (
    <section class="deliveries" aria-label="Deliveries">
      <div class="filters">
        <LiveSign live={live} />
        {webhooks === undefined ? null : (
          <Choice
            label="Webhook"
            value={query.webhook}
            options={[["", "any webhook"], ...webhooks.map(({ id, displayName }) => [id, plain(displayName)] as const)]}
            onChange={(webhook) => setQuery({ webhook })}
          />
        )}
        <Choice label="State" value={query.state} options={choices.state} onChange={(state) => setQuery({ state })} />
        <Choice
          label="Answer"
          value={query.answer}
          options={choices.answer}
          onChange={(answer) => setQuery({ answer })}
        />
        <Choice label="Time" value={query.since} options={choices.since} onChange={(since) => setQuery({ since })} />
        <input
          class="search"
          data-filter
          aria-label="Event type"
          placeholder="type: job_*  /"
          spellcheck={false}
          value={query.type}
          onChange={(event) => setQuery({ type: event.currentTarget.value.trim() })}
        />
        {query.event === "" ? null : (
          <button
            type="button"
            class="chip"
            title="Show the deliveries of every event"
            onClick={() => setQuery({ event: "" })}
          >
            event{" "}
            <code>
              <Text value={query.event} />
            </code>{" "}
            <Icon name="close" />
          </button>
        )}
        <span class="push" />
        <span class="faint count">{`${countText(rows.length)}${live.more.value ? "+" : ""}`}</span>
        {may("operate") ? (
          <>
            <Button onClick={() => (batch.value = "retry")}>Retry…</Button>
            <Button onClick={() => (batch.value = "cancel")}>Cancel…</Button>
          </>
        ) : null}
      </div>
      <Failure error={live.error.value} retry={() => live.restart()} />
      <div class="fresh" aria-live="polite">
        {live.held.value === 0 ? null : (
          <button
            type="button"
            class="button primary"
            onClick={() => {
              live.release();
              scrollTo({ top: 0 });
            }}
          >
            ↑ {countText(live.held.value)} new
          </button>
        )}
      </div>
      {live.state.value === "loading" ? null : (
        <Table
          label="Deliveries"
          rows={rows}
          columns={webhooks === undefined ? withoutWebhook : columns}
          id={({ id }) => id}
          href={({ id }) => path(["deliveries", id])}
          empty={
            isFiltered(query)
              ? "No delivery matches these filters."
              : "No deliveries yet. They appear here as events are published."
          }
          onEnd={() => void live.loadMore()}
          onReading={(reading) => (live.reading = reading)}
        />
      )}
      {batch.value === undefined ? null : (
        <Batch
          kind={batch.value}
          filter={live.filter}
          onClose={() => (batch.value = undefined)}
          onDone={() => live.restart()}
        />
      )}
    </section>
  );
}

function isFiltered({ webhook: _, ...rest }: DeliveryQuery): boolean {
  return Object.values(rest).some((value) => value !== "");
}

function LiveSign({ live }: { live: Live }): JSX.Element {
  const words = { loading: "loading", live: "live", sleeping: "paused", stopped: "stopped" } as const;
  return (
    <span class={`live ${live.state.value}`} role="status">
      {words[live.state.value]}
    </span>
  );
}

const columns: Column<Delivery>[] = [
  { title: "Time", width: "w-time", render: ({ createTime }) => <Clock at={createTime} /> },
  { title: "Webhook", width: "w-name rank2", render: ({ webhookId }) => <Text value={webhookName(webhookId)} /> },
  {
    title: "Event",
    width: "w-event",
    render: ({ eventType, eventId }) => (
      <>
        <Text value={eventType} />{" "}
        <code class="faint rank3">
          <Text value={eventId} />
        </code>
      </>
    ),
  },
  { title: "State", width: "w-state", render: ({ state }) => <DeliveryBadge state={state} /> },
  { title: "Tries", width: "w-tries num rank3", render: ({ attemptCount }) => attemptCount },
  { title: "Answer", width: "w-answer", render: ({ lastAttempt }) => <Answer attempt={lastAttempt} /> },
  { title: "Took", width: "w-count num rank3", render: ({ lastAttempt }) => <Took delivery={lastAttempt} /> },
  { title: "Waits for", width: "w-waits rank4", render: (delivery) => <WaitsFor delivery={delivery} /> },
];

const withoutWebhook = columns.filter(({ title }) => title !== "Webhook");

function Took({ delivery }: { delivery: Delivery["lastAttempt"] }): JSX.Element {
  const took = ms(delivery?.duration);
  return took === undefined ? <span class="faint">–</span> : <>{durationText(took)}</>;
}
