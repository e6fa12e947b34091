// Spans of calls, by the SDK of OpenTelemetry itself.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { propagation, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { PublishEventResponseSchema, WatchDeliveriesResponseSchema } from "../src/index.js";
import { tracing } from "../src/tracing.js";
import { Fake, refuse, type Step } from "./fake.js";

propagation.setGlobalPropagator(new W3CTraceContextPropagator());

const started: Fake[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((fake) => fake.stop()));
});

/** A server with a client whose spans are kept; `next` is fulfilled with the first that ends. */
async function traced(...scripts: (Step | Step[])[]) {
  const spans = new InMemorySpanExporter();
  let came = (): void => {};
  const next = new Promise<void>((resolve) => (came = resolve));
  const noted = { onStart() {}, onEnd: () => came(), forceFlush: async () => {}, shutdown: async () => {} };
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans), noted] });
  const fake = await Fake.start(scripts);
  started.push(fake);
  return { fake, client: fake.client({ interceptors: [tracing(provider)] }), ended: () => spans.getFinishedSpans(), next };
}

function traceparent(span: ReadableSpan | undefined): string {
  const { traceId, spanId, traceFlags } = span!.spanContext();
  return `00-${traceId}-${spanId}-0${traceFlags}`;
}

const change = create(WatchDeliveriesResponseSchema, {
  resumeToken: "t",
  payload: { case: "change", value: { delivery: { id: "d" } } },
});

test("each try is a span whose context goes along", async () => {
  const published = create(PublishEventResponseSchema, { result: { eventId: "e" } });
  const { fake, client, ended } = await traced(refuse(Code.Unavailable), published);
  await client.publish({ type: "created" });
  const [refused, answered] = ended();
  assert.equal(ended().length, 2);
  assert.equal(refused?.name, "tenterhook.v1.EventService/PublishEvent");
  assert.equal(refused.kind, SpanKind.CLIENT);
  assert.deepEqual(refused.attributes, {
    "rpc.system.name": "grpc",
    "rpc.method": refused.name,
    "rpc.response.status_code": "UNAVAILABLE",
    "error.type": "UNAVAILABLE",
  });
  assert.equal(refused.status.code, SpanStatusCode.ERROR);
  assert.equal(answered?.attributes["rpc.response.status_code"], "OK");
  assert.deepEqual(
    fake.headers.map((headers) => headers.get("traceparent")),
    [traceparent(refused), traceparent(answered)],
  );
});

test("an error of the server reaches the caller and the span", async () => {
  const { client, ended } = await traced(refuse(Code.NotFound));
  await assert.rejects(client.publish({ type: "created" }));
  assert.equal(ended()[0]?.attributes["error.type"], "NOT_FOUND");
});

test("a watch is a span until it ends", async () => {
  const { fake, client, ended } = await traced([change, refuse(Code.NotFound)]);
  const watch = client.watch();
  assert.equal((await watch.next()).value?.token, "t");
  assert.equal(ended().length, 0);
  await assert.rejects(watch.next());
  assert.equal(ended()[0]?.attributes["error.type"], "NOT_FOUND");
  assert.equal(fake.headers[0]?.get("traceparent"), traceparent(ended()[0]));
});

test("a watch that is left is a span that ends", async () => {
  const { client, ended, next } = await traced([change, 300]);
  for await (const { token } of client.watch()) {
    assert.equal(token, "t");
    break;
  }
  await next;
  assert.equal(ended()[0]?.attributes["error.type"], "CANCELLED");
});
