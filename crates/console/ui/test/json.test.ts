import assert from "node:assert/strict";
import { test } from "node:test";
import { prettyText, prettyTokens } from "../src/pure/json.ts";

test("json_is_indented", () => {
  assert.equal(
    prettyText('{"a":[1,{"b":null}],"c":{},"d":[]}'),
    '{\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ],\n  "c": {},\n  "d": []\n}',
  );
});

test("no_digit_of_a_number_changes", () => {
  assert.match(
    prettyText('{"n": 12345678901234567890, "e": 1E400, "z": 1.0}'),
    /12345678901234567890[^]*1E400[^]*1\.0/,
  );
});

test("escapes_and_repeated_keys_stay", () => {
  assert.equal(prettyText('{"a":"\\u003c","a":"x\\"y"}'), '{\n  "a": "\\u003c",\n  "a": "x\\"y"\n}');
});

test("text_that_is_no_json_is_left_alone", () => {
  for (const text of ["", "ok", '{"a": }', "<html>", "1 2"]) {
    assert.equal(prettyTokens(text), undefined, text);
    assert.equal(prettyText(text), text);
  }
});

test("keys_are_told_from_strings", () => {
  const kinds = prettyTokens('{"a": "b", "c": [true, -1.5e3]}')?.filter(
    ({ kind }) => kind !== "blank" && kind !== "mark",
  );
  assert.deepEqual(
    kinds?.map(({ kind }) => kind),
    ["key", "string", "key", "word", "number"],
  );
});
