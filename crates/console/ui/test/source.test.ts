import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "tenterhook/web";
import { examplePaste, pasted, sourceOf } from "../src/pages/templates/source.ts";

/** The event that a pasted text stands for. */
function paste(text: string): Event | undefined {
  const source = sourceOf(pasted, text);
  return source?.case === "event" ? (source.value as Event) : undefined;
}

test("a_choice_names_a_stored_event_or_one_without_data", () => {
  assert.deepEqual(sourceOf("evt_1", ""), { case: "eventId", value: "evt_1" });
  assert.equal(sourceOf("", "")?.case, "event");
});

test("an_event_is_pasted_as_the_api_writes_it", () => {
  assert.deepEqual(paste(examplePaste)?.data?.value, { case: "json", value: '{"id": 1}' });
});

test("an_event_is_pasted_with_plain_json", () => {
  const event = paste('{"type": "updated", "data": {"id": 7}, "snapshots": {"prechange": {"id": 6}}}');
  assert.equal(event?.type, "updated");
  assert.deepEqual(event?.data?.value, { case: "json", value: '{"id":7}' });
  assert.deepEqual(event?.snapshots?.prechange?.value, { case: "json", value: '{"id":6}' });
});

test("what_is_no_event_is_refused", () => {
  for (const text of ["", "{", "[1]", '"text"', '{"unknown": 1}']) {
    assert.equal(paste(text), undefined, text);
  }
});
