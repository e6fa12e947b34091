// Signing in: a key becomes a session that script cannot read; buttons follow the role, and the server
// decides; a revoked key ends its sessions.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { Client } from "tenterhook/web";
import { launch, open } from "./browser.ts";
import { binary, Receiver, Server, until } from "./server.ts";

const keyFile = join(mkdtempSync(join(tmpdir(), "tenterhook-console-")), "keys");
/** Five seconds are promised; the rest is for a busy machine. */
const revokedWithinMs = 8_000;
const receiver = new Receiver();
let server: Server;
let browser: Browser;
let keys: Record<"admin" | "operator" | "viewer" | "customer", string>;
let webhookId = "";

/** Makes a key whose line goes into the key file. */
function newKey(role: string, ...more: string[]): string {
  const args = ["key", "new", "--role", role, ...more, "--append", keyFile];
  return execFileSync(binary, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}

before(async () => {
  await receiver.start();
  keys = {
    admin: newKey("admin"),
    operator: newKey("operator"),
    viewer: newKey("viewer"),
    customer: newKey("viewer", "--namespace", "acme"),
  };
  [server, browser] = await Promise.all([
    Server.start("--console", "--api-keys", keyFile, "--allow-network", "127.0.0.0/8"),
    launch(),
  ]);
  const admin = new Client(server.origin, { apiKey: keys.admin });
  webhookId = (await admin.createWebhook({ displayName: "orders", request: { url: receiver.url("/ok") } })).webhook.id;
  await admin.createWebhook({ displayName: "theirs", namespace: "acme", request: { url: receiver.url("/ok") } });
  await admin.publish({ type: "created", data: {} });
});

after(async () => {
  await browser?.close();
  await server?.stop();
  receiver.stop();
});

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("a_key_opens_a_session_that_script_cannot_read", async () => {
  const { page, close } = await open(browser, server.origin, "/console/webhooks");
  await signIn(page, `th_${"0".repeat(64)}`);
  await page.getByText("The server does not know this key or token, or it has expired.").waitFor();
  await signIn(page, keys.admin);
  await page.getByRole("link", { name: "orders" }).waitFor();
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.equal((await page.content()).includes(keys.admin), false);
  assert.deepEqual(await page.evaluate(() => Object.keys({ ...localStorage, ...sessionStorage })), [
    "tenterhook-theme",
  ]);
  await page.reload();
  await page.getByRole("link", { name: "orders" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  await page.reload();
  await page.getByLabel("API key").waitFor();
  await close();
});

test("buttons_follow_the_role", async () => {
  const buttons = async (role: "admin" | "operator" | "viewer"): Promise<string[]> => {
    const { page, close } = await open(browser, server.origin, `/console/webhooks/${webhookId}`);
    await signIn(page, keys[role]);
    await page.getByRole("heading", { name: "orders" }).waitFor();
    const names = await page.locator("main button").allInnerTexts();
    await close();
    return names.filter((name) => name !== "");
  };
  assert.deepEqual(await buttons("viewer"), []);
  assert.deepEqual(await buttons("operator"), ["Test…", "Replay…", "Pause…", "Retry…", "Cancel…"]);
  assert.deepEqual(await buttons("admin"), ["Test…", "Replay…", "Pause…", "Delete…", "Retry…", "Cancel…"]);
});

test("a_viewer_who_calls_an_action_all_the_same_is_refused", async () => {
  const { page, close } = await open(browser, server.origin, "/console/webhooks");
  await signIn(page, keys.viewer);
  await page.getByRole("link", { name: "orders" }).waitFor();
  // An empty request in one frame: flags, and a length of four bytes.
  const status = await page.evaluate(async () => {
    const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" };
    const response = await fetch("/tenterhook.v1.WebhookService/PauseWebhook", {
      method: "POST",
      headers,
      body: new Uint8Array(5),
    });
    return response.headers.get("grpc-status") ?? /grpc-status: ?(\d+)/.exec(await response.text())?.[1];
  });
  assert.equal(status, "7");
  await close();
});

test("a_customers_link_opens_its_namespace_and_leaves_no_token", async () => {
  const { page, close } = await open(browser, server.origin, `/console/#token=${keys.customer}`);
  await page.getByText("acme", { exact: true }).waitFor();
  assert.equal(page.url().includes(keys.customer), false);
  await page.getByRole("link", { name: "Webhooks" }).click();
  await page.getByRole("link", { name: "theirs" }).waitFor();
  assert.equal(await page.getByText("orders").count(), 0);
  await page.goto(`${server.origin}/console/webhooks/${webhookId}`);
  await page.getByRole("alert").waitFor();
  await close();
});

test("a_session_ends_on_a_narrow_screen_too", async () => {
  const viewport = { width: 320, height: 640 };
  const { page, close } = await open(browser, server.origin, "/console/webhooks", { viewport });
  await signIn(page, keys.viewer);
  await page.getByRole("link", { name: "orders" }).waitFor();
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= viewport.width);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  await close();
});

test("a_revoked_key_ends_its_sessions", async () => {
  const { page, close } = await open(browser, server.origin, "/console/webhooks");
  await signIn(page, keys.operator);
  await page.getByRole("link", { name: "orders" }).waitFor();
  const lines = readFileSync(keyFile, "utf8").split("\n");
  writeFileSync(keyFile, lines.filter((line) => !line.includes(" operator ")).join("\n"));
  await until(async () => (await page.getByLabel("API key").count()) === 1, revokedWithinMs);
  await close();
});

test("no_other_site_gets_an_answer", async () => {
  const call = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${server.origin}/tenterhook.v1.WebhookService/ListWebhooks`, {
      method: "POST",
      headers: { "content-type": "application/grpc-web+proto", ...headers },
      body: new Uint8Array(5),
    });
  const foreign = await call({ origin: "https://evil.example", cookie: "__Host-tenterhook=x" });
  assert.equal(foreign.status, 403);
  assert.equal(foreign.headers.get("access-control-allow-origin"), null);
});
