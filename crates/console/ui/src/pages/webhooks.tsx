// The webhooks of a namespace: state, target, rules, how the last hour went, what waits.

import type { JSX } from "preact";
import type { DeliveryStats, Webhook } from "tenterhook/web";
import { may } from "../api/server.ts";
import { useLastHour, useWebhooks } from "../api/webhooks.ts";
import { namespace, path, query, setQuery } from "../app/place.ts";
import { rulesText } from "../pure/rules.ts";
import { countText } from "../pure/text.ts";
import { WebhookBadge, webhookStanding } from "../parts/badge.tsx";
import { Failure } from "../parts/error.tsx";
import { Choice, Search } from "../parts/field.tsx";
import { Page } from "../parts/page.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Text } from "../parts/text.tsx";
import { Age } from "../parts/time.tsx";

const states = [
  ["", "any state"],
  ["active", "active"],
  ["failing", "failing"],
  ["paused", "paused"],
  ["suspended", "suspended"],
  ["disabled", "disabled"],
] as const;

export function Webhooks(): JSX.Element {
  const webhooks = useWebhooks(namespace.value);
  const lastHour = useLastHour(namespace.value);
  const text = query.value.get("find") ?? "";
  const state = query.value.get("state") ?? "";
  const all = webhooks.data ?? [];
  const rows = all.filter(
    (webhook) => (state === "" || webhookStanding(webhook).word === state) && isFound(webhook, text),
  );
  return (
    <Page
      call={webhooks}
      title="Webhooks"
      after={<span class="faint">{webhooks.data === undefined ? "" : countText(all.length)}</span>}
      actions={
        may("administer") ? (
          <a class="button primary" href={path(["webhooks", "new"])}>
            New webhook
          </a>
        ) : null
      }
      commands={{ method: "WebhookService/ListWebhooks", request: {}, words: ["webhook", "list"] }}
    >
      <div class="filters">
        <Search label="Find by name, URL or label" value={text} onInput={(find) => setQuery({ find })} />
        <Choice label="State" value={state} options={states} onChange={(chosen) => setQuery({ state: chosen })} />
        <span class="push" />
        {rows.length === all.length ? null : (
          <span class="faint">{`${countText(rows.length)} of ${countText(all.length)}`}</span>
        )}
      </div>
      <Failure error={webhooks.error} retry={webhooks.reload} />
      {webhooks.data === undefined ? null : (
        <Table
          label="Webhooks"
          rows={rows}
          columns={columns(lastHour.data ?? new Map())}
          id={({ id }) => id}
          href={({ id }) => path(["webhooks", id])}
          empty={all.length === 0 ? <NoWebhooks /> : "No webhook matches."}
        />
      )}
    </Page>
  );
}

function NoWebhooks(): JSX.Element {
  return (
    <>
      <p>This namespace has no webhooks yet. A webhook is a receiver and the rules that say which events it gets.</p>
      {may("administer") ? (
        <a class="button primary" href={path(["webhooks", "new"])}>
          New webhook
        </a>
      ) : null}
    </>
  );
}

/** Whether the name, the URL or a label holds the text. */
function isFound(webhook: Webhook, text: string): boolean {
  const labels = Object.entries(webhook.labels).map(([name, value]) => `${name}=${value}`);
  return [webhook.displayName, webhook.request?.url ?? "", webhook.id, ...labels].some((one) =>
    one.toLowerCase().includes(text.toLowerCase()),
  );
}

function columns(lastHour: ReadonlyMap<string, DeliveryStats>): Column<Webhook>[] {
  return [
    { title: "Name", width: "w-name", render: ({ displayName }) => <Text value={displayName} /> },
    { title: "State", width: "w-state", render: (webhook) => <WebhookBadge webhook={webhook} /> },
    {
      title: "URL",
      width: "w-wide rank3",
      render: ({ request }) => (
        <code>
          <Text value={request?.url ?? ""} />
        </code>
      ),
    },
    {
      title: "Rules",
      width: "w-rules rank4",
      render: ({ rules }) => (
        <span class="faint">
          <Text value={rulesText(rules)} />
        </span>
      ),
    },
    { title: "Last hour", width: "w-rate", render: ({ id }) => <Success stats={lastHour.get(id)} /> },
    {
      title: "Waiting",
      width: "w-count num rank2",
      render: (webhook) => <Waiting webhook={webhook} stats={lastHour.get(webhook.id)} />,
    },
    {
      title: "Oldest",
      width: "w-count num rank2",
      render: ({ health }) =>
        health?.oldestWaitingTime === undefined ? <span class="faint">–</span> : <Age at={health.oldestWaitingTime} />,
    },
  ];
}

function Waiting({ webhook, stats }: { webhook: Webhook; stats: DeliveryStats | undefined }): JSX.Element {
  const waiting = Number(webhook.health?.waiting ?? 0n) || Number(stats?.open ?? 0n);
  return waiting === 0 ? <span class="faint">0</span> : <>{countText(waiting)}</>;
}

/** The share of attempts that succeeded, as a bar and in words. */
export function Success({ stats }: { stats: DeliveryStats | undefined }): JSX.Element {
  const attempts = Number(stats?.attempts ?? 0n);
  if (stats === undefined || attempts === 0) {
    return <span class="faint">no attempts</span>;
  }
  const failed = Number(stats.failedAttempts) || Math.max(0, attempts - Number(stats.succeeded));
  const share = (attempts - failed) / attempts;
  return (
    <span class="success">
      <svg viewBox="0 0 48 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="bar-bad" width="48" height="4" />
        <rect class="bar-good" width={48 * share} height="4" />
      </svg>
      {share > 0.995 && share < 1 ? "99 %" : `${Math.round(share * 100)} %`}
      <span class="faint"> of {countText(attempts)}</span>
    </span>
  );
}
