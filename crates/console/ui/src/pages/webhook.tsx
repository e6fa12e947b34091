// One webhook: why it is in its state, and tabs for its deliveries, configuration, templates, keys.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Webhook } from "tenterhook/web";
import { useCall } from "../api/call.ts";
import { api } from "../api/client.ts";
import { onlyWebhook } from "../api/server.ts";
import { namespace, path, query } from "../app/place.ts";
import { readQuery } from "../live/query.ts";
import { WebhookBadge } from "../parts/badge.tsx";
import { Failure } from "../parts/error.tsx";
import { Page } from "../parts/page.tsx";
import { DeliveryTable } from "./deliveries/table.tsx";
import { Templates } from "./templates.tsx";
import { WebhookActions } from "./webhook/actions.tsx";
import { Configuration } from "./webhook/configuration.tsx";
import { Keys } from "./webhook/keys.tsx";
import { Why } from "./webhook/why.tsx";

const refreshMs = 3000;
const tabs = [
  ["", "Deliveries"],
  ["configuration", "Configuration"],
  ["templates", "Templates"],
  ["keys", "Keys"],
] as const;

export function WebhookPage({ id, tab }: { id: string; tab: string }): JSX.Element {
  const version = useSignal(0);
  const call = useCall(
    `webhook ${id}`,
    async (signal) => (await api.webhooks.getWebhook({ webhookId: id }, { signal })).webhook,
    refreshMs,
  );
  const webhook = call.data;
  const changed = (): void => {
    version.value += 1;
    call.reload();
  };
  return (
    <Page
      call={call}
      title={webhook?.displayName ?? "Webhook"}
      up={{ title: "Webhooks", href: path(["webhooks"]) }}
      after={webhook === undefined ? null : <WebhookBadge webhook={webhook} />}
      actions={webhook === undefined ? null : <WebhookActions webhook={webhook} onChange={changed} />}
      commands={{
        method: "WebhookService/GetWebhook",
        request: { webhookId: id },
        unscoped: true,
        words: ["webhook", "show", webhook?.displayName ?? id],
      }}
    >
      <Failure error={call.error} retry={call.reload} />
      {webhook === undefined ? null : (
        <>
          <Why webhook={webhook} />
          <nav class="tabs" aria-label="Parts of the webhook">
            {tabs
              .filter(([segment]) => segment !== "templates" || onlyWebhook.value === "")
              .map(([segment, title]) => (
                <a
                  href={path(["webhooks", id, ...(segment === "" ? [] : [segment])])}
                  aria-current={tab === segment ? "page" : undefined}
                >
                  {title}
                </a>
              ))}
          </nav>
          <Tab webhook={webhook} tab={tab} version={version.value} onChange={changed} />
        </>
      )}
    </Page>
  );
}

interface TabProps {
  webhook: Webhook;
  tab: string;
  version: number;
  onChange: () => void;
}

function Tab({ webhook, tab, version, onChange }: TabProps): JSX.Element {
  switch (tab) {
    case "configuration":
      return <Configuration webhook={webhook} onChange={onChange} />;
    case "templates":
      return <Templates webhook={webhook} onChange={onChange} />;
    case "keys":
      return <Keys webhook={webhook} onChange={onChange} />;
    default:
      return <DeliveryTable key={namespace.value} query={readQuery(query.value, webhook.id)} version={version} />;
  }
}
