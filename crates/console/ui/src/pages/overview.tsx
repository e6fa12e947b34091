// Is anything wrong, since when, and why?

import type { ComponentChildren, JSX } from "preact";
import { type GetDeliveryStatsResponse, type Webhook, WebhookState } from "tenterhook/web";
import { useCall } from "../api/call.ts";
import { api } from "../api/client.ts";
import { useWebhooks } from "../api/webhooks.ts";
import { namespace, path } from "../app/place.ts";
import { durationText, ms, parts } from "../pure/time.ts";
import { countText, plural } from "../pure/text.ts";
import { webhookStanding } from "../parts/badge.tsx";
import { Failure } from "../parts/error.tsx";
import { Page } from "../parts/page.tsx";
import { Age } from "../parts/time.tsx";
import { Attention } from "./overview/attention.tsx";
import { Chart } from "./overview/chart.tsx";
import { Outcomes } from "./overview/outcomes.tsx";

const refreshMs = 5000;
const windowMs = 3_600_000;
const bucketMs = 60_000;

export function Overview(): JSX.Element {
  const webhooks = useWebhooks(namespace.value);
  const stats = useCall(
    `overview ${namespace.value}`,
    (signal) =>
      api.deliveries.getDeliveryStats(
        { namespace: namespace.value, window: parts(windowMs), bucketWidth: parts(bucketMs) },
        { signal },
      ),
    refreshMs,
  );
  const all = webhooks.data ?? [];
  const wrong = all.filter(needsAttention);
  return (
    <Page
      call={stats}
      title="Overview"
      commands={{ method: "DeliveryService/GetDeliveryStats", request: {}, words: ["status"] }}
    >
      <Failure error={webhooks.error ?? stats.error} retry={stats.reload} />
      {webhooks.data === undefined || stats.data === undefined ? null : (
        <>
          <Headline all={all} wrong={wrong} />
          <Tiles webhooks={all} stats={stats.data} />
          <Attention webhooks={wrong} onChange={webhooks.reload} />
          <div class="split">
            <Chart buckets={stats.data.buckets} />
            <Outcomes stats={stats.data} />
          </div>
        </>
      )}
    </Page>
  );
}

/** Suspended, failing or paused: what an operator wants to know of. */
function needsAttention(webhook: Webhook): boolean {
  const { tone, word } = webhookStanding(webhook);
  return tone === "bad" || tone === "warn" || word === "paused";
}

function Headline({ all, wrong }: { all: Webhook[]; wrong: Webhook[] }): JSX.Element {
  const suspended = wrong.filter(({ state }) => state === WebhookState.SUSPENDED).length;
  const paused = wrong.filter(({ state }) => state === WebhookState.PAUSED).length;
  const failing = wrong.length - suspended - paused;
  const said = [
    suspended === 0 ? "" : `${plural(suspended, "webhook is", "webhooks are")} suspended and sent nothing`,
    failing === 0 ? "" : `${plural(failing, "webhook fails", "webhooks fail")}`,
    paused === 0 ? "" : `${plural(paused, "webhook is", "webhooks are")} paused`,
  ].filter((part) => part !== "");
  const tone = suspended > 0 ? "bad" : failing > 0 ? "warn" : "good";
  const text =
    all.length === 0
      ? "No webhooks yet."
      : said.length === 0
        ? `All ${plural(all.length, "webhook")} deliver.`
        : `${said.join("; ")}.`;
  return (
    <p class={`headline ${all.length === 0 ? "" : tone}`}>
      <span class="dot" aria-hidden="true" />
      {text}
      {all.length === 0 ? <a href={path(["webhooks", "new"])}>Create the first</a> : null}
    </p>
  );
}

function Tiles({ webhooks, stats }: { webhooks: Webhook[]; stats: GetDeliveryStatsResponse }): JSX.Element {
  const { total } = stats;
  const waiting = webhooks.reduce((sum, { health }) => sum + (health?.waiting ?? 0n), 0n) || (total?.open ?? 0n);
  const oldest = webhooks.map(({ health }) => ms(health?.oldestWaitingTime)).filter((at) => at !== undefined);
  const attempts = Number(total?.attempts ?? 0n);
  const failed = Number(total?.failedAttempts ?? 0n);
  const half = ms(total?.attemptLatencyP50);
  const slow = ms(total?.attemptLatencyP99);
  return (
    <ul class="tiles" aria-label="Numbers">
      <Tile name="Waiting" value={countText(waiting)} href={path(["deliveries"], { state: "open" })}>
        {oldest.length === 0 ? (
          waiting === 0n ? (
            "nothing waits"
          ) : (
            ""
          )
        ) : (
          <>
            oldest for <Age at={Math.min(...oldest)} />
          </>
        )}
      </Tile>
      <Tile
        name="Succeeded, last hour"
        value={countText(total?.succeeded ?? 0n)}
        href={path(["deliveries"], { state: "succeeded", since: "1h" })}
      >
        {attempts === 0
          ? "no attempts"
          : `${Math.floor(((attempts - failed) / attempts) * 1000) / 10} % of ${plural(attempts, "attempt")}`}
      </Tile>
      <Tile
        name="Given up, last hour"
        value={countText(total?.failed ?? 0n)}
        href={path(["deliveries"], { state: "failed", since: "1h" })}
      >
        {failed === 0 ? "no attempt failed" : `${plural(failed, "attempt")} failed`}
      </Tile>
      <Tile
        name="Time of an attempt"
        value={half === undefined ? "–" : durationText(half)}
        href={path(["deliveries"], { since: "1h" })}
      >
        {slow === undefined ? "no attempts" : `99 of 100 within ${durationText(slow)}`}
      </Tile>
    </ul>
  );
}

interface TileProps {
  name: string;
  value: string;
  href: string;
  children: ComponentChildren;
}

/** A number, what it counts, and what to know with it. */
function Tile({ name, value, href, children }: TileProps): JSX.Element {
  return (
    <li>
      <a href={href}>
        <span class="tile-name">{name}</span>
        <span class="tile-value">{value}</span>
        <span class="faint">{children}</span>
      </a>
    </li>
  );
}
