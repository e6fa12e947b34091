// How a publisher gathers, bounds and orders; its results over a crash are in the shared scenarios.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  type BatchPublishEventsRequest,
  BatchPublishEventsResponseSchema,
  ClosedError,
  ConflictError,
  InvalidError,
  PublisherFullError,
  type PublisherOptions,
} from "../src/index.js";
import { badField, Fake, info, refuse, type Step } from "./fake.js";

const stored = (...ids: string[]): Step => create(BatchPublishEventsResponseSchema, { results: ids.map((eventId) => ({ eventId })) });
const patient = { lingerMs: 60_000 };

async function publishAll(server: Fake, count: number, options: PublisherOptions): Promise<unknown[]> {
  const publisher = server.client().publisher(options);
  const publications = Array.from({ length: count }, (_, n) => publisher.publish({ id: `e${n}`, type: "t", data: "x".repeat(400) }));
  await publisher.close();
  return Promise.all(publications.map((one) => one.then(({ eventId }) => eventId, (error: unknown) => error)));
}

function batches(server: Fake): string[][] {
  return server.requests.map((request) => (request as BatchPublishEventsRequest).events.map(({ id }) => id));
}

test("events are gathered by count and by bytes", async () => {
  const server = await Fake.start([stored("e0", "e1"), stored("e2")]);
  assert.deepEqual(await publishAll(server, 3, { maxEvents: 2, ...patient }), ["e0", "e1", "e2"]);
  assert.deepEqual(batches(server).map((batch) => batch.length).sort(), [1, 2]);
  await server.stop();
  const narrow = await Fake.start([stored("e0", "e1"), stored("e2", "e3")]);
  await publishAll(narrow, 4, { maxBytes: 1000, inFlight: 1, ...patient });
  assert.deepEqual(batches(narrow), [["e0", "e1"], ["e2", "e3"]]);
  await narrow.stop();
});

test("bad events fail alone", async () => {
  const server = await Fake.start([
    refuse(Code.InvalidArgument, info("INVALID_FIELD"), badField("events[1].type", "is required")),
    refuse(Code.AlreadyExists, info("EVENT_ID_CONFLICT", { event_id: "e0" })),
    stored("e2"),
  ]);
  const [first, second, third] = await publishAll(server, 3, patient);
  assert.ok(first instanceof ConflictError && second instanceof InvalidError && third === "e2");
  await server.stop();
});

test("a batch is sent again under its ids when its fate is not known", async () => {
  const server = await Fake.start([refuse(Code.Internal), refuse(Code.Unavailable), stored("e0", "e1")]);
  assert.deepEqual(await publishAll(server, 2, patient), ["e0", "e1"]);
  assert.deepEqual(batches(server), [["e0", "e1"], ["e0", "e1"], ["e0", "e1"]]);
  await server.stop();
});

test("what is outstanding is bounded, and there is room later", async () => {
  const server = await Fake.start([stored("e0"), stored("e1")]);
  const publisher = server.client().publisher({ outstanding: 1, lingerMs: 0 });
  const first = publisher.publish({ id: "e0", type: "t" });
  assert.throws(() => publisher.publish({ type: "t" }), PublisherFullError);
  await publisher.room();
  assert.equal((await first).eventId, first.eventId);
  await publisher.publish({ id: "e1", type: "t" });
  await publisher.close();
  assert.throws(() => publisher.publish({ type: "t" }), ClosedError);
  await server.stop();
});
