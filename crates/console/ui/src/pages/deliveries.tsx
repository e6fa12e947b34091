// Deliveries of a namespace, live.

import type { JSX } from "preact";
import { useWebhooks } from "../api/webhooks.ts";
import { namespace, query } from "../app/place.ts";
import { readQuery } from "../live/query.ts";
import { Page } from "../parts/page.tsx";
import { DeliveryTable } from "./deliveries/table.tsx";

export function Deliveries(): JSX.Element {
  const webhooks = useWebhooks(namespace.value, undefined);
  const asked = readQuery(query.value);
  return (
    <Page
      title="Deliveries"
      commands={{
        method: "DeliveryService/ListDeliveries",
        request: { filter: asked.webhook === "" ? {} : { webhookIds: [asked.webhook] } },
        words: ["delivery", "list"],
      }}
    >
      <DeliveryTable query={asked} webhooks={webhooks.data ?? []} />
    </Page>
  );
}
