import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesText, decode, plain, plural, runs } from "../src/pure/text.ts";

test("ordinary_text_is_one_run", () => {
  assert.deepEqual(runs("Zürich 🚀 <b>"), [{ text: "Zürich 🚀 <b>", escaped: false }]);
  assert.deepEqual(runs(""), []);
});

test("bidirectional_and_invisible_characters_are_escaped", () => {
  assert.equal(plain("a\u202eb\u2066c\u200bd\ufeff"), "a\\u202eb\\u2066c\\u200bd\\ufeff");
  assert.equal(plain("tag \u{e0041}"), "tag \\u{e0041}");
});

test("controls_are_escaped_and_lines_are_kept_where_there_are_lines", () => {
  assert.equal(plain("a\u001b[31m\u0000\r\n\t"), "a\\x1b[31m\\x00\\r\\n\\t");
  assert.deepEqual(runs("a\n\u0007b", true), [
    { text: "a\n", escaped: false },
    { text: "\\x07", escaped: true },
    { text: "b", escaped: false },
  ]);
});

test("lone_surrogates_and_line_separators_are_escaped", () => {
  assert.equal(plain("a\ud800b\u2028"), "a\\ud800b\\u2028");
});

test("bytes_that_are_no_utf_8_are_shown_one_by_one", () => {
  assert.deepEqual(decode(new TextEncoder().encode("é")), { text: "é", utf8: true });
  assert.deepEqual(decode(Uint8Array.of(0x61, 0xff, 0xc3, 0xa9, 0xc3)), { text: "a\\xffé\\xc3", utf8: false });
});

test("a_byte_order_mark_does_not_vanish", () => {
  assert.equal(plain(decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)).text), "\\ufeffa");
});

test("sizes_and_counts_read_well", () => {
  assert.equal(bytesText(812), "812 B");
  assert.equal(bytesText(1434), "1.4 KiB");
  assert.equal(bytesText(16 * 1024), "16 KiB");
  assert.equal(plural(1n, "delivery", "deliveries"), "1 delivery");
  assert.equal(plural(1204, "delivery", "deliveries"), "1,204 deliveries");
});
