// Strangers' text is only ever text: markup, control and bidirectional characters, bytes that are no
// UTF-8 and huge answers change nothing but text.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, open, rest } from "./browser.ts";
import { Receiver, Server, until } from "./server.ts";

const markup = '<img src="https://evil.example/x" onerror=alert(1)><script>alert(1)</script>';
const name = `${markup} \u202egnp.exe\u0007`;

let server: Server;
let browser: Browser;
const receiver = new Receiver();
const paths: string[] = [];

before(async () => {
  await receiver.start();
  [server, browser] = await Promise.all([Server.start("--dev"), launch()]);
  const noise = Buffer.concat([Buffer.from(`${markup}\u202e\u001b[31m`), Buffer.from([0xff, 0xfe, 0x80, 0x00])]);
  receiver.replies.set("/hostile", {
    status: 422,
    body: noise,
    headers: { "x-note": markup, "content-type": "text/html" },
  });
  receiver.replies.set("/huge", { status: 500, body: Buffer.alloc(10 * 1024 * 1024, "<b>") });
  const { client } = server;
  const made: string[] = [];
  for (const path of ["/hostile", "/huge"]) {
    const { webhook } = await client.createWebhook({
      displayName: path === "/hostile" ? markup : "huge",
      description: markup,
      request: { url: receiver.url(path) },
      labels: { note: "<b>x</b>" },
    });
    made.push(webhook.id);
  }
  const { eventId } = await client.publish({
    type: markup.slice(0, 60),
    objectType: "<b>o</b>",
    username: name,
    data: { [markup]: name },
    attributes: { note: markup },
  });
  await until(
    async () => (await client.deliveries.listDeliveries({ filter: { states: [3] } })).deliveries.length === 2,
  );
  const { deliveries } = await client.deliveries.listDeliveries({});
  paths.push(
    "",
    "webhooks",
    "deliveries",
    "events",
    `events/${eventId}`,
    ...deliveries.map(({ id }) => `deliveries/${id}`),
  );
  paths.push(
    ...made.flatMap((id) => ["", "/configuration", "/templates", "/keys"].map((tab) => `webhooks/${id}${tab}`)),
  );
});

after(async () => {
  await browser?.close();
  await server?.stop();
  receiver.stop();
});

test("no_page_makes_markup_of_what_strangers_wrote", async () => {
  const { page, close } = await open(browser, server.origin, "/console/");
  for (const path of paths) {
    await page.goto(`${server.origin}/console/${path}`);
    await rest(page);
    assert.equal(await page.locator("img, #app script, #app b, iframe, object").count(), 0, path);
    const raw = await page.evaluate(() => /[\u202e\u0007\u001b]/.test(document.body.innerText + document.title));
    assert.equal(raw, false, `${path} shows a character that it must escape`);
  }
  await close();
});

test("bytes_and_controls_are_shown_as_escapes", async () => {
  const { page, close } = await open(
    browser,
    server.origin,
    `/console/${paths.find((path) => path.startsWith("deliveries/"))}`,
  );
  const { deliveries } = await server.client.deliveries.listDeliveries({});
  const hostile = deliveries.find(({ lastAttempt }) => lastAttempt?.response?.status === 422);
  await page.goto(`${server.origin}/console/deliveries/${hostile?.id}`);
  const text = await page.getByRole("region", { name: "Response" }).innerText();
  assert.match(text, /not UTF-8/);
  assert.ok(text.includes("\\u202e\\x1b[31m"), text);
  assert.ok(text.includes("\\xff\\xfe\\x80\\x00"), text);
  await close();
});

test("a_huge_answer_is_cut", async () => {
  const { deliveries } = await server.client.deliveries.listDeliveries({});
  const huge = deliveries.find(({ lastAttempt }) => lastAttempt?.response?.status === 500);
  const { page, close } = await open(browser, server.origin, `/console/deliveries/${huge?.id}`);
  await page.getByText("The server kept only the beginning of this body.").waitFor();
  assert.ok((await page.getByRole("region", { name: "Response" }).innerText()).length < 20_000);
  await close();
});
