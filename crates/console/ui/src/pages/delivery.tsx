// One delivery: its attempts in time, what was sent and what came back.

import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { Delivery as DeliveryMessage } from "tenterhook/web";
import { DeliveryState } from "tenterhook/web";
import { useAction, useCall } from "../api/call.ts";
import { api } from "../api/client.ts";
import { may, onlyWebhook } from "../api/server.ts";
import { useWebhooks, webhookName } from "../api/webhooks.ts";
import { say } from "../app/notices.ts";
import { namespace, path, query, setQuery } from "../app/place.ts";
import { isFinal } from "../app/words.ts";
import { DeliveryBadge, WaitsFor } from "../parts/badge.tsx";
import { Button, Id } from "../parts/button.tsx";
import { Failure } from "../parts/error.tsx";
import { Page } from "../parts/page.tsx";
import { Text } from "../parts/text.tsx";
import { Ago } from "../parts/time.tsx";
import { Attempt } from "./delivery/attempt.tsx";
import { MatchedRule } from "./delivery/rule.tsx";
import { TimeLine } from "./delivery/time-line.tsx";

const refreshMs = 1500;
/** A finished delivery changes only when it is retried by hand. */
const finishedRefreshMs = 10_000;

export function Delivery({ id }: { id: string }): JSX.Element {
  useWebhooks(namespace.value, undefined);
  const finished = useRef(false);
  const call = useCall(
    `delivery ${id}`,
    (signal) => api.getDelivery(id, { signal }),
    finished.current ? finishedRefreshMs : refreshMs,
  );
  const delivery = call.data;
  finished.current = delivery !== undefined && isFinal(delivery.state);
  return (
    <Page
      call={call}
      title={delivery === undefined ? "Delivery" : `${delivery.eventType} → ${webhookName(delivery.webhookId)}`}
      up={{ title: "Deliveries", href: path(["deliveries"]) }}
      after={delivery === undefined ? null : <DeliveryBadge state={delivery.state} />}
      actions={delivery === undefined || !may("operate") ? null : <Actions delivery={delivery} reload={call.reload} />}
      commands={{
        method: "DeliveryService/GetDelivery",
        request: { deliveryId: id },
        unscoped: true,
        words: ["delivery", "show", id],
      }}
    >
      <Failure error={call.error} retry={call.reload} />
      {delivery === undefined ? null : <Shown delivery={delivery} />}
    </Page>
  );
}

function Shown({ delivery }: { delivery: DeliveryMessage }): JSX.Element {
  const { attempts } = delivery;
  const asked = Number(query.value.get("attempt") ?? attempts.at(-1)?.number ?? 0);
  const at = Math.max(
    0,
    attempts.findIndex(({ number }) => number === asked),
  );
  const attempt = attempts[at];
  return (
    <>
      <Facts delivery={delivery} />
      <TimeLine
        delivery={delivery}
        chosen={attempt?.number ?? 0}
        onChoose={(number) => setQuery({ attempt: String(number) })}
      />
      {attempt === undefined ? (
        <p class="empty">Nothing has been sent yet.</p>
      ) : (
        <Attempt attempt={attempt} before={attempts[at - 1]} />
      )}
    </>
  );
}

function Facts({ delivery }: { delivery: DeliveryMessage }): JSX.Element {
  return (
    <dl class="facts">
      <div>
        <dt>Delivery</dt>
        <dd>
          <Id value={delivery.id} />
        </dd>
      </div>
      <div>
        <dt>Event</dt>
        <dd>
          {onlyWebhook.value === "" ? (
            <a href={path(["events", delivery.eventId])}>
              <code>
                <Text value={delivery.eventId} />
              </code>
            </a>
          ) : (
            <Id value={delivery.eventId} />
          )}
        </dd>
      </div>
      <div>
        <dt>Webhook</dt>
        <dd>
          <a href={path(["webhooks", delivery.webhookId])}>
            <Text value={webhookName(delivery.webhookId)} />
          </a>
        </dd>
      </div>
      <div>
        <dt>Created</dt>
        <dd>
          <Ago at={delivery.createTime} />
        </dd>
      </div>
      {isFinal(delivery.state) ? (
        <div>
          <dt>Finished</dt>
          <dd>
            <Ago at={delivery.finishTime} />
          </dd>
        </div>
      ) : (
        <div>
          <dt>Waits for</dt>
          <dd>
            <WaitsFor delivery={delivery} />
          </dd>
        </div>
      )}
      {delivery.orderingKey === "" ? null : (
        <div>
          <dt>Ordering key</dt>
          <dd>
            <Text value={delivery.orderingKey} />
          </dd>
        </div>
      )}
      {onlyWebhook.value === "" ? <MatchedRule delivery={delivery} /> : null}
    </dl>
  );
}

function Actions({ delivery, reload }: { delivery: DeliveryMessage; reload: () => void }): JSX.Element {
  const action = useAction();
  const { id, state } = delivery;
  const run = async (task: () => Promise<unknown>, done: string): Promise<void> => {
    if (await action.run(task)) {
      say(done);
      setQuery({ attempt: "" });
    } else {
      say(action.error.value?.rawMessage ?? "");
    }
    reload();
  };
  return (
    <>
      {isFinal(state) ? null : (
        <Button
          busy={action.busy.value}
          onClick={() => run(() => api.deliveries.cancelDelivery({ deliveryId: id }), "Cancelled.")}
        >
          Cancel
        </Button>
      )}
      <Button
        kind="primary"
        hotkey="r"
        disabled={state === DeliveryState.IN_FLIGHT}
        busy={action.busy.value}
        onClick={() => run(() => api.deliveries.retryDelivery({ deliveryId: id }), "It will be sent now.")}
      >
        {state === DeliveryState.SUCCEEDED ? "Send again" : "Retry now"}
      </Button>
    </>
  );
}
