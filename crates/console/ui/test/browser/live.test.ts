// The live table: nothing is missed or doubled, also over a connection that breaks, and what is
// being read does not move.

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server as TcpServer, type Socket } from "node:net";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, open } from "./browser.ts";
import { Receiver, Server, until } from "./server.ts";

/** Passes connections on to a server, and breaks them on demand. */
class Proxy {
  readonly #sockets = new Set<Socket>();
  #server: TcpServer | undefined;

  async start(target: string): Promise<string> {
    const { port } = new URL(target);
    this.#server = createServer((client) => {
      const upstream = connect(Number(port), "127.0.0.1");
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(from);
        from.pipe(to);
        from.on("error", () => to.destroy());
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    }).listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.#sockets.forEach((socket) => socket.destroy());
  }

  stop(): void {
    this.#server?.close();
    this.cut();
  }
}

let server: Server;
let browser: Browser;
let origin: string;
const receiver = new Receiver();
const proxy = new Proxy();
let published = 0;

before(async () => {
  await receiver.start();
  [server, browser] = await Promise.all([Server.start("--dev"), launch()]);
  origin = await proxy.start(server.origin);
  await server.client.createWebhook({ displayName: "orders", request: { url: receiver.url("/ok") } });
});

after(async () => {
  await browser?.close();
  proxy.stop();
  await server?.stop();
  receiver.stop();
});

async function publish(count: number): Promise<void> {
  await server.client.publishBatch(
    Array.from({ length: count }, () => ({ type: "created", data: { id: published++ } })),
  );
}

async function rowCount(page: Page): Promise<number> {
  return Number(await page.getByRole("table").getAttribute("aria-rowcount")) - 1;
}

/** Scrolls down, and says where some row is once the list has moved and rests again. */
async function scrolled(page: Page): Promise<{ href: string | null; top: number | undefined }> {
  const look = async () => {
    const row = page.locator("a[data-row]").nth(20);
    return { href: await row.getAttribute("href"), top: (await row.boundingBox())?.y };
  };
  const before = JSON.stringify(await look());
  await page.mouse.wheel(0, 1200);
  let seen = await look();
  await until(async () => {
    const last = JSON.stringify(seen);
    seen = await look();
    return JSON.stringify(seen) === last && last !== before;
  });
  return seen;
}

test("a_cut_stream_resumes_without_a_gap_or_a_double", async () => {
  const { page, close } = await open(browser, origin, "/console/deliveries");
  await page.getByText("live", { exact: true }).waitFor();
  for (let round = 0; round < 3; round++) {
    await publish(5);
    proxy.cut();
    await publish(5);
  }
  await until(async () => (await rowCount(page)) === published);
  await until(async () => (await page.getByRole("row").filter({ hasText: "succeeded" }).count()) === published);
  const shown = await page
    .locator("a[data-row]")
    .evaluateAll((links) => links.map((link) => (link as HTMLAnchorElement).pathname.split("/").pop()));
  const { deliveries } = await server.client.deliveries.listDeliveries({ pageSize: 1000 });
  assert.deepEqual(shown.toSorted(), deliveries.map(({ id }) => id).toSorted());
  await close();
});

test("what_is_being_read_does_not_move", async () => {
  await publish(100);
  const { page, close } = await open(browser, origin, "/console/deliveries");
  await until(async () => (await rowCount(page)) === published);
  const { href, top } = await scrolled(page);
  const read = page.locator(`a[data-row][href="${href}"]`);
  const before = published;
  await publish(25);
  await page.getByRole("button", { name: "↑ 25 new" }).waitFor();
  assert.equal(await rowCount(page), before);
  assert.equal((await read.boundingBox())?.y, top);
  await page.getByRole("button", { name: "↑ 25 new" }).click();
  await until(async () => (await rowCount(page)) === published);
  await close();
});

test("a_long_list_keeps_few_rows_in_the_page", async () => {
  await publish(400);
  const { page, close } = await open(browser, origin, "/console/deliveries");
  await until(async () => (await rowCount(page)) >= 200);
  for (let step = 0; step < 40; step++) {
    await page.mouse.wheel(0, 2000);
  }
  await until(async () => (await rowCount(page)) === published);
  assert.ok((await page.locator("a[data-row]").count()) <= 60);
  await close();
});

test("namespaces_see_nothing_of_each_other", async () => {
  const { page, close } = await open(browser, origin, "/console/deliveries?namespace=acme");
  await page.getByText("No deliveries yet.").waitFor();
  await publish(3);
  await page.getByRole("link", { name: "Webhooks" }).click();
  await page.getByText("This namespace has no webhooks yet.").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("namespace"), "acme");
  await close();
});

test("the_focus_of_a_row_that_scrolls_away_comes_to_no_other_row", async () => {
  const { page, close } = await open(browser, origin, "/console/deliveries");
  await until(async () => (await rowCount(page)) > 100);
  const row = page.locator("a[data-row]").first();
  const href = await row.getAttribute("href");
  await row.focus();
  await page.evaluate(() => scrollTo(0, 2500));
  await until(async () => (await row.getAttribute("href")) !== href);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("href")), null);
  await page.evaluate(() => scrollTo(0, 0));
  await until(async () => (await row.getAttribute("href")) === href);
  await close();
});
