// The calls of the API reference, each between its marks; they run against the server of the harness.

import { type Client, DeliveryState, durationFromMs, SignatureScheme, WatchPosition } from "../src/index.js";

export const calls: Record<string, (client: Client) => Promise<unknown>> = {
  async createToken(client) {
    // ANCHOR: CreateToken
    const response = await client.access.createToken({
      role: "viewer",
      displayName: "support",
      lifetime: durationFromMs(3_600_000),
    });
    // ANCHOR_END: CreateToken
    return response;
  },
  async listTokens(client) {
    // ANCHOR: ListTokens
    const response = await client.access.listTokens({ pageSize: 100 });
    // ANCHOR_END: ListTokens
    return response;
  },
  async revokeToken(client) {
    // ANCHOR: RevokeToken
    const response = await client.access.revokeToken({ tokenId: "tok_00000000000000000000000000" });
    // ANCHOR_END: RevokeToken
    return response;
  },
  async getDelivery(client) {
    // ANCHOR: GetDelivery
    const response = await client.deliveries.getDelivery({ deliveryId: "dlv_00000000000000000000000000" });
    // ANCHOR_END: GetDelivery
    return response;
  },
  async retryDelivery(client) {
    // ANCHOR: RetryDelivery
    const response = await client.deliveries.retryDelivery({ deliveryId: "dlv_00000000000000000000000000" });
    // ANCHOR_END: RetryDelivery
    return response;
  },
  async batchRetryDeliveries(client) {
    // ANCHOR: BatchRetryDeliveries
    const response = await client.deliveries.batchRetryDeliveries({
      filter: { webhookIds: ["wh_00000000000000000000000000"], states: [DeliveryState.FAILED] },
      validateOnly: true,
    });
    // ANCHOR_END: BatchRetryDeliveries
    return response;
  },
  async cancelDelivery(client) {
    // ANCHOR: CancelDelivery
    const response = await client.deliveries.cancelDelivery({ deliveryId: "dlv_00000000000000000000000000" });
    // ANCHOR_END: CancelDelivery
    return response;
  },
  async batchCancelDeliveries(client) {
    // ANCHOR: BatchCancelDeliveries
    const response = await client.deliveries.batchCancelDeliveries({
      filter: { webhookIds: ["wh_00000000000000000000000000"] },
      validateOnly: true,
    });
    // ANCHOR_END: BatchCancelDeliveries
    return response;
  },
  async getDeliveryStats(client) {
    // ANCHOR: GetDeliveryStats
    const response = await client.deliveries.getDeliveryStats({
      webhookId: "wh_00000000000000000000000000",
      window: durationFromMs(86_400_000),
      bucketWidth: durationFromMs(3_600_000),
    });
    // ANCHOR_END: GetDeliveryStats
    return response;
  },
  async getEvent(client) {
    // ANCHOR: GetEvent
    const response = await client.events.getEvent({ eventId: "site-7" });
    // ANCHOR_END: GetEvent
    return response;
  },
  async explainEvent(client) {
    // ANCHOR: ExplainEvent
    const response = await client.events.explainEvent({ source: { case: "eventId", value: "site-7" } });
    // ANCHOR_END: ExplainEvent
    return response;
  },
  async replayEvents(client) {
    // ANCHOR: ReplayEvents
    const response = await client.events.replayEvents({
      webhookId: "wh_00000000000000000000000000",
      filter: { eventTypes: ["created"] },
      validateOnly: true,
    });
    // ANCHOR_END: ReplayEvents
    return response;
  },
  async getServerInfo(client) {
    // ANCHOR: GetServerInfo
    const response = await client.server.getServerInfo({});
    // ANCHOR_END: GetServerInfo
    return response;
  },
  async listNamespaces(client) {
    // ANCHOR: ListNamespaces
    const response = await client.server.listNamespaces({ pageSize: 100 });
    // ANCHOR_END: ListNamespaces
    return response;
  },
  async getWebhook(client) {
    // ANCHOR: GetWebhook
    const response = await client.webhooks.getWebhook({ webhookId: "wh_00000000000000000000000000" });
    // ANCHOR_END: GetWebhook
    return response;
  },
  async updateWebhook(client) {
    // ANCHOR: UpdateWebhook
    const response = await client.webhooks.updateWebhook({
      webhook: { id: "wh_00000000000000000000000000", description: "sites of the warehouse" },
      updateMask: { paths: ["description"] },
    });
    // ANCHOR_END: UpdateWebhook
    return response;
  },
  async deleteWebhook(client) {
    // ANCHOR: DeleteWebhook
    const response = await client.webhooks.deleteWebhook({ webhookId: "wh_00000000000000000000000000" });
    // ANCHOR_END: DeleteWebhook
    return response;
  },
  async pauseWebhook(client) {
    // ANCHOR: PauseWebhook
    const response = await client.webhooks.pauseWebhook({
      webhookId: "wh_00000000000000000000000000",
      reason: "receiver is being moved",
    });
    // ANCHOR_END: PauseWebhook
    return response;
  },
  async resumeWebhook(client) {
    // ANCHOR: ResumeWebhook
    const response = await client.webhooks.resumeWebhook({ webhookId: "wh_00000000000000000000000000" });
    // ANCHOR_END: ResumeWebhook
    return response;
  },
  async rotateSigningKey(client) {
    // ANCHOR: RotateSigningKey
    const response = await client.webhooks.rotateSigningKey({
      webhookId: "wh_00000000000000000000000000",
      gracePeriod: durationFromMs(86_400_000),
    });
    // ANCHOR_END: RotateSigningKey
    return response;
  },
  async revokeSigningKey(client) {
    // ANCHOR: RevokeSigningKey
    const response = await client.webhooks.revokeSigningKey({
      webhookId: "wh_00000000000000000000000000",
      keyId: "key_00000000000000000000000000",
    });
    // ANCHOR_END: RevokeSigningKey
    return response;
  },
  async renderPreview(client) {
    // ANCHOR: RenderPreview
    const response = await client.webhooks.renderPreview({
      target: { case: "webhookId", value: "wh_00000000000000000000000000" },
      source: { case: "eventId", value: "site-7" },
    });
    // ANCHOR_END: RenderPreview
    return response;
  },
  async testWebhook(client) {
    // ANCHOR: TestWebhook
    const response = await client.webhooks.testWebhook({
      webhookId: "wh_00000000000000000000000000",
      eventId: "site-7",
    });
    // ANCHOR_END: TestWebhook
    return response;
  },
  async publishEvent(client) {
    // ANCHOR: PublishEvent
    const result = await client.publish({ type: "created", id: "site-7", objectType: "dcim.site", data: { name: "Zürich" } });
    console.log(result.eventId, result.deliveryCount);
    // ANCHOR_END: PublishEvent
    return result;
  },
  async batchPublishEvents(client) {
    // ANCHOR: BatchPublishEvents
    const events = Array.from({ length: 100 }, (_, id) => ({ type: "created", data: { id } }));
    const results = await client.publishBatch(events);
    // ANCHOR_END: BatchPublishEvents
    return results;
  },
  async streamPublishEvents(client) {
    // ANCHOR: StreamPublishEvents
    const events = Array.from({ length: 100 }, (_, id) => ({ type: "created", data: { id } }));
    for await (const ack of client.publishStream(events)) {
      if (ack.error !== undefined) {
        console.log(ack.sequence, ack.error.message);
      }
    }
    // ANCHOR_END: StreamPublishEvents
  },
  async createWebhook(client) {
    // ANCHOR: CreateWebhook
    const { webhook, signingSecret } = await client.createWebhook({
      displayName: "sites",
      request: { url: "https://example.com/hook" },
      rules: [{ eventTypes: ["created", "updated"], objectTypes: ["dcim.site"] }],
      signing: { schemes: [SignatureScheme.STANDARD_WEBHOOKS] },
    });
    // ANCHOR_END: CreateWebhook
    return [webhook, signingSecret];
  },
  async listWebhooks(client) {
    // ANCHOR: ListWebhooks
    for await (const webhook of client.listWebhooks({ labels: { team: "net" } })) {
      console.log(webhook.id, webhook.displayName);
    }
    // ANCHOR_END: ListWebhooks
  },
  async listEvents(client) {
    // ANCHOR: ListEvents
    for await (const event of client.listEvents({ filter: { eventTypes: ["created"] } })) {
      console.log(event.id, event.type);
    }
    // ANCHOR_END: ListEvents
  },
  async listDeliveries(client) {
    // ANCHOR: ListDeliveries
    for await (const delivery of client.listDeliveries({ filter: { states: [DeliveryState.FAILED] } })) {
      console.log(delivery.id, delivery.eventId);
    }
    // ANCHOR_END: ListDeliveries
  },
  async watchDeliveries(client) {
    // ANCHOR: WatchDeliveries
    for await (const { change, token } of client.watch({ start: { case: "position", value: WatchPosition.EARLIEST } })) {
      console.log(change.delivery?.id, change.delivery?.state, token);
      break; // yours would go on
    }
    // ANCHOR_END: WatchDeliveries
  },
};
