// A watch resumes for ever, from what the program was handed.

import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  type Checkpoint,
  ErrorReason,
  FileCheckpoint,
  InvalidError,
  TenterhookError,
  type Watch,
  type WatchDeliveriesRequest,
  WatchDeliveriesResponseSchema,
  WatchPosition,
} from "../src/index.js";
import { Fake, info, refuse, sleep, type Step } from "./fake.js";

const change = (number: number) =>
  create(WatchDeliveriesResponseSchema, {
    resumeToken: `t${number}`,
    payload: { case: "change", value: { delivery: { id: `d${number}` } } },
  });
const bookmark = (resumeToken: string) =>
  create(WatchDeliveriesResponseSchema, { resumeToken, payload: { case: "bookmark", value: {} } });
const long = 2000;

const started: Fake[] = [];
const watches: Watch[] = [];
afterEach(async () => {
  watches.splice(0).forEach((watch) => watch.close());
  await Promise.all(started.splice(0).map((fake) => fake.stop()));
});

async function serve(...scripts: Step[][]): Promise<Fake> {
  started.push(await Fake.start(scripts));
  return started.at(-1)!;
}

function open(server: Fake, request: Parameters<ReturnType<Fake["client"]>["watch"]>[0] = {}): Watch {
  watches.push(server.client().watch(request));
  return watches.at(-1)!;
}

async function take(watch: Watch, ...wanted: string[]): Promise<void> {
  for (const id of wanted) {
    const next = await watch.next();
    assert.equal(next.value?.change.delivery?.id, id);
  }
}

function tokens(server: Fake): string[] {
  const starts = server.requests.map((request) => (request as WatchDeliveriesRequest).start);
  return starts.map((start) => (start.case === "resumeToken" ? start.value : ""));
}

test("changes come with their tokens and bookmarks do not come", async () => {
  const watch = open(await serve([bookmark("b"), change(1), bookmark("b2"), change(2), long]));
  const first = await watch.next();
  assert.equal(first.value?.token, "t1");
  assert.equal(watch.resumeToken, "t1");
  await take(watch, "d2");
});

for (const code of [Code.Unavailable, Code.Internal, Code.Unknown, Code.Canceled]) {
  test(`a stream cut by ${Code[code]} resumes after what was handed out`, async () => {
    const server = await serve([bookmark("b"), change(1), refuse(code)], [change(2), long]);
    await take(open(server), "d1", "d2");
    assert.deepEqual(tokens(server), ["", "t1"]);
  });
}

test("what arrived but was not handed out is not counted", async () => {
  const watch = open(await serve([change(1), change(2), change(3), long]));
  await take(watch, "d1");
  await sleep(100);
  assert.equal(watch.resumeToken, "t1");
});

test("a stream that ends well is resumed too", async () => {
  const server = await serve([change(1)], [], [change(2), long]);
  await take(open(server), "d1", "d2");
  assert.deepEqual(tokens(server), ["", "t1", "t1"]);
});

test("a bookmark moves the place to resume", async () => {
  const server = await serve([bookmark("quiet"), refuse(Code.Unavailable)], [change(1), long]);
  await take(open(server, { start: { case: "position", value: WatchPosition.EARLIEST } }), "d1");
  assert.deepEqual(tokens(server), ["", "quiet"]);
});

test("silence of three bookmark intervals makes a new connection", async () => {
  const server = await serve([change(1), 5000], [change(2), long]);
  const start = performance.now();
  await take(open(server, { bookmarkInterval: { nanos: 100e6 } }), "d1", "d2");
  const took = performance.now() - start;
  assert.ok(took >= 299 && took < 3000, String(took));
});

test("a slow program is no silence", async () => {
  const server = await serve([change(1), change(2), long]);
  const watch = open(server, { bookmarkInterval: { nanos: 50e6 } });
  await take(watch, "d1");
  await sleep(400);
  await take(watch, "d2");
  assert.equal(server.requests.length, 1);
});

test("an expired token ends the watch", async () => {
  const server = await serve([refuse(Code.OutOfRange, info("RESUME_TOKEN_EXPIRED"))]);
  const watch = open(server, { start: { case: "resumeToken", value: "old" } });
  await assert.rejects(watch.next(), (error: TenterhookError) => {
    return error instanceof InvalidError && error.reason === ErrorReason.RESUME_TOKEN_EXPIRED;
  });
  assert.equal(server.requests.length, 1);
  assert.equal((await watch.next()).done, true);
});

for (const code of [Code.InvalidArgument, Code.Unauthenticated, Code.PermissionDenied, Code.NotFound]) {
  test(`${Code[code]} ends the watch`, async () => {
    const watch = open(await serve([refuse(code)]));
    await assert.rejects(watch.next(), (error: TenterhookError) => error.code === code);
  });
}

test("many cuts lose and repeat nothing", async () => {
  const scripts = Array.from({ length: 20 }, (_, number) => [bookmark("b"), change(number), refuse(Code.Unavailable)]);
  const watch = open(await serve(...scripts));
  await take(watch, ...scripts.map((_, number) => `d${number}`));
});

test("close ends a next that waits", async () => {
  const watch = open(await serve([change(1), long]));
  await take(watch, "d1");
  const waiting = watch.next();
  await sleep(50);
  watch.close();
  assert.equal((await waiting).done, true);
});

test("leaving the loop closes the watch", async () => {
  const watch = open(await serve([change(1), change(2), long]));
  for await (const item of watch) {
    assert.equal(item.token, "t1");
    break;
  }
  assert.equal((await watch.next()).done, true);
});

test("filters are kept over a reconnect, and the caller's request stays as it is", async () => {
  const server = await serve([refuse(Code.Unavailable)], [change(1), long]);
  const request = { namespace: "mine", filter: { webhookIds: ["wh"] } };
  await take(open(server, request), "d1");
  for (const seen of server.requests as WatchDeliveriesRequest[]) {
    assert.deepEqual([seen.namespace, seen.filter?.webhookIds], ["mine", ["wh"]]);
  }
  assert.deepEqual(Object.keys(request), ["namespace", "filter"]);
});

/** A checkpoint that notes what is saved, and fails when it is told to. */
class Notes implements Checkpoint {
  readonly saved: string[] = [];
  failures = 0;
  readonly #token: string | undefined;

  constructor(token?: string) {
    this.#token = token;
  }

  load(): string | undefined {
    return this.#token;
  }

  save(token: string): void {
    if (this.failures > 0) {
      this.failures--;
      throw new Error("the disk is read only");
    }
    this.saved.push(token);
  }
}

function kept(server: Fake, checkpoint: Checkpoint): Watch {
  watches.push(server.client().watch({ start: { case: "position", value: WatchPosition.EARLIEST } }, { checkpoint }));
  return watches.at(-1)!;
}

test("a change counts as handled when the next is asked for", async () => {
  const notes = new Notes();
  const watch = kept(await serve([change(1), bookmark("b"), change(2), long]), notes);
  await take(watch, "d1");
  assert.deepEqual(notes.saved, []);
  await take(watch, "d2");
  assert.deepEqual(notes.saved, ["t1", "b"]);
});

test("what was saved wins over where the watch would begin", async () => {
  const server = await serve([change(8), long], [change(1), long]);
  await take(kept(server, new Notes("t7")), "d8");
  await take(kept(server, new Notes()), "d1");
  assert.deepEqual(tokens(server), ["t7", ""]);
});

test("a save that fails is thrown and tried again", async () => {
  const notes = new Notes();
  const watch = kept(await serve([change(1), change(2), long]), notes);
  await take(watch, "d1");
  notes.failures = 1;
  await assert.rejects(watch.next(), /read only/);
  await take(watch, "d2");
  assert.deepEqual(notes.saved, ["t1"]);
});

test("a file keeps the last token", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tenterhook-"));
  const place = join(folder, "deliveries.token");
  assert.equal(await new FileCheckpoint(place).load(), undefined);
  await new FileCheckpoint(place).save("t1");
  await new FileCheckpoint(place).save("t2");
  assert.equal(await new FileCheckpoint(place).load(), "t2");
  assert.deepEqual(await readdir(folder), ["deliveries.token"]);
  await assert.rejects(new FileCheckpoint(join(folder, "missing", "token")).load(), { code: "ENOENT" });
  await rm(folder, { recursive: true });
});
