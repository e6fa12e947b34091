// Every shared vector of signing and verifying, and what the vectors cannot say.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { InvalidSignature, Misconfigured, parse, type Scheme, signForTest, verify } from "../src/index.js";
import * as web from "../src/verify.js";

interface Vector {
  id: string;
  category: string;
  scheme: Scheme;
  secrets: string[];
  body?: string;
  body_base64?: string;
  headers: Record<string, string>;
  now: number | null;
  expected: string;
}

const file = fileURLToPath(new URL("../../../../tests/fixtures/signatures.jsonl", import.meta.url));
const vectors = readFileSync(file, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Vector);

function bodyOf(vector: Vector): Buffer {
  return vector.body_base64 === undefined ? Buffer.from(vector.body!) : Buffer.from(vector.body_base64, "base64");
}

// A public key among the secrets is what makes the difference.
function schemeOf(vector: Vector): Scheme {
  return vector.scheme.replace("_ASYMMETRIC", "") as Scheme;
}

function check(vector: Vector, body: Uint8Array = bodyOf(vector)): void {
  const now = vector.now === null ? {} : { now: vector.now };
  verify(vector.headers, body, vector.secrets, { scheme: schemeOf(vector), ...now });
}

test("there are all the vectors", () => assert.ok(vectors.length >= 101));

for (const vector of vectors) {
  test(`vector ${vector.id}`, () => {
    if (vector.expected === "valid") {
      check(vector);
    } else {
      assert.throws(() => check(vector), isRefusal);
    }
  });

  test(`vector ${vector.id} on Web Crypto`, async () => {
    const now = vector.now === null ? {} : { now: vector.now };
    const checked = web.verify(vector.headers, bodyOf(vector), vector.secrets, { scheme: schemeOf(vector), ...now });
    await (vector.expected === "valid" ? checked : assert.rejects(checked, isRefusal));
  });
}

function isRefusal(error: unknown): boolean {
  return error instanceof InvalidSignature || error instanceof Misconfigured;
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

test("what is signed for a test is what the server signs", async () => {
  const signed = vectors.filter((one) => one.category === "sign" && one.secrets.length === 1);
  assert.ok(signed.length > 5);
  for (const vector of signed) {
    const { id_header: id, timestamp, scheme } = vector as Vector & { id_header?: string; timestamp?: number };
    const options = { scheme, now: timestamp ?? vector.now ?? 0, ...(id === undefined ? {} : { id }) };
    const expected = Object.fromEntries(Object.entries(vector.headers).map(([name, value]) => [name.toLowerCase(), value]));
    assert.deepEqual(signForTest(bodyOf(vector), vector.secrets[0]!, options), expected, vector.id);
    assert.deepEqual(await web.signForTest(bodyOf(vector), vector.secrets[0]!, options), expected, vector.id);
  }
});

test("a wrong secret and a parsed body are no attack", async () => {
  for (const wrong of ["", "whsec_", "whsec_ä", [], [secret, ""]]) {
    assert.throws(() => verify({}, "", wrong), Misconfigured);
    await assert.rejects(web.verify({}, "", wrong), Misconfigured);
  }
  assert.throws(() => verify({}, { parsed: true } as never, secret), /express\.json/);
});

test("parse gives the event", async () => {
  const body = JSON.stringify({
    event: "updated",
    timestamp: "2026-03-06T15:11:23.503186+00:00",
    model: "site",
    username: null,
    request_id: "r",
    data: { name: "Zürich" },
    snapshots: { prechange: { id: 1 }, postchange: null },
  });
  for (const event of [
    parse(signForTest(body, secret, { id: "e1" }), body, secret),
    await web.parse(await web.signForTest(body, secret, { id: "e1" }), body, secret),
  ]) {
    assert.equal(event.time.toISOString(), "2026-03-06T15:11:23.503Z");
    assert.deepEqual(
      [event.id, event.type, event.model, event.username, event.requestId, event.data, event.prechange, event.postchange],
      ["e1", "updated", "site", null, "r", { name: "Zürich" }, { id: 1 }, null],
    );
  }
  for (const other of ["[]", "no JSON", "{}"]) {
    assert.throws(() => parse(signForTest(other, secret), other, secret), /body template/);
  }
});

test("a changed body is refused", () => {
  for (const vector of vectors.filter((one) => one.category === "sign")) {
    assert.throws(() => check(vector, Buffer.concat([Buffer.from("x"), bodyOf(vector)])), InvalidSignature, vector.id);
  }
});

test("headers of fetch and lists of values are taken", () => {
  const vector = vectors[0]!;
  verify(new Headers(vector.headers), bodyOf(vector), vector.secrets, { now: vector.now! });
  const lists = Object.fromEntries(Object.entries(vector.headers).map(([name, value]) => [name, [value]]));
  verify(lists, bodyOf(vector), vector.secrets[0]!, { now: vector.now! });
});

test("no secret verifies nothing", () => {
  assert.throws(() => check({ ...vectors[0]!, secrets: [] }), Misconfigured);
});

test("the clock is read when no time is given", () => {
  assert.throws(() => check({ ...vectors[0]!, now: null }), /too far/);
});

test("a message never tells the secret", () => {
  assert.throws(() => verify({}, "", "very-secret", { now: 0 }), (error: Error) => !error.message.includes("very-secret"));
});
