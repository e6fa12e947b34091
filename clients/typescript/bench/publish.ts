// How fast the client publishes, beside the bare generated client: see docs/BENCHMARKS.md.
// `publish.js TARGET ROUNDS SLICE_MS` prints a line for each slice: way, who, events, seconds. The way `loop` is
// the obvious program: with a publisher, with one call after the other, and with 64 calls at once.

import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Client, type Event, EventSchema, EventService, type EventInit } from "../src/index.js";

const inFlight = 64;
const comments = "x".repeat(1000);
const ways = ["unary", "batch", "stream"] as const;
let number = 0;

interface Publisher {
  name: string;
  unary(): Promise<unknown>;
  batch(): Promise<unknown>;
  stream(tokens: AsyncIterable<void>): AsyncIterable<unknown>;
}

function value(): { id: number; name: string; comments: string } {
  return { id: number++, name: "Zürich", comments };
}

/** An event as a user of the client makes it. */
function event(): EventInit {
  return { type: "updated", objectType: "dcim.site", data: value() };
}

/** An event as a user of the generated code makes it. */
function message(): Event {
  return create(EventSchema, {
    id: crypto.randomUUID(),
    type: "updated",
    objectType: "dcim.site",
    data: { value: { case: "json", value: JSON.stringify(value()) } },
  });
}

function ofClient(target: string): Publisher {
  const client = new Client(target);
  return {
    name: "client",
    unary: () => client.publish(event()),
    batch: () => client.publishBatch(Array.from({ length: inFlight }, event)),
    async *stream(tokens) {
      async function* events(): AsyncGenerator<EventInit> {
        for await (const _ of tokens) {
          yield event();
        }
      }
      yield* client.publishStream(events());
    },
  };
}

function ofStub(target: string): Publisher {
  const stub = createClient(EventService, createGrpcTransport({ baseUrl: `http://${target}` }));
  return {
    name: "stub",
    unary: () => stub.publishEvent({ event: message() }),
    batch: () => stub.batchPublishEvents({ events: Array.from({ length: inFlight }, message) }),
    async *stream(tokens) {
      async function* requests(): AsyncGenerator<{ sequence: bigint; event: Event }> {
        let sequence = 0n;
        for await (const _ of tokens) {
          yield { sequence: sequence++, event: message() };
        }
      }
      yield* stub.streamPublishEvents(requests());
    },
  };
}

/** Publishes until `end` and tells how many events. */
async function slice(publisher: Publisher, way: (typeof ways)[number], end: number): Promise<number> {
  let count = 0;
  if (way === "unary") {
    const work = async (): Promise<void> => {
      while (performance.now() < end) {
        await publisher.unary();
        count++;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, work));
    return count;
  }
  if (way === "batch") {
    while (performance.now() < end) {
      await publisher.batch();
      count += inFlight;
    }
    return count;
  }
  let sent = 0;
  let wake = (): void => {};
  async function* tokens(): AsyncGenerator<void> {
    while (performance.now() < end) {
      if (sent - count >= inFlight) {
        await new Promise<void>((resolve) => (wake = resolve));
      }
      sent++;
      yield;
    }
  }
  for await (const _ of publisher.stream(tokens())) {
    count++;
    wake();
  }
  return count;
}

/** The obvious loop with a publisher: tells how many of its events were stored until `end`. */
async function loop(client: Client, end: number): Promise<number> {
  const publisher = client.publisher();
  const publications: Promise<unknown>[] = [];
  while (performance.now() < end) {
    await publisher.room();
    publications.push(publisher.publish(event()));
  }
  await publisher.close();
  return (await Promise.all(publications)).length;
}

/** The obvious loop without one. */
async function calls(client: Client, end: number): Promise<number> {
  let count = 0;
  for (; performance.now() < end; count++) {
    await client.publish(event());
  }
  return count;
}

const [target, rounds, sliceMs] = process.argv.slice(2) as [string, string, string];
const publishers = [ofClient(target), ofStub(target)];
for (const way of ways) {
  for (let round = 0; round <= Number(rounds); round++) {
    // Each is first as often as the other; the first round only warms up.
    for (const publisher of round % 2 === 0 ? publishers : publishers.toReversed()) {
      const start = performance.now();
      const count = await slice(publisher, way, start + Number(sliceMs));
      if (round > 0) {
        console.log(way, publisher.name, count, (performance.now() - start) / 1000);
      }
    }
  }
}
const client = new Client(target);
const loops: [string, (end: number) => Promise<number>][] = [
  ["publisher", (end) => loop(client, end)],
  ["each", (end) => calls(client, end)],
  ["together", (end) => slice(publishers[0]!, "unary", end)],
];
for (let round = 0; round <= Number(rounds); round++) {
  for (const [who, run] of loops) {
    const start = performance.now();
    const count = await run(start + Number(sliceMs));
    if (round > 0) {
      console.log("loop", who, count, (performance.now() - start) / 1000);
    }
  }
}
process.exit();
