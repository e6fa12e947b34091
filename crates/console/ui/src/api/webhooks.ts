// The webhooks of the namespace, and their names for pages that know only ids.

import { signal } from "@preact/signals";
import type { DeliveryStats, Webhook } from "tenterhook/web";
import { parts } from "../pure/time.ts";
import { api } from "./client.ts";
import { type Call, useCall } from "./call.ts";

const hourMs = 3_600_000;
const refreshMs = 5000;

const names = signal<ReadonlyMap<string, string>>(new Map());

/** The name of a webhook, or its id while it is not known. */
export function webhookName(id: string): string {
  return names.value.get(id) ?? id;
}

/** All webhooks of a namespace, refreshed every few seconds. */
export function useWebhooks(namespace: string, everyMs: number | undefined = refreshMs): Call<Webhook[]> {
  return useCall(
    `webhooks ${namespace}`,
    async () => {
      const all: Webhook[] = [];
      for await (const webhook of api.listWebhooks({ namespace, pageSize: 1000 })) {
        all.push(webhook);
      }
      names.value = new Map(all.map(({ id, displayName }) => [id, displayName]));
      return all;
    },
    everyMs,
  );
}

/** The counts of each webhook in the last hour. */
export function useLastHour(namespace: string): Call<ReadonlyMap<string, DeliveryStats>> {
  return useCall(
    `stats ${namespace}`,
    async (abort) => {
      const { webhooks } = await api.deliveries.getDeliveryStats(
        { namespace, window: parts(hourMs) },
        { signal: abort },
      );
      return new Map(
        webhooks.flatMap(({ webhookId, stats }) => (stats === undefined ? [] : [[webhookId, stats] as const])),
      );
    },
    refreshMs,
  );
}
