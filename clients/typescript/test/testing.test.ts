// The kit for users' own tests, with the server under test.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DeliveryState, parse, SignatureScheme } from "../src/index.js";
import { RecordingReceiver, TestServer, waitFor } from "../src/testing.js";

const hook = { displayName: "hook", signing: { schemes: [SignatureScheme.STANDARD_WEBHOOKS] } };
let server: TestServer;

before(async () => {
  server = await TestServer.start();
});

after(() => server.stop());

test("an event arrives", async () => {
  const receiver = await RecordingReceiver.start();
  const client = server.client();
  const { signingSecret } = await client.createWebhook({ ...hook, request: { url: `${receiver.url}hook` } });
  const { eventId } = await client.publish({ type: "created", data: { name: "Zürich" } });
  const deliveries = await waitFor(client, eventId);
  assert.deepEqual(deliveries.map((delivery) => delivery.attempts.length), [1]);
  const [request] = await receiver.wait();
  assert.deepEqual([request?.path, request?.json().data], ["/hook", { name: "Zürich" }]);
  assert.equal(parse(request!.headers, request!.body, signingSecret).id, eventId);
  for await (const event of server.client().listEvents()) {
    assert.fail(`another client sees ${event.id}`);
  }
  await receiver.stop();
});

test("a receiver can fail first, and a wait sees how it ends", async () => {
  const receiver = await RecordingReceiver.start([500]);
  const client = server.client();
  await client.createWebhook({ ...hook, retry: { maxAttempts: 1 }, request: { url: receiver.url } });
  const { eventId } = await client.publish({ type: "created" });
  await assert.rejects(waitFor(client, eventId), new RegExp(`of event ${eventId} is FAILED: .*500`));
  const [failed] = await waitFor(client, eventId, { state: DeliveryState.FAILED });
  assert.equal(failed?.attempts[0]?.response?.status, 500);
  await assert.rejects(receiver.wait(2, 1), /1 of 2 requests/);
  await receiver.stop();
});

test("a wait for nothing ends", async () => {
  const client = server.client();
  const { eventId } = await client.publish({ type: "created" });
  await assert.rejects(waitFor(client, eventId, { timeoutMs: 100 }), /it has no delivery/);
});

test("a server that does not start says why", async () => {
  await assert.rejects(TestServer.start({ flags: ["--no-such-flag"] }), /--no-such-flag/);
  await assert.rejects(TestServer.start({ binary: "/nowhere" }), /there is no program \/nowhere.*TENTERHOOK_BIN/);
});

test("a server that does not come up is given up, with what it wrote", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tenterhook-"));
  const slow = join(folder, "slow");
  await writeFile(slow, "#!/bin/sh\necho opening the store\nexec tail -f /dev/null\n", { mode: 0o755 });
  await assert.rejects(TestServer.start({ binary: slow, timeoutMs: 1000 }), /did not start within 1000 ms: .*slow serve .*\nopening the store$/);
  await rm(folder, { recursive: true });
});
