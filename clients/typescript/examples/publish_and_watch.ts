// Publishes events and follows their deliveries until each has ended:
// `node dist/examples/publish_and_watch.js [TARGET] [RECEIVER_URL]`. Without a receiver that listens
// the deliveries are retried, which is shown too.

import { AttemptOutcome, Client, DeliveryState, type Delivery } from "../src/index.js";

const [target = "localhost:50051", url = "http://127.0.0.1:9000/hook"] = process.argv.slice(2);
const client = new Client(target);
const { webhook } = await client.createWebhook(
  {
    displayName: "typescript example",
    request: { url },
    retry: { maxAttempts: 2, backoff: { case: "schedule", value: { waits: [{ seconds: 1n }] } } },
  },
  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
);
try {
  const results = await client.publishBatch(["created", "updated", "deleted"].map((type) => ({ type })));
  const waiting = new Set(results.map((result) => result.eventId));
  console.log("published", waiting.size, "events");
  // What has ended already is in the list; what is still to come, the watch tells.
  const filter = { webhookIds: [webhook.id] };
  const list = client.listDeliveries({ filter });
  for await (const delivery of list) {
    settle(delivery, waiting);
  }
  const watch = client.watch({ filter, start: { case: "resumeToken", value: list.resumeToken } });
  while (waiting.size > 0) {
    const next = await watch.next();
    const delivery = (next.value?.change.delivery ?? {}) as Delivery;
    const outcome = AttemptOutcome[delivery.lastAttempt?.outcome ?? AttemptOutcome.UNSPECIFIED];
    console.log(delivery.eventId, DeliveryState[delivery.state], outcome);
    settle(delivery, waiting);
  }
  watch.close();
} finally {
  await client.webhooks.deleteWebhook({ webhookId: webhook.id });
  client.close();
}

function settle(delivery: Delivery, waiting: Set<string>): void {
  if (delivery.state === DeliveryState.SUCCEEDED || delivery.state === DeliveryState.FAILED) {
    waiting.delete(delivery.eventId);
  }
}
