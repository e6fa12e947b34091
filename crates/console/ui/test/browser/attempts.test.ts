// What the page of a delivery shows of the way that an attempt took.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, open } from "./browser.ts";
import { Receiver, Server, until } from "./server.ts";

let server: Server;
let browser: Browser;
const proxy = new Receiver();

before(async () => {
  await proxy.start();
  const flags = ["--dev", "--proxy", proxy.url(""), "--proxy-resolve", "remote"];
  [server, browser] = await Promise.all([Server.start(...flags), launch()]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  proxy.stop();
});

test("an_attempt_by_a_proxy_names_it", async () => {
  const url = "http://orders.example.test/hook";
  await server.client.createWebhook({ displayName: "orders", request: { url } });
  await server.client.publish({ type: "created", data: { id: 1 } });
  await until(async () => proxy.received.length > 0);
  // Of plain HTTP to a name that it looks up, the proxy gets the whole URL.
  assert.equal(proxy.received[0]?.path, url);
  const { deliveries } = await server.client.deliveries.listDeliveries({});
  const { page, close } = await open(browser, server.origin, `/console/deliveries/${deliveries[0]?.id}`);
  const fact = page.locator("dl.facts > div").filter({ has: page.locator("dt", { hasText: /^Proxy$/ }) });
  assert.equal(await fact.locator("dd").innerText(), proxy.url(""));
  await close();
});
