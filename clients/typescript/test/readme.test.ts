// The program of the README: against the server at TENTERHOOK_TARGET if that is set, else against a
// scripted one. Every snippet stands here word for word.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import express from "express";
import {
  BatchPublishEventsResponseSchema,
  Client,
  CreateWebhookResponseSchema,
  ErrorReason,
  InvalidError,
  ListDeliveriesResponseSchema,
  NotFoundError,
  PublishEventResponseSchema,
  SignatureScheme,
  StreamPublishEventsResponseSchema,
  verify,
  WatchDeliveriesResponseSchema,
  WatchPosition,
} from "../src/index.js";
import { tracing } from "../src/tracing.js";
import { badField, Fake, info, refuse, type Step } from "./fake.js";

function script(): (Step | Step[])[] {
  return [
    create(CreateWebhookResponseSchema, { webhook: { id: "wh" }, signingSecret: "whsec_x" }),
    create(PublishEventResponseSchema, { result: { eventId: "e", deliveryCount: 1 } }),
    create(BatchPublishEventsResponseSchema),
    ...Array.from({ length: 100 }, () => create(StreamPublishEventsResponseSchema)),
    create(WatchDeliveriesResponseSchema, { resumeToken: "t", payload: { case: "change", value: {} } }),
    create(ListDeliveriesResponseSchema, { resumeToken: "r" }),
    refuse(Code.InvalidArgument, info("INVALID_FIELD"), badField("event.type", "is required")),
    refuse(Code.NotFound, info("WEBHOOK_NOT_FOUND")),
    [],
    [],
  ];
}

test("the program of the README runs", async () => {
  const fake = await Fake.start(script());
  const target = process.env["TENTERHOOK_TARGET"] ?? fake.target;
  const client = new Client(target);
  try {
    await program(client);
  } finally {
    client.close();
    await fake.stop();
  }
});

async function program(client: Client): Promise<void> {
  let storedToken = "";
  const { webhook, signingSecret } = await client.createWebhook({
    displayName: "inventory-ts",
    request: { url: "http://127.0.0.1:9000/hook" },
    rules: [{ eventTypes: ["created", "updated"] }],
    signing: { schemes: [SignatureScheme.STANDARD_WEBHOOKS] },
  });
  assert.match(signingSecret, /^whsec_/);
  const result = await client.publish({
    type: "created",
    objectType: "dcim.site",
    data: { id: 7, name: "Zürich" },
    username: "jstretch",
  });
  console.log(result.eventId, result.deliveryCount);
  const events = Array.from({ length: 100 }, (_, id) => ({ type: "updated", data: { id } }));
  await client.publishBatch(events);
  for await (const ack of client.publishStream(events)) {
    if (ack.error !== undefined) {
      console.log(ack.sequence, ack.error.message);
    }
  }
  const filter = { webhookIds: [webhook.id] };
  const start = { case: "position", value: WatchPosition.EARLIEST } as const;
  for await (const { change, token } of client.watch({ filter, start })) {
    console.log(change.delivery?.id, change.delivery?.state);
    storedToken = token;
    break; // yours would go on
  }
  assert.notEqual(storedToken, "");
  const list = client.listDeliveries({ filter });
  for await (const delivery of list) {
    console.log(delivery.id);
  }
  const watch = client.watch({ filter, start: { case: "resumeToken", value: list.resumeToken } });
  watch.close();
  await fails(client);
  await client.webhooks.pauseWebhook({ webhookId: webhook.id, reason: "receiver is being moved" });
  await client.webhooks.deleteWebhook({ webhookId: webhook.id });
}

async function fails(client: Client): Promise<void> {
  const lines: unknown[] = [];
  const console = { log: (...line: unknown[]) => lines.push(line) };
  try {
    await client.publish({ type: "" });
  } catch (error) {
    if (error instanceof InvalidError) {
      error.fieldViolations.forEach(({ field, description }) => console.log(field, description));
    }
  }
  try {
    await client.webhooks.getWebhook({ webhookId: "wh_00000000000000000000000000" });
  } catch (error) {
    console.log(error instanceof NotFoundError && error.reason === ErrorReason.WEBHOOK_NOT_FOUND);
  }
  assert.equal(lines.length, 2);
  assert.deepEqual(lines[1], [true]);
}

test("the receiver of the README takes what is signed and nothing else", async () => {
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const app = express();
  const now = 1614265330;
  app.post("/hook", express.raw({ type: "*/*" }), (request, response) => {
    try {
      verify(request.headers, request.body, [secret], { now });
    } catch {
      response.sendStatus(401);
      return;
    }
    console.log(request.headers["webhook-id"], JSON.parse(request.body));
    response.sendStatus(204);
  });
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  for (const [signature, status] of [["v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", 204], ["v1,AAAA", 401]] as const) {
    const headers = {
      "content-type": "application/json",
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": String(now),
      "webhook-signature": signature,
    };
    const response = await fetch(url, { method: "POST", body: '{"test": 2432232314}', headers });
    assert.equal(response.status, status);
  }
  server.closeAllConnections();
  server.close();
});

test("TLS as in the README makes a client", () => {
  const { ca, cert, key } = { ca: "pem", cert: "pem", key: "pem" };
  const secure = new Client("hooks.example.com:443", { apiKey: "th_…", ca, cert, key });
  secure.close();
});

test("traces as in the README make a client", () => {
  const traced = new Client("localhost:50051", { interceptors: [tracing()] });
  traced.close();
});

test("every snippet stands here", () => {
  const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
  const tight = (text: string) => text.replaceAll(/\s+/g, "");
  const source = tight(read("../../test/readme.test.ts"))
    .replace("newClient(target)", 'newClient("localhost:50051")')
    .replace("[secret],{now})", "[secret])");
  const snippets = [...read("../../README.md").matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!);
  assert.ok(snippets.length >= 10);
  for (const snippet of snippets) {
    assert.ok(source.includes(tight(snippet)), `is not in readme.test.ts:\n${snippet}`);
  }
});
