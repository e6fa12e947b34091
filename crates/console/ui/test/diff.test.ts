import assert from "node:assert/strict";
import { test } from "node:test";
import { diffLines, differs, hunks } from "../src/pure/diff.ts";

/** The lines with a sign before each. */
function diff(before: string, after: string): string {
  const signs = { same: " ", removed: "-", added: "+" };
  return diffLines(before, after)
    .map(({ change, text }) => signs[change] + text)
    .join("|");
}

test("equal_texts_do_not_differ", () => {
  assert.equal(differs(diffLines("a\nb", "a\nb")), false);
  assert.equal(differs(diffLines("", "")), false);
});

test("changed_added_and_removed_lines_are_found", () => {
  assert.equal(diff("a\nb\nc", "a\nx\nc"), " a|-b|+x| c");
  assert.equal(diff("a\nc", "a\nb\nc"), " a|+b| c");
  assert.equal(diff("a\nb\nc", "c"), "-a|-b| c");
  assert.equal(diff("", "a"), "+a");
  assert.equal(diff("a", ""), "-a");
});

test("both_texts_can_be_read_out_of_the_difference", () => {
  let seed = 7;
  const random = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (let round = 0; round < 300; round++) {
    const text = (): string[] =>
      Array.from({ length: Math.floor(random() * 12) }, () => "abc".charAt(Math.floor(random() * 3)));
    const [a, b] = [text(), text()];
    const lines = diffLines(a.join("\n"), b.join("\n"));
    assert.deepEqual(
      lines.filter(({ change }) => change !== "added").map(({ text: one }) => one),
      a,
    );
    assert.deepEqual(
      lines.filter(({ change }) => change !== "removed").map(({ text: one }) => one),
      b,
    );
  }
});

test("texts_that_have_nothing_in_common_do_not_take_for_ever", () => {
  const many = (letter: string): string => Array.from({ length: 3000 }, (_, at) => `${letter}${at}`).join("\n");
  assert.equal(diffLines(many("a"), many("b")).length, 6000);
});

test("what_is_far_from_a_change_is_left_out", () => {
  const lines = Array.from({ length: 20 }, (_, at) => String(at));
  const shown = hunks(diffLines(lines.join("\n"), lines.with(10, "x").join("\n")), 1);
  assert.deepEqual(
    shown.map((line) => line?.text ?? "…"),
    ["…", "9", "10", "x", "11", "…"],
  );
});
