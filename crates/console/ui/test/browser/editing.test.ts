// Making, changing and deleting webhooks, and what happens when two people do.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, open } from "./browser.ts";
import { Receiver, Server } from "./server.ts";

let server: Server;
let browser: Browser;
const receiver = new Receiver();

before(async () => {
  await receiver.start();
  [server, browser] = await Promise.all([Server.start("--dev"), launch()]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  receiver.stop();
});

async function stored(webhookId: string) {
  const { webhook } = await server.client.webhooks.getWebhook({ webhookId });
  assert.ok(webhook);
  return webhook;
}

test("a_webhook_is_made_and_its_secret_is_shown_once", async () => {
  const { page, close } = await open(browser, server.origin, "/console/webhooks/new");
  await page.getByLabel("Name", { exact: true }).fill("fresh");
  await page.getByLabel("URL", { exact: true }).fill("ftp://nowhere");
  await page.locator(".hint.bad").waitFor();
  await page.getByLabel("URL", { exact: true }).fill(receiver.url("/fresh"));
  await page.locator(".hint.bad").waitFor({ state: "detached" });
  await page.getByLabel("Event types").fill("created, job_*");
  await page.getByRole("button", { name: "Create webhook" }).click();
  const dialog = page.getByRole("dialog", { name: "Signing secret" });
  const secret = await dialog.locator("code").innerText();
  assert.match(secret, /^whsec_/);
  await dialog.getByRole("button", { name: "I have stored it" }).click();
  await page.getByRole("heading", { name: "fresh", level: 1 }).waitFor();
  assert.equal((await page.content()).includes(secret), false);
  const webhook = await stored(new URL(page.url()).pathname.split("/").pop() ?? "");
  assert.deepEqual(webhook.rules[0]?.eventTypes, ["created", "job_*"]);
  await close();
});

test("two_editors_see_each_others_changes", async () => {
  const { webhook } = await server.client.createWebhook({
    displayName: "shared",
    description: "old",
    request: { url: receiver.url("/ok") },
  });
  const { page, close } = await open(browser, server.origin, `/console/webhooks/${webhook.id}/configuration`);
  await page.getByLabel("Description").fill("mine");
  await server.client.webhooks.updateWebhook({
    webhook: { id: webhook.id, description: "theirs" },
    updateMask: { paths: ["description"] },
  });
  await page.getByRole("button", { name: "Review and save…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Changed by someone else" });
  await dialog.locator(".removed").filter({ hasText: "theirs" }).waitFor();
  await dialog.locator(".added").filter({ hasText: "mine" }).waitFor();
  assert.equal((await stored(webhook.id)).description, "theirs");
  await dialog.getByRole("button", { name: "Save mine over it" }).click();
  await page.getByText("Saved.", { exact: true }).waitFor();
  assert.equal((await stored(webhook.id)).description, "mine");
  await close();
});

test("a_retry_schedule_is_saved_as_it_was_typed", async () => {
  const { webhook } = await server.client.createWebhook({
    displayName: "schedule",
    request: { url: receiver.url("/ok") },
  });
  const { page, close } = await open(browser, server.origin, `/console/webhooks/${webhook.id}/configuration`);
  await page.getByLabel("Waits between attempts").fill("5s, x");
  await page.getByText("Write durations such as 5s, 5m, 2h.").waitFor();
  await page.getByLabel("Waits between attempts").fill("5s, 2m");
  await page.getByLabel("Labels").fill("team=shop");
  await page.getByRole("button", { name: "Review and save…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved.", { exact: true }).waitFor();
  const { retry, labels } = await stored(webhook.id);
  assert.deepEqual(retry?.backoff.case === "schedule" ? retry.backoff.value.waits.map(({ seconds }) => seconds) : [], [
    5n,
    120n,
  ]);
  assert.deepEqual(labels, { team: "shop" });
  await close();
});

test("the_first_key_is_made_without_a_word_of_an_old_one", async () => {
  const { webhook } = await server.client.createWebhook({
    displayName: "unsigned",
    request: { url: receiver.url("/unsigned") },
  });
  const { page, close } = await open(browser, server.origin, `/console/webhooks/${webhook.id}/keys`);
  await page.getByRole("button", { name: "Make a key…" }).click();
  const dialog = page.getByRole("dialog");
  assert.doesNotMatch(await dialog.innerText(), /old|Grace/);
  await dialog.getByRole("button", { name: "Make" }).click();
  await page.getByRole("dialog", { name: "Signing secret" }).waitFor();
  await close();
});

test("a_key_is_rotated_and_the_old_one_revoked", async () => {
  const { webhook } = await server.client.createWebhook({
    displayName: "keys",
    request: { url: receiver.url("/ok") },
    signing: { schemes: [2] },
  });
  const { page, close } = await open(browser, server.origin, `/console/webhooks/${webhook.id}/keys`);
  await page.getByRole("button", { name: "Rotate…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  await page.getByRole("button", { name: "I have stored it" }).click();
  await page.getByText("signs too until").waitFor();
  await page.getByRole("button", { name: "Revoke now" }).click();
  await page.getByText("signs too until").waitFor({ state: "detached" });
  assert.equal((await stored(webhook.id)).signingKeys.length, 1);
  await close();
});

test("a_key_pair_is_rotated_apart_from_the_secret", async () => {
  const { webhook } = await server.client.createWebhook({
    displayName: "pairs",
    request: { url: receiver.url("/ok") },
    signing: { schemes: [2, 4], custom: [{ header: "X-Signature" }] },
  });
  const { page, close } = await open(browser, server.origin, `/console/webhooks/${webhook.id}/keys`);
  await page.getByText("webhook-signature, Ed25519) · X-Signature").waitFor();
  assert.equal(await page.getByRole("button", { name: "Revoke now" }).count(), 0, "each current key stays");
  await page.getByRole("button", { name: "Rotate…" }).click();
  await page.getByRole("dialog").getByRole("combobox").selectOption("the key pair");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  await page.getByText("Rotated. Give the receiver the new public key.").waitFor();
  await page.getByText("signs too until").waitFor();
  const keys = (await stored(webhook.id)).signingKeys;
  assert.deepEqual([keys.length, keys.filter(({ publicKey }) => publicKey.startsWith("whpk_")).length], [3, 2]);
  assert.equal(await page.getByRole("button", { name: "Copy public key" }).count(), 2);
  await close();
});

test("a_body_without_template_is_chosen_and_previewed", async () => {
  const { webhook } = await server.client.createWebhook({
    displayName: "clouds",
    request: { url: receiver.url("/ok") },
  });
  const { page, close } = await open(
    browser,
    server.origin,
    `/console/webhooks/${webhook.id}/templates?part=body&event=`,
  );
  await page.getByLabel("Without a template, as").selectOption("CloudEvents, structured");
  await page.getByLabel("Source of the CloudEvents").fill("/shop");
  await page.getByText("application/cloudevents+json").first().waitFor();
  await page.getByRole("button", { name: "Review and save…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved.", { exact: true }).waitFor();
  const { request } = await stored(webhook.id);
  assert.deepEqual([request?.bodyFormat, request?.cloudeventsSource], [6, "/shop"]);
  await close();
});

test("a_webhook_is_paused_resumed_and_deleted", async () => {
  const { webhook } = await server.client.createWebhook({
    displayName: "doomed",
    request: { url: receiver.url("/ok") },
  });
  const { page, close } = await open(browser, server.origin, `/console/webhooks/${webhook.id}`);
  await page.getByRole("button", { name: "Pause…" }).click();
  await page.getByLabel("Reason").fill("moving house");
  await page.getByRole("dialog").getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByText("moving house", { exact: false }).first().waitFor();
  await server.client.publish({ type: "created", data: {} });
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByText("This cancels 1 open delivery.").waitFor();
  await page.getByLabel("Type its name to delete it").fill("doomed");
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("heading", { name: "Webhooks", level: 1 }).waitFor();
  await page.getByText("Deleted.").waitFor();
  await close();
});
