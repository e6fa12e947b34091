import assert from "node:assert/strict";
import { test } from "node:test";
import { type Row, Rows } from "../src/live/rows.ts";
import { parts } from "../src/pure/time.ts";

interface One extends Row {
  state: string;
}

function row(id: string, created: number, updated = created, state = "pending"): One {
  return { id, createTime: parts(created), updateTime: parts(updated), state };
}

function ids(rows: Rows<One>): string {
  return rows.list.map(({ id }) => id).join(" ");
}

test("rows_are_newest_first", () => {
  const rows = new Rows<One>();
  rows.append([row("b", 2), row("a", 1)]);
  rows.put([row("c", 3), row("d", 3)], false);
  assert.equal(ids(rows), "d c b a");
});

test("a_change_stays_in_its_place", () => {
  const rows = new Rows<One>();
  rows.append([row("b", 2), row("a", 1)]);
  rows.put([row("a", 1, 5, "succeeded")], true);
  assert.equal(ids(rows), "b a");
  assert.equal(rows.list[1]?.state, "succeeded");
});

test("an_older_change_does_not_undo_a_newer_row", () => {
  const rows = new Rows<One>();
  rows.append([row("a", 1, 9, "succeeded")]);
  rows.put([row("a", 1, 5, "retrying")], false);
  assert.equal(rows.list[0]?.state, "succeeded");
});

test("new_rows_wait_while_somebody_reads", () => {
  const rows = new Rows<One>();
  rows.append([row("a", 1)]);
  rows.put([row("b", 2), row("c", 3)], true);
  rows.put([row("b", 2, 4, "succeeded")], true);
  assert.equal(ids(rows), "a");
  assert.equal(rows.held, 2);
  assert.equal(rows.has("b"), true);
  rows.release();
  assert.equal(ids(rows), "c b a");
  assert.equal(rows.list[1]?.state, "succeeded");
  assert.equal(rows.held, 0);
});

test("a_page_never_replaces_what_a_change_brought", () => {
  const rows = new Rows<One>();
  rows.put([row("a", 1, 9, "succeeded")], false);
  rows.append([row("a", 1, 1, "pending")]);
  assert.equal(rows.list[0]?.state, "succeeded");
});

test("the_oldest_rows_are_dropped_beyond_the_limit", () => {
  const rows = new Rows<One>(3);
  rows.put(
    [1, 2, 3, 4, 5].map((at) => row(String(at), at)),
    false,
  );
  assert.equal(ids(rows), "5 4 3");
  rows.put(
    [6, 7, 8, 9].map((at) => row(String(at), at)),
    true,
  );
  assert.equal(rows.held, 3);
});
