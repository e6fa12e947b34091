// The five questions that the console must answer, end to end against a real server and receiver.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { DeliveryState } from "tenterhook/web";
import { launch, open } from "./browser.ts";
import { Receiver, Server, until } from "./server.ts";

const waiting = 30;

let server: Server;
let browser: Browser;
const receiver = new Receiver();
const ids: Record<string, string> = {};

before(async () => {
  await receiver.start();
  [server, browser] = await Promise.all([Server.start("--dev"), launch()]);
  receiver.replies.set("/orders", {
    status: 410,
    body: '{"error": "database is locked", "request": 12345678901234567890}',
    headers: { "content-type": "application/json" },
  });
  const { client } = server;
  const make = async (displayName: string, path: string, eventTypes: string[], body = ""): Promise<void> => {
    const { webhook } = await client.createWebhook({
      displayName,
      request: { url: receiver.url(path), body },
      rules: [{ eventTypes }],
    });
    ids[displayName] = webhook.id;
  };
  await make("orders", "/orders", ["created"]);
  await make("inventory", "/inventory", ["updated"], '{"id": {{ data.id|tojson }}}');
  ids["first"] = (
    await client.publish({ type: "created", objectType: "shop.order", data: { id: 0, name: "order 0" } })
  ).eventId;
  await until(async () => (await client.webhooks.getWebhook({ webhookId: ids["orders"]! })).webhook?.state === 3);
  await client.publishBatch(
    Array.from({ length: waiting }, (_, id) => ({ type: "created", objectType: "shop.order", data: { id: id + 1 } })),
  );
  await client.publish({ type: "updated", objectType: "shop.item", data: { id: 7 } });
});

after(async () => {
  await browser?.close();
  await server?.stop();
  receiver.stop();
});

test("what_is_wrong_since_when_and_why", async () => {
  const { page, close } = await open(browser, server.origin, "/console/");
  await page.getByText("1 webhook is suspended and sent nothing.").waitFor();
  const row = page.getByRole("region", { name: "Needs attention" }).getByRole("listitem");
  await row.getByText("suspended").waitFor();
  await row.getByText("410", { exact: true }).waitFor();
  await row.getByText(`${waiting} waiting`).waitFor();
  await row.getByRole("link", { name: "orders" }).click();
  await page.getByRole("heading", { name: "orders", level: 1 }).waitFor();
  await page.getByText(`${waiting} deliveries wait`).waitFor();
  await page.getByText("database is locked").waitFor();
  await close();
});

test("what_was_sent_and_what_came_back", async () => {
  const { page, close } = await open(browser, server.origin, `/console/deliveries?event=${ids["first"]}`);
  await page.getByRole("row").filter({ hasText: "created" }).getByRole("link").click();
  const request = page.getByRole("region", { name: "Request" });
  await request.getByText(`POST ${receiver.url("/orders")}`).waitFor();
  await request.getByText('"order 0"').waitFor();
  const response = page.getByRole("region", { name: "Response" });
  await response.getByText("410", { exact: true }).waitFor();
  await response.getByText("12345678901234567890").waitFor();
  await page.getByText("rule 1").waitFor();
  await page.getByRole("button", { name: "Copy as curl" }).click();
  await page.getByText("Copied as curl.").waitFor();
  assert.match(
    await page.evaluate(() => navigator.clipboard.readText()),
    /^curl --request POST http:\/\/127\.0\.0\.1:\d+\/orders/,
  );
  await close();
});

test("why_an_event_did_not_go_to_a_webhook", async () => {
  const { page, close } = await open(browser, server.origin, `/console/events/${ids["first"]}`);
  const webhooks = page.getByRole("region", { name: "Webhooks" });
  await webhooks.getByText("1 of 2 webhooks receives it").waitFor();
  const other = webhooks.getByRole("listitem").filter({ hasText: "inventory" });
  await other.getByText("no match").waitFor();
  assert.match(await other.innerText(), /created/);
  await close();
});

test("what_a_template_would_send", async () => {
  const { page, close } = await open(browser, server.origin, `/console/webhooks/${ids["inventory"]}/templates`);
  const preview = page.getByRole("region", { name: "Preview" });
  await preview.getByText("The event matches rule 1.").waitFor();
  const editor = page.getByRole("textbox", { name: /^Body/ });
  await editor.click();
  await page.keyboard.press("Control+A");
  await page.keyboard.type('{{"what": {{{{ data.id + 1 }}'.replaceAll("{{{{", "{{").replaceAll('{{"', '{"'));
  await preview.getByText("is not valid JSON").waitFor();
  await page.keyboard.type("}");
  await preview.getByText("8", { exact: true }).waitFor();
  await page.keyboard.type("{{ usrname.x }}");
  await preview
    .getByText(/usrname/)
    .first()
    .waitFor();
  await page.locator(".cm-lintRange-error").waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await page.getByText("Not saved yet.").waitFor({ state: "detached" });
  await close();
});

test("suspended_tested_resumed_and_everything_arrives", async () => {
  const { page, close } = await open(browser, server.origin, `/console/webhooks/${ids["orders"]}`);
  await page.getByText(`${waiting} deliveries wait`).waitFor();
  receiver.replies.delete("/orders");
  receiver.received.length = 0;
  await page.keyboard.press("t");
  await page.getByRole("dialog").getByRole("button", { name: "Send" }).click();
  await page.getByRole("dialog").getByRole("region", { name: "Response" }).getByText("200", { exact: true }).waitFor();
  assert.equal(receiver.received.length, 1);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: `Resume and send ${waiting}` }).click();
  await until(async () => (await page.getByRole("row").filter({ hasText: "succeeded" }).count()) === waiting);
  assert.equal(receiver.received.length, waiting + 1);
  await close();
});

test("only_what_failed_is_sent_again_counted_first", async () => {
  const { page, close } = await open(browser, server.origin, `/console/deliveries?webhook=${ids["orders"]}&answer=4xx`);
  await page.getByRole("button", { name: "Retry…" }).click();
  await page.getByText("The filters match 1 delivery").waitFor();
  receiver.received.length = 0;
  await page.getByRole("button", { name: "Retry 1 delivery" }).click();
  await page.getByText("1 delivery will be sent again now.").waitFor();
  await until(async () => receiver.received.length === 1);
  const list = await server.client.deliveries.listDeliveries({
    filter: { webhookIds: [ids["orders"]!], states: [DeliveryState.FAILED] },
  });
  assert.equal(list.deliveries.length, 0);
  await close();
});
