// Every shared value of JSON: how it is written, or that it is refused.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { json } from "../src/index.js";

interface Case {
  name: string;
  json?: string;
  but?: Record<string, string>;
  refused_by?: string[];
  absent?: string[];
}

const file = fileURLToPath(new URL("../../../../tests/fixtures/json_values.json", import.meta.url));
const cases = (JSON.parse(readFileSync(file, "utf8")) as Case[]).filter((one) => !one.absent?.includes("typescript"));
const loop: Record<string, unknown> = {};
loop["itself"] = loop;
const values: Record<string, unknown> = {
  nan: NaN,
  infinity: Infinity,
  minus_infinity: -Infinity,
  nan_inside: { a: [1.5, NaN] },
  beyond_2_53: 2n ** 53n + 1n,
  beyond_2_63: 2n ** 63n,
  beyond_2_64: 2n ** 64n + 1n,
  integer_as_key: { 7: "a" },
  bytes: new Uint8Array([1, 255]),
  time: new Date(0),
  cycle: loop,
  half_a_pair: "\ud800",
  half_a_pair_as_key: { "\ud800": 1 },
  replacement: "\ufffd\\ufffd",
};

for (const one of cases) {
  test(`the value ${one.name}`, () => {
    assert.ok(one.name in values, "it has a value here");
    const text = one.but?.["typescript"] ?? one.json;
    if (text === undefined || one.refused_by?.includes("typescript")) {
      assert.throws(() => json(values[one.name]), TypeError);
    } else {
      assert.equal(json(values[one.name]).value.value, text);
    }
  });
}

test("what JSON.stringify would lose is refused by name", () => {
  const told: [unknown, RegExp][] = [
    [{ at: new Date(NaN) }, /"at" is an invalid Date/],
    [{ photo: Buffer.from("x") }, /"photo" is bytes, which JSON does not have: give their base64/],
    [{ sites: Promise.resolve([]) }, /"sites" is a Promise, which JSON does not have: await it/],
    [{ why: new Error("lost") }, /"why" is a Error/],
    [{ of: () => 1 }, /"of" is a function/],
    [{ count: 1n }, /"count" is a bigint: give a text, or the whole as JSON text by jsonText/],
    [["\udfff"], /"0" has half of a surrogate pair/],
  ];
  for (const [value, words] of told) {
    assert.throws(() => json(value), words);
  }
  class Site {
    id = 7;
  }
  assert.equal(json([{}, [], Object.create(null), new Site(), { gone: undefined }]).value.value, '[{},[],{},{"id":7},{}]');
});
