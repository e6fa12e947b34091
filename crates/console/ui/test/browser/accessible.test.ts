// For everyone: axe without findings, light and dark, 320 pixels wide, by keyboard alone.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, open, rest } from "./browser.ts";
import { Receiver, Server, until } from "./server.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let server: Server;
let browser: Browser;
const receiver = new Receiver();
const paths: string[] = [];
let webhookId = "";

before(async () => {
  await receiver.start();
  [server, browser] = await Promise.all([Server.start("--dev"), launch()]);
  receiver.replies.set("/fails", {
    status: 500,
    body: '{"error": "no"}',
    headers: { "content-type": "application/json" },
  });
  const { client } = server;
  webhookId = (
    await client.createWebhook({
      displayName: "orders",
      request: { url: receiver.url("/fails") },
      rules: [{ eventTypes: ["created"] }],
      signing: { schemes: [2] },
    })
  ).webhook.id;
  await client.createWebhook({ displayName: "inventory", request: { url: receiver.url("/ok") } });
  const quiet = await client.createWebhook({ displayName: "quiet", request: { url: receiver.url("/ok") } });
  await client.access.createToken({ role: "viewer", displayName: "portal of acme", webhookId });
  await client.webhooks.pauseWebhook({ webhookId: quiet.webhook.id, reason: "for a test" });
  const results = await client.publishBatch(
    Array.from({ length: 30 }, (_, id) => ({
      type: "created",
      objectType: "shop.order",
      data: { id },
      snapshots: { prechange: { id: 1 }, postchange: { id: 2 } },
    })),
  );
  await until(async () => (await client.deliveries.listDeliveries({ filter: { states: [3] } })).deliveries.length > 0);
  const { deliveries } = await client.deliveries.listDeliveries({ filter: { states: [3] } });
  paths.push(
    "",
    "webhooks",
    "webhooks/new",
    `webhooks/${webhookId}`,
    `webhooks/${webhookId}/configuration`,
    `webhooks/${webhookId}/templates`,
    `webhooks/${webhookId}/templates?part=rules`,
  );
  paths.push(
    `webhooks/${webhookId}/keys`,
    "deliveries",
    `deliveries/${deliveries[0]?.id}`,
    "events",
    `events/${results[0]?.eventId}`,
    "server",
    "access",
    "nowhere",
  );
});

after(async () => {
  await browser?.close();
  await server?.stop();
  receiver.stop();
});

async function show(page: Page, path: string): Promise<void> {
  await page.goto(`${server.origin}/console/${path}`);
  await rest(page);
}

interface Finding {
  id: string;
  nodes: { html: string }[];
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe_finds_nothing_in_the_${colorScheme}`, async () => {
    // Axe makes elements of text, which the policy forbids to scripts.
    const { page, close } = await open(browser, server.origin, "/console/", {
      colorScheme,
      bypassCSP: true,
      reducedMotion: "reduce",
    });
    for (const path of paths) {
      await show(page, path);
      await page.evaluate(axe);
      const found = await page.evaluate(
        async () =>
          (await (globalThis as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } }).axe.run())
            .violations,
      );
      assert.deepEqual(
        found.map(
          ({ id, nodes }) =>
            `${path}: ${id} ${nodes
              .map(({ html }) => html)
              .join(" ")
              .slice(0, 400)}`,
        ),
        [],
      );
    }
    await close();
  });
}

test("nothing_is_wider_than_320_pixels", async () => {
  const { page, close } = await open(browser, server.origin, "/console/", { viewport: { width: 320, height: 640 } });
  for (const path of paths) {
    await show(page, path);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 320, `${path} is ${width} wide`);
  }
  await close();
});

test("every_column_that_is_shown_can_be_read", async () => {
  for (const width of [320, 480, 700, 900, 1000, 1181, 1200, 1366, 1441, 1920]) {
    const { page, close } = await open(browser, server.origin, "/console/", { viewport: { width, height: 700 } });
    for (const path of ["deliveries", "webhooks", "events", `webhooks/${webhookId}`]) {
      await show(page, path);
      await page.locator("th").first().waitFor();
      const narrow = await page.evaluate(() =>
        [...document.querySelectorAll("th")]
          .filter((head) => getComputedStyle(head).display !== "none")
          .map((head) => [head.textContent, head.getBoundingClientRect().width] as const)
          .filter(([title, width]) => width < (title === "Event" ? 100 : 40)),
      );
      assert.deepEqual(narrow, [], `${path} at ${width}`);
    }
    await close();
  }
});

test("the_filters_of_deliveries_are_one_line_at_1200_pixels", async () => {
  const { page, close } = await open(browser, server.origin, "/console/", { viewport: { width: 1200, height: 700 } });
  await show(page, "deliveries");
  const middle = async (locator: ReturnType<Page["locator"]>): Promise<number> => {
    const box = await locator.boundingBox();
    return Math.round((box?.y ?? 0) + (box?.height ?? 0) / 2);
  };
  const state = await middle(page.getByLabel("State", { exact: true }));
  const cancel = await middle(page.getByRole("button", { name: "Cancel…" }));
  assert.ok(Math.abs(state - cancel) <= 2, `${state} and ${cancel}`);
  await close();
});

test("the_keyboard_is_enough", async () => {
  const { page, close } = await open(browser, server.origin, "/console/");
  await page.locator("h1").waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("w");
  await page.getByRole("heading", { name: "Webhooks", level: 1 }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("orders");
  await page.getByText("1 of 3").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "orders", level: 1 }).waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.locator("[data-row]").first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: /→ orders/, level: 1 }).waitFor();
  await page.keyboard.press("r");
  await page.getByText("It will be sent now.").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Deliveries", level: 1 }).waitFor();
  await close();
});

test("a_letter_presses_nothing_where_it_could_mean_several_things", async () => {
  const { page, close } = await open(browser, server.origin, "/console/");
  await page.getByRole("button", { name: /^Resume/ }).waitFor();
  assert.equal(await page.locator("button[data-hotkey]").count(), 0);
  await close();
});

test("every_page_names_its_commands", async () => {
  const { page, close } = await open(browser, server.origin, `/console/webhooks/${webhookId}`);
  await page.getByText("From a terminal").click();
  await page.getByText("tenterhook webhook show orders").waitFor();
  await page.getByText(`grpcurl -plaintext -d '{"webhookId":"${webhookId}"}'`).waitFor();
  await close();
});

test("a_page_that_waits_for_the_server_says_so", async () => {
  const { page, close } = await open(browser, server.origin, "/console/");
  await rest(page);
  await page.route("**/*WebhookService/ListWebhooks", () => {});
  await page.getByRole("link", { name: "Webhooks", exact: true }).click();
  await page.getByRole("status").getByText("Loading…").waitFor();
  await page.unroute("**/*WebhookService/ListWebhooks");
  await page.getByRole("link", { name: "Server", exact: true }).click();
  await page.getByRole("status").getByText("Loading…").waitFor({ state: "detached" });
  await close();
});

test("the_frame_before_the_script_is_that_of_every_page", async () => {
  const frame = async (javaScriptEnabled: boolean) => {
    const { page, close } = await open(browser, server.origin, "/console/", { javaScriptEnabled });
    if (javaScriptEnabled) {
      await rest(page);
      assert.equal(await page.locator("main").count(), 1);
      assert.equal(await page.locator("main noscript").count(), 0);
    } else {
      const word = page.locator("main .empty");
      await word.waitFor();
      assert.match(await word.innerText(), /^The console needs JavaScript\./);
      const { y } = (await word.boundingBox()) ?? { y: Infinity };
      assert.ok(y < (page.viewportSize()?.height ?? 0), `it stands at ${y}`);
    }
    const brand = page.locator(".brand");
    const html = await brand.evaluate(({ outerHTML }) => outerHTML.replace(/>\s+</g, "><"));
    const box = await brand.boundingBox();
    await close();
    return { html, box };
  };
  assert.deepEqual(await frame(false), await frame(true));
});
