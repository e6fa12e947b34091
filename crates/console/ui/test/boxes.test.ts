import assert from "node:assert/strict";
import { test } from "node:test";
import { Boxes } from "../src/pure/boxes.ts";

test("rows_keep_their_boxes_and_new_ones_take_those_that_are_free", () => {
  const boxes = new Boxes();
  assert.deepEqual(boxes.assign(["a", "b", "c"]), [0, 1, 2]);
  assert.deepEqual(boxes.assign(["b", "c", "d"]), [1, 2, 0]);
  assert.deepEqual(boxes.assign(["new", "b", "c"]), [0, 1, 2]);
});

test("a_jump_moves_no_box", () => {
  const boxes = new Boxes();
  boxes.assign(["a", "b", "c"]);
  assert.deepEqual(boxes.assign(["c", "d", "e"]), [0, 1, 2]);
  assert.deepEqual(boxes.assign(["x", "y", "z"]), [0, 1, 2]);
});

test("a_box_that_is_held_goes_to_no_other_row", () => {
  const boxes = new Boxes();
  boxes.assign(["a", "b"]);
  assert.deepEqual(boxes.assign(["b", "c"], 0), [1, 2]);
  assert.deepEqual(boxes.assign(["c", "b"], 2), [2, 1]);
  assert.deepEqual(boxes.assign(["x", "y", "z", "c"], 2), [1, 3, 4, 2]);
});

test("every_row_has_a_box_of_its_own", () => {
  const boxes = new Boxes();
  for (let first = 0; first < 500; first += 1 + ((first * 7) % 45)) {
    const ids = Array.from({ length: 20 + (first % 13) }, (_, at) => String(first + at));
    assert.equal(new Set(boxes.assign(ids, first % 40)).size, ids.length);
  }
});
