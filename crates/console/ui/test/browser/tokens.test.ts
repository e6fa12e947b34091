// Access tokens: a link signs in and leaves no trace, shows its namespace or its webhook and nothing
// else, and ends with its token; admins issue and revoke them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { Client } from "tenterhook/web";
import { launch, open, rest } from "./browser.ts";
import { binary, Receiver, Server, until } from "./server.ts";

/** Five seconds are promised; the rest is for a busy machine. */
const revokedWithinMs = 8_000;
const receiver = new Receiver();
let server: Server;
let browser: Browser;
let admin: Client;
let adminKey = "";
const webhookIds: Record<string, string> = {};

before(async () => {
  await receiver.start();
  const keyFile = join(mkdtempSync(join(tmpdir(), "tenterhook-console-")), "keys");
  const made = ["key", "new", "--role", "admin", "--name", "oncall", "--append", keyFile];
  adminKey = execFileSync(binary, made, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  [server, browser] = await Promise.all([
    Server.start("--console", "--api-keys", keyFile, "--allow-network", "127.0.0.0/8"),
    launch(),
  ]);
  admin = new Client(server.origin, { apiKey: adminKey });
  for (const [namespace, name] of [
    ["default", "hidden-orders"],
    ["acme", "theirs"],
    ["acme", "hidden-sibling"],
  ] as const) {
    const made = await admin.createWebhook({ namespace, displayName: name, request: { url: receiver.url("/ok") } });
    webhookIds[name] = made.webhook.id;
  }
  await admin.publish({ type: "hidden-event", data: {} });
  await admin.publish({ namespace: "acme", type: "created", data: {} });
});

after(async () => {
  admin?.close();
  await browser?.close();
  await server?.stop();
  receiver.stop();
});

async function token(role: string, webhookId = ""): Promise<{ id: string; secret: string }> {
  const made = await admin.access.createToken({ namespace: "acme", role, displayName: "portal", webhookId });
  return { id: made.token?.id ?? "", secret: made.secret };
}

/** Keeps the bodies of all answers that end. */
function overhear(page: Page): () => Promise<string> {
  const bodies: Promise<Buffer>[] = [];
  page.on("response", (response) => {
    if (!response.url().endsWith("/WatchDeliveries") && response.url().includes("/tenterhook.v1.")) {
      bodies.push(response.body().catch(() => Buffer.alloc(0)));
    }
  });
  return async () => Buffer.concat(await Promise.all(bodies)).toString("latin1");
}

test("a_link_signs_in_shows_its_namespace_only_and_ends_with_its_token", async () => {
  const { id, secret } = await token("viewer");
  const { page, close } = await open(browser, server.origin, `/console/#token=${secret}`);
  const heard = overhear(page);
  await page.getByText(`portal (${id})`).waitFor();
  await page.getByText(/viewer, ends in/).waitFor();
  assert.equal(page.url().includes("#"), false);
  assert.equal((await page.content()).includes(secret), false);
  for (const name of ["Overview", "Webhooks", "Events", "Server", "Deliveries"]) {
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    await rest(page);
  }
  assert.equal(await page.getByRole("link", { name: "Access" }).count(), 0);
  const seen = await heard();
  assert.ok(seen.includes("theirs"));
  assert.deepEqual(
    ["hidden-orders", "hidden-event", secret].filter((text) => seen.includes(text)),
    [],
  );
  // The stream is live, and ends.
  const rows = await page.locator("[data-row]").count();
  await admin.publish({ namespace: "acme", type: "created", data: {} });
  await until(async () => (await page.locator("[data-row]").count()) > rows);
  await admin.access.revokeToken({ tokenId: id });
  await until(async () => (await page.getByLabel("API key").count()) === 1, revokedWithinMs);
  await close();
});

test("a_link_to_one_webhook_shows_that_webhook_and_its_deliveries", async () => {
  const { id, secret } = await token("viewer", webhookIds["theirs"]);
  const { page, close } = await open(browser, server.origin, `/console/#token=${secret}`);
  const heard = overhear(page);
  await page.getByText(`portal (${id})`).waitFor();
  await page.getByRole("link", { name: "Webhooks", exact: true }).click();
  await page.getByRole("link", { name: "theirs" }).click();
  await page.getByRole("heading", { name: "theirs", level: 1 }).waitFor();
  await page.locator("[data-row]").first().click();
  await page.getByRole("heading", { name: "created → theirs", level: 1 }).waitFor();
  await rest(page);
  assert.equal(await page.getByRole("alert").count(), 0);
  for (const name of ["Events", "Access", "Templates"]) {
    assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0, name);
  }
  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await rest(page);
  assert.equal((await heard()).includes("hidden-"), false);
  await page.goto(`${server.origin}/console/webhooks/${webhookIds["hidden-sibling"]}?namespace=acme`);
  await page.getByRole("alert").waitFor();
  await close();
});

test("an_admin_issues_a_link_on_the_page_and_revokes_it", async () => {
  const { page, close } = await open(browser, server.origin, "/console/access?namespace=acme");
  await page.getByLabel("API key").fill(adminKey);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "New token…" }).click();
  await page.getByLabel("Name", { exact: true }).fill("for Jo");
  await page.getByLabel("Sees").selectOption({ label: "only theirs and its deliveries" });
  await page.getByLabel("Valid for").fill("31d");
  assert.equal(await page.getByRole("button", { name: "Create" }).isDisabled(), true);
  await page.getByLabel("Valid for").fill("7d");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("button", { name: "Copy Link to the console" }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(link, /\/console\/#token=tht_[0-9a-f]{64}$/);
  await page.getByRole("button", { name: "I have stored it" }).click();
  assert.equal((await page.content()).includes("tht_"), false);
  const row = page.locator("li", { hasText: "for Jo" });
  await row.getByText("viewer of theirs").waitFor();
  await row.getByText(/issued by oncall/).waitFor();
  const guest = await open(browser, server.origin, link.slice(server.origin.length));
  await guest.page.getByText(/^for Jo/).waitFor();
  await row.getByRole("button", { name: "Revoke now" }).click();
  await row.waitFor({ state: "detached" });
  await until(async () => (await guest.page.getByLabel("API key").count()) === 1, revokedWithinMs);
  await guest.close();
  await close();
});
