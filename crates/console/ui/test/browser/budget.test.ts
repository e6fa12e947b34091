// What the console costs: bytes of the first load and of the editor.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const dist = "../dist";
const kibibyte = 1024;

function gzipped(...names: string[]): number {
  return names.reduce((sum, name) => sum + gzipSync(readFileSync(`${dist}/${name}`), { level: 9 }).length, 0);
}

test("the_first_load_keeps_its_budget", () => {
  const size = gzipped("index.html", "console.js", "style.css", "icon.svg");
  assert.ok(size <= 110 * kibibyte, `${size} bytes`);
});

test("the_editor_keeps_its_budget", () => {
  const size = gzipped("editor.js");
  assert.ok(size <= 120 * kibibyte, `${size} bytes`);
});

test("nothing_else_is_embedded", () => {
  assert.deepEqual(readdirSync(dist).toSorted(), [
    "SOURCES",
    "console.js",
    "editor.js",
    "icon.svg",
    "index.html",
    "style.css",
  ]);
});
