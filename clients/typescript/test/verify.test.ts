// Every shared vector of signing and verifying, and what the vectors cannot say.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { InvalidSignature, type Scheme, verify } from "../src/index.js";

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

function check(vector: Vector, body: Uint8Array = bodyOf(vector)): void {
  const now = vector.now === null ? {} : { now: vector.now };
  verify(vector.headers, body, vector.secrets, { scheme: vector.scheme, ...now });
}

test("there are all the vectors", () => assert.ok(vectors.length >= 101));

for (const vector of vectors) {
  test(`vector ${vector.id}`, () => {
    if (vector.expected === "valid") {
      check(vector);
    } else {
      assert.throws(() => check(vector), InvalidSignature);
    }
  });
}

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
  assert.throws(() => check({ ...vectors[0]!, secrets: [] }), InvalidSignature);
});

test("the clock is read when no time is given", () => {
  assert.throws(() => check({ ...vectors[0]!, now: null }), /too far/);
});

test("a message never tells the secret", () => {
  assert.throws(() => verify({}, "", "very-secret", { now: 0 }), (error: Error) => !error.message.includes("very-secret"));
});
