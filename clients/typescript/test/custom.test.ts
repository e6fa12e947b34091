// Every shared vector of custom signatures, and what the vectors cannot say.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type CustomSignature, InvalidSignature, Misconfigured, verifyCustom } from "../src/index.js";
import * as web from "../src/verify.js";

interface Vector {
  id: string;
  custom: (CustomSignature & { key_encoding?: CustomSignature["keyEncoding"] })[];
  secrets: string[];
  headers: Record<string, string>;
  body: string;
  method?: string;
  path?: string;
  now: number;
  expected: "valid" | "invalid" | "misconfigured";
}

const file = fileURLToPath(new URL("../../../../tests/fixtures/custom_signatures.jsonl", import.meta.url));
const vectors = readFileSync(file, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Vector);

const REFUSALS = { invalid: InvalidSignature, misconfigured: Misconfigured };

function argumentsOf({ headers, body, secrets, custom, method, path, now }: Vector): Parameters<typeof verifyCustom> {
  const described = custom.map(({ key_encoding: keyEncoding, ...rest }) => ({ ...rest, ...(keyEncoding && { keyEncoding }) }));
  return [headers, body, secrets, described, { now, ...(method && { method }), ...(path && { path }) }];
}

test("there are all the custom vectors", () => assert.ok(vectors.length >= 56));

for (const vector of vectors) {
  test(`vector ${vector.id}`, () => {
    if (vector.expected === "valid") {
      verifyCustom(...argumentsOf(vector));
    } else {
      assert.throws(() => verifyCustom(...argumentsOf(vector)), REFUSALS[vector.expected]);
    }
  });

  test(`vector ${vector.id} on Web Crypto`, async () => {
    const checked = web.verifyCustom(...argumentsOf(vector));
    await (vector.expected === "valid" ? checked : assert.rejects(checked, REFUSALS[vector.expected]));
  });
}

test("one secret and one description need no list", () => {
  const plain = vectors.find((vector) => vector.id === "custom-plain")!;
  verifyCustom(plain.headers, plain.body, "k", { header: "X-Signature" });
});

test("a word that the field does not have is refused", () => {
  for (const field of ["algorithm", "encoding", "keyEncoding"]) {
    const described = { header: "X-Signature", [field]: "MD5" } as CustomSignature;
    assert.throws(() => verifyCustom({}, "", "k", described), new RegExp(`${field} of a custom signature`));
  }
});
