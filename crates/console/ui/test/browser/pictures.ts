// Takes the pictures of docs/console: every page, light and dark, of a real server whose webhooks are as on a
// bad night.

import { mkdirSync } from "node:fs";
import { DeliveryState, WebhookState } from "tenterhook/web";
import { launch, open, rest } from "./browser.ts";
import { Receiver, Server, until } from "./server.ts";

const folder = process.env["PICTURES"] ?? "../../../docs/console";
const viewport = { width: 1200, height: 760 };

const body = `{
  "order": {{ data.id | tojson }},
  "name": {{ data.name | tojson }},
  "by": {{ username | tojson }}
}`;

/** What the pictures are of. */
interface Night {
  webhookId: string;
  deliveryId: string;
  eventId: string;
}

async function main(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const receiver = new Receiver();
  await receiver.start();
  const [server, browser] = await Promise.all([Server.start("--dev"), launch()]);
  try {
    const { webhookId, deliveryId, eventId } = await play(server, receiver);
    const pages: Record<string, string> = {
      overview: "",
      webhooks: "webhooks",
      webhook: `webhooks/${webhookId}`,
      templates: `webhooks/${webhookId}/templates`,
      deliveries: "deliveries",
      delivery: `deliveries/${deliveryId}`,
      event: `events/${eventId}`,
      server: "server",
    };
    for (const colorScheme of ["light", "dark"] as const) {
      for (const [name, path] of Object.entries(pages)) {
        const { page, close } = await open(browser, server.origin, `/console/${path}`, { colorScheme, viewport });
        await rest(page);
        await page.evaluate(() => document.fonts.ready);
        await page.screenshot({ path: `${folder}/${name}-${colorScheme}.png` });
        await close();
      }
    }
  } finally {
    await browser.close();
    await server.stop();
    receiver.stop();
  }
}

/** One webhook is suspended, one fails now and then, one is paused, one is fine. */
async function play(server: Server, receiver: Receiver): Promise<Night> {
  const { client } = server;
  receiver.replies.set("/orders", {
    status: 410,
    body: '{"error": "this endpoint has moved", "request": "r-18"}',
    headers: { "content-type": "application/json" },
  });
  receiver.replies.set("/billing", {
    status: 503,
    body: '{"error": "database is locked", "request": "r-7"}',
    headers: { "content-type": "application/json", "retry-after": "20" },
  });
  const make = async (displayName: string, objectTypes: string[], more: object = {}): Promise<string> => {
    const url = receiver.url(`/${displayName}`);
    const { webhook } = await client.createWebhook({
      displayName,
      request: { url },
      rules: [{ objectTypes }],
      ...more,
    });
    return webhook.id;
  };
  const orders = await make("orders", ["shop.order"], { request: { url: receiver.url("/orders"), body } });
  await make("billing", ["shop.invoice"]);
  await make("inventory", ["shop.item", "shop.order"]);
  const slack = await make("slack", ["shop.item"]);
  await client.webhooks.pauseWebhook({ webhookId: slack, reason: "moving to a new workspace" });

  const event = (objectType: string, id: number, kind = "created") => ({
    type: kind,
    objectType,
    username: "mwalker",
    data: { id, name: `${objectType.slice(5)} ${id}`, status: "open" },
    snapshots: { prechange: { id, status: "draft" }, postchange: { id, status: "open" } },
  });
  const { eventId } = await client.publish(event("shop.order", 11));
  const state = async (): Promise<WebhookState | undefined> =>
    (await client.webhooks.getWebhook({ webhookId: orders })).webhook?.state;
  await until(async () => (await state()) === WebhookState.SUSPENDED);
  const many = (objectType: string, count: number) =>
    Array.from({ length: count }, (_, at) => event(objectType, at + 12, at % 3 === 0 ? "updated" : "created"));
  await client.publishBatch([...many("shop.item", 40), ...many("shop.invoice", 7), ...many("shop.order", 23)]);
  await until(async () => receiver.received.filter(({ path }) => path === "/inventory").length >= 64);
  const failed = async () =>
    (await client.deliveries.listDeliveries({ filter: { webhookIds: [orders], states: [DeliveryState.FAILED] } }))
      .deliveries;
  await until(async () => (await failed()).length > 0);
  const deliveryId = (await failed())[0]?.id ?? "";
  return { webhookId: orders, deliveryId, eventId };
}

await main();
