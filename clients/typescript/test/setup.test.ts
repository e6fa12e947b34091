// What a client tells of its connection, and what no further try will mend.

import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { Client, PublishEventResponseSchema, WatchDeliveriesResponseSchema, WebhookService } from "../src/index.js";
import { readFailure, timeoutMsOf } from "../src/services.js";
import { Fake, refuse, type Step } from "./fake.js";

const change = (number: number) =>
  create(WatchDeliveriesResponseSchema, {
    resumeToken: `t${number}`,
    payload: { case: "change", value: { delivery: { id: `d${number}` } } },
  });

const started: Fake[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((fake) => fake.stop()));
});

async function serve(...scripts: (Step | Step[])[]): Promise<Fake> {
  started.push(await Fake.start(scripts));
  return started.at(-1)!;
}

/** A logger that keeps what it is told. */
function listener() {
  const told: [string, string][] = [];
  const at = (level: string) => (message: string) => void told.push([level, message]);
  return { told, debug: at("debug"), info: at("info"), warn: at("warn") };
}

function ofNode(code: string): ConnectError {
  return new ConnectError("it broke", Code.Internal, undefined, undefined, Object.assign(new Error("it broke"), { code }));
}

for (const [code, advice] of [
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate"],
  ["CERT_HAS_EXPIRED", "certificate"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "http://"],
  ["ERR_HTTP2_ERROR", "https://"],
  ["ENOTFOUND", "no such host"],
] as const) {
  test(`${code} is permanent`, () => {
    const error = readFailure(ofNode(code));
    assert.ok(error.permanent && error.code === Code.Unavailable);
    assert.equal(((error.cause as Error).cause as { code: string }).code, code);
    assert.ok(error.rawMessage.includes(advice) && error.rawMessage.includes("it broke"), error.rawMessage);
  });
}

test("a port that speaks no HTTP/2 does not end the program", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new Client(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  await assert.rejects(client.publish({ type: "created" }), /does not speak gRPC/);
  client.close();
  await new Promise((resolve) => server.close(resolve));
  // Node says what it thinks of the connection once that is closed.
  await new Promise(setImmediate);
});

test("a server that is away may come back", () => {
  for (const code of ["ECONNREFUSED", "ECONNRESET", "EAI_AGAIN"]) {
    const error = readFailure(ofNode(code));
    assert.ok(!error.permanent && error.code === Code.Unavailable, code);
  }
});

test("a test of a webhook may take as long as an attempt", () => {
  const [test, other] = [WebhookService.method.testWebhook, WebhookService.method.getWebhook];
  assert.equal(timeoutMsOf(test, { timeoutMs: undefined }), 70_000);
  assert.equal(timeoutMsOf(other, { timeoutMs: undefined }), 10_000);
  assert.equal(timeoutMsOf(test, { timeoutMs: 2000 }), 2000);
});

test("a URL needs no port, and anything else does", () => {
  for (const target of ["https://hooks.example.com", "http://localhost", "https://[::1]/", "hooks.example.com:443"]) {
    new Client(target).close();
  }
  for (const target of ["hooks.example.com", "ftp://hooks.example.com", "https://", ":1", "::1"]) {
    assert.throws(() => new Client(target), TypeError, target);
  }
});

test("a watch warns once while it cannot connect, and says when it has", async () => {
  const away = refuse(Code.Unavailable);
  const server = await serve([change(1), away], [away], [away], [change(2), 2000]);
  const logger = listener();
  const watch = server.client({ logger }).watch();
  assert.equal((await watch.next()).value?.token, "t1");
  assert.equal((await watch.next()).value?.token, "t2");
  watch.close();
  const levels = logger.told.map(([level]) => level);
  assert.deepEqual(levels, ["debug", "warn", "debug", "info"]);
  assert.match(logger.told[1]![1], /watch cannot connect, tries again in .* s: Unavailable: refused/);
  assert.match(logger.told[3]![1], /connected again, after 3 tries/);
});

test("a retry is told at debug", async () => {
  const server = await serve(refuse(Code.Unavailable), create(PublishEventResponseSchema, { result: { eventId: "e" } }));
  const logger = listener();
  await server.client({ logger }).publish({ type: "created" });
  assert.equal(logger.told.length, 1);
  assert.match(logger.told[0]!.join(" "), /^debug tenterhook: PublishEvent failed 1 times, tries again/);
});
