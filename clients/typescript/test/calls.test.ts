// Deadlines, retries, errors and headers of single calls, against a scripted server.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, type Interceptor } from "@connectrpc/connect";
import {
  BatchPublishEventsResponseSchema,
  type BatchPublishEventsRequest,
  Client,
  ConflictError,
  type CreateWebhookRequest,
  CreateWebhookResponseSchema,
  DeliveryState,
  ErrorReason,
  type EventInit,
  InvalidError,
  json,
  jsonText,
  jsonValue,
  ListDeliveriesResponseSchema,
  ListEventsResponseSchema,
  type ListWebhooksRequest,
  ListWebhooksResponseSchema,
  NotFoundError,
  type PublishEventRequest,
  PublishEventRequestSchema,
  PublishEventResponseSchema,
  ReplayEventsResponseSchema,
  RetryDeliveryResponseSchema,
  RotateSigningKeyResponseSchema,
  StreamPublishEventsResponseSchema,
  TenterhookError,
  UnavailableError,
  WatchDeliveriesResponseSchema,
} from "../src/index.js";
import { durationFromMs, durationMs, toEvent } from "../src/messages.js";
import { badField, Fake, info, refuse, retryInfo, sleep, type Step } from "./fake.js";

const unavailable = refuse(Code.Unavailable);
const created: EventInit = { type: "created" };
const published = (eventId: string) => create(PublishEventResponseSchema, { result: { eventId } });

const started: Fake[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((fake) => fake.stop()));
});

async function serve(...scripts: (Step | Step[])[]): Promise<Fake> {
  const fake = await Fake.start(scripts);
  started.push(fake);
  return fake;
}

async function failure(promise: Promise<unknown>): Promise<TenterhookError> {
  const error = await promise.then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof TenterhookError, String(error));
  return error;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
  }
  return found;
}

test("publish retries under one id", async () => {
  const server = await serve(unavailable, unavailable, published("e"));
  assert.equal((await server.client().publish(created)).eventId, "e");
  const ids = new Set(server.requests.map((request) => (request as PublishEventRequest).event!.id));
  assert.equal(server.requests.length, 3);
  assert.equal(ids.size, 1);
  assert.ok(!ids.has(""));
});

test("unavailable is retried even where nothing is idempotent", async () => {
  const server = await serve(unavailable, create(RetryDeliveryResponseSchema));
  await server.client().deliveries.retryDelivery({ deliveryId: "dlv" });
  assert.equal(server.requests.length, 2);
});

test("retry info is obeyed", async () => {
  const server = await serve(refuse(Code.ResourceExhausted, info("RATE_LIMITED"), retryInfo(300)), published("e"));
  const start = performance.now();
  await server.client().publish(created);
  assert.ok(performance.now() - start >= 299);
});

test("retry info alone repeats no call that is not idempotent", async () => {
  const server = await serve(refuse(Code.ResourceExhausted, retryInfo(10)));
  const error = await failure(server.client().deliveries.retryDelivery({ deliveryId: "dlv" }));
  assert.equal(error.retryAfterMs, 10);
  assert.equal(server.requests.length, 1);
});

test("a wait beyond the deadline is not begun", async () => {
  const server = await serve(refuse(Code.Unavailable, retryInfo(60_000)));
  const start = performance.now();
  assert.ok((await failure(server.client().publish(created))) instanceof UnavailableError);
  assert.ok(performance.now() - start < 5000);
});

for (const code of [Code.Internal, Code.InvalidArgument, Code.PermissionDenied]) {
  test(`${Code[code]} is told at once`, async () => {
    const server = await serve(refuse(code));
    assert.equal((await failure(server.client().publish(created))).code, code);
    assert.equal(server.requests.length, 1);
  });
}

test("retries can be turned off", async () => {
  const server = await serve(unavailable);
  await failure(server.client({ retry: { enabled: false } }).publish(created));
  assert.equal(server.requests.length, 1);
});

test("the deadline covers all tries", async () => {
  const server = await serve(...Array<Step>(500).fill(unavailable));
  const start = performance.now();
  await failure(server.client({ timeoutMs: 500 }).publish(created));
  assert.ok(performance.now() - start < 2000);
  assert.ok(server.requests.length > 2);
});

test("a timeout of one call wins", async () => {
  const server = await serve([600, published("late")]);
  const error = await failure(server.client().publish(created, { timeoutMs: 100 }));
  assert.equal(error.code, Code.DeadlineExceeded);
});

test("an aborted signal ends the retries", async () => {
  const server = await serve(...Array<Step>(500).fill(unavailable));
  const start = performance.now();
  await failure(server.client().publish(created, { signal: AbortSignal.timeout(100) }));
  assert.ok(performance.now() - start < 2000);
});

const kinds: [Code, typeof TenterhookError][] = [
  [Code.NotFound, NotFoundError],
  [Code.AlreadyExists, ConflictError],
  [Code.Aborted, ConflictError],
  [Code.FailedPrecondition, ConflictError],
  [Code.InvalidArgument, InvalidError],
  [Code.OutOfRange, InvalidError],
];
for (const [code, kind] of kinds) {
  test(`${Code[code]} is a ${kind.name}`, async () => {
    const server = await serve(refuse(code));
    assert.ok((await failure(server.client().getDelivery("dlv"))) instanceof kind);
  });
}

test("an error tells reason, fields and metadata", async () => {
  const details = [info("URL_FORBIDDEN", { host: "10.0.0.1" }), badField("webhook.request.url", "is not absolute")];
  const server = await serve(refuse(Code.InvalidArgument, ...details));
  const error = await failure(server.client().createWebhook({ displayName: "x" }));
  assert.equal(error.reason, ErrorReason.URL_FORBIDDEN);
  assert.equal(error.reasonName, "URL_FORBIDDEN");
  assert.deepEqual(error.metadata, { host: "10.0.0.1" });
  assert.equal(error.fieldViolations[0]?.field, "webhook.request.url");
  assert.equal(error.fieldViolations[0]?.description, "is not absolute");
  assert.equal(error.message, "InvalidArgument URL_FORBIDDEN: refused");
});

test("a reason of another domain or a newer server is unspecified", async () => {
  for (const detail of [info("EVENT_NOT_FOUND", {}, "else"), info("NEW")]) {
    const server = await serve(refuse(Code.NotFound, detail));
    assert.equal((await failure(server.client().getDelivery("dlv"))).reasonName, "");
  }
});

test("the key and the program's headers are sent", async () => {
  const server = await serve(published("e"));
  await server.client({ apiKey: "th_x", headers: () => ({ traceparent: "00-1-2-01" }) }).publish(created);
  assert.equal(server.headers[0]?.get("authorization"), "Bearer th_x");
  assert.equal(server.headers[0]?.get("traceparent"), "00-1-2-01");
});

test("the client's namespace is used where none is given", async () => {
  const server = await serve(published("e"), published("e"), create(BatchPublishEventsResponseSchema));
  const client = server.client({ namespace: "mine" });
  await client.publish(created);
  await client.publish({ ...created, namespace: "other" });
  await client.publishBatch([created]);
  const [first, second, third] = server.requests;
  assert.equal((first as PublishEventRequest).event!.namespace, "mine");
  assert.equal((second as PublishEventRequest).event!.namespace, "other");
  assert.equal((third as BatchPublishEventsRequest).events[0]!.namespace, "mine");
});

test("requests without an id get one, and the caller's message stays as it is", async () => {
  const server = await serve(
    unavailable,
    create(CreateWebhookResponseSchema),
    create(RotateSigningKeyResponseSchema),
    create(ReplayEventsResponseSchema),
    published("e"),
  );
  const client = server.client();
  const mine = create(PublishEventRequestSchema, { event: { type: "created" } });
  await client.webhooks.createWebhook({});
  await client.webhooks.rotateSigningKey({});
  await client.events.replayEvents({});
  await client.events.publishEvent(mine);
  const ids = server.requests.slice(0, 4).map((request) => (request as CreateWebhookRequest).requestId);
  assert.equal(ids[0], ids[1]);
  assert.ok(ids.every((id) => id !== ""));
  assert.notEqual((server.requests[4] as PublishEventRequest).event!.id, "");
  assert.equal(mine.event!.id, "");
});

test("lists turn the pages", async () => {
  const server = await serve(
    create(ListWebhooksResponseSchema, { webhooks: [{ id: "a" }, { id: "b" }], nextPageToken: "2" }),
    create(ListWebhooksResponseSchema, { webhooks: [{ id: "c" }] }),
  );
  const webhooks = await collect(server.client().listWebhooks({ pageSize: 2 }));
  assert.deepEqual(webhooks.map((webhook) => webhook.id), ["a", "b", "c"]);
  assert.deepEqual(server.requests.map((request) => (request as ListWebhooksRequest).pageToken), ["", "2"]);
});

test("a list that fails throws", async () => {
  const server = await serve(create(ListEventsResponseSchema, { events: [{}], nextPageToken: "2" }), refuse(Code.InvalidArgument));
  await assert.rejects(collect(server.client().listEvents()), InvalidError);
});

test("a list of deliveries tells where to watch", async () => {
  const server = await serve(
    create(ListDeliveriesResponseSchema, { deliveries: [{ id: "a" }], nextPageToken: "2", resumeToken: "r" }),
    create(ListDeliveriesResponseSchema),
  );
  const list = server.client().listDeliveries({ filter: { states: [DeliveryState.FAILED] } });
  assert.equal((await collect(list)).length, 1);
  assert.equal(list.resumeToken, "r");
});

test("a stream acknowledges each event", async () => {
  const error = { code: 3, reason: ErrorReason.INVALID_FIELD, message: "event.type: is required", field: "event.type" };
  const server = await serve(
    create(StreamPublishEventsResponseSchema, { outcome: { case: "result", value: { eventId: "a" } } }),
    create(StreamPublishEventsResponseSchema, { sequence: 1n, outcome: { case: "error", value: error } }),
  );
  const acks = await collect(server.client().publishStream([created, { type: "" }]));
  assert.equal(acks[0]?.result?.eventId, "a");
  assert.equal(acks[1]?.sequence, 1);
  assert.ok(acks[1]?.error instanceof InvalidError);
  assert.deepEqual(acks[1].error.fieldViolations, [{ field: "event.type", description: "is required" }]);
  assert.equal(acks[1].error.message, "InvalidArgument INVALID_FIELD: event.type: is required");
});

test("leaving a stream ends it and asks for no more events", async () => {
  const server = await serve(create(StreamPublishEventsResponseSchema, { outcome: { case: "result", value: {} } }));
  let asked = 0;
  let left: () => void;
  const told = new Promise<void>((resolve) => (left = resolve));
  const endless: AsyncIterator<EventInit> = {
    next: async () => (asked++ === 0 ? { done: false, value: created } : new Promise(() => {})),
    return: async () => {
      left();
      return { done: true, value: undefined };
    },
  };
  for await (const ack of server.client().publishStream({ [Symbol.asyncIterator]: () => endless })) {
    assert.equal(ack.sequence, 0);
    break;
  }
  await told;
  assert.equal(asked, 2);
});

test("a stream that breaks throws", async () => {
  const server = await serve(refuse(Code.ResourceExhausted));
  const error = await failure(collect(server.client().publishStream([created])));
  assert.equal(error.code, Code.ResourceExhausted);
});

test("an event takes native values", () => {
  const occurTime = new Date("2026-03-06T14:11:23Z");
  const snapshots = { prechange: { id: 1 }, postchange: null };
  const event = toEvent({ type: "updated", data: { id: 7, name: "Zürich" }, snapshots, occurTime }, "ns");
  assert.deepEqual(jsonValue(event.data), { id: 7, name: "Zürich" });
  assert.deepEqual(jsonValue(event.snapshots?.prechange), { id: 1 });
  assert.equal(event.snapshots?.postchange, undefined);
  assert.equal(event.occurTime?.seconds, 1772806283n);
  assert.equal(event.namespace, "ns");
  assert.equal(event.id.length, 36);
});

test("JSON text and JSON null are kept, and what JSON lacks is refused", () => {
  const big = jsonText("123456789012345678901234567890");
  assert.equal(toEvent({ type: "created", data: big }, "").data?.value.value, "123456789012345678901234567890");
  assert.equal(toEvent({ type: "created", data: null }, "").data?.value.value, "null");
  assert.equal(toEvent({ type: "created" }, "").data, undefined);
  assert.throws(() => json(undefined), TypeError);
  assert.throws(() => json(10n), TypeError);
  assert.throws(() => json({ a: [NaN] }), /"0" is NaN, which JSON has no number for/);
  assert.throws(() => json({ sites: new Map([["a", 1]]) }), /"sites" is a Map, .* Object\.fromEntries/);
  assert.throws(() => json(new Set([1])), /the value is a Set/);
});

test("a server that comes late is reached", async () => {
  const first = await Fake.start([]);
  const port = Number(first.target.split(":")[1]);
  const client = first.client();
  await first.stop();
  const another = new Client(`127.0.0.1:${port}`, { retry: { initialMs: 10 } });
  const late = sleep(300).then(() => Fake.start([published("e")], port));
  assert.equal((await another.publish(created)).eventId, "e");
  another.close();
  client.close();
  started.push(await late);
});

for (const target of ["localhost", "ftp://a:1", "host:port", "", ":1"]) {
  test(`the target ${JSON.stringify(target)} is refused`, () => {
    assert.throws(() => new Client(target), TypeError);
  });
}

test("a key is not sent in the clear", () => {
  assert.throws(() => new Client("http://example.com:80", { apiKey: "th_x" }), /TLS/);
  new Client("http://127.0.0.1:80", { apiKey: "th_x" }).close();
});

test("interceptors see every try and not the key", async () => {
  const change = create(WatchDeliveriesResponseSchema, { resumeToken: "t", payload: { case: "change", value: {} } });
  const server = await serve(unavailable, published("e"), [change]);
  const seen: string[] = [];
  const tracing: Interceptor = (next) => (request) => {
    seen.push(`${request.method.name} ${request.header.get("authorization")}`);
    request.header.set("traceparent", "00-1");
    return next(request);
  };
  const client = server.client({ apiKey: "th_x", interceptors: [tracing] });
  await client.publish(created);
  const watch = client.watch();
  await watch.next();
  watch.close();
  assert.deepEqual(seen, ["PublishEvent null", "PublishEvent null", "WatchDeliveries null"]);
  assert.deepEqual(server.headers.map((one) => [one.get("traceparent"), one.get("authorization")]), Array(3).fill(["00-1", "Bearer th_x"]));

});

test("durations are milliseconds and back", () => {
  for (const [milliseconds, seconds, nanos] of [[1500, 1n, 500_000_000], [-250, 0n, -250_000_000], [0.5, 0n, 500_000]] as const) {
    const duration = durationFromMs(milliseconds);
    assert.deepEqual([duration.seconds, duration.nanos], [seconds, nanos]);
    assert.equal(durationMs(duration), milliseconds);
  }
});
