import assert from "node:assert/strict";
import { test } from "node:test";
import { ageText, durationText, ms, parts, readDuration, relativeText, writeDuration } from "../src/pure/time.ts";

const minute = 60_000;

test("durations_keep_what_matters", () => {
  assert.equal(durationText(0.56), "0.6 ms");
  assert.equal(durationText(250), "250 ms");
  assert.equal(durationText(8000), "8.0 s");
  assert.equal(durationText(62 * minute), "1 h 02 min");
});

test("ages_are_in_whole_units", () => {
  assert.equal(ageText(400), "under 1 s");
  assert.equal(ageText(42_900), "42 s");
  assert.equal(ageText(14 * minute), "14 min");
  assert.equal(ageText(76 * 60 * minute), "3 d 4 h");
  assert.equal(ageText(60 * minute), "1 h");
});

test("times_are_relative_to_now_on_both_sides", () => {
  assert.equal(relativeText(0, 14 * minute), "14 min ago");
  assert.equal(relativeText(30_000, 0), "in 30 s");
  assert.equal(relativeText(10, 20), "now");
});

test("timestamps_survive_the_way_there_and_back", () => {
  for (const at of [0, 1, 1_795_830_615_123, -1500]) {
    assert.equal(ms(parts(at)), at);
  }
  assert.equal(ms(undefined), undefined);
});

test("durations_are_read_as_they_are_written", () => {
  assert.equal(readDuration("90s"), 90_000);
  assert.equal(readDuration(" 1h 30m "), 90 * minute);
  assert.equal(readDuration("5 min"), 5 * minute);
  for (const text of ["", "5", "1h x", "h", "-5s"]) {
    assert.equal(readDuration(text), undefined, text);
  }
  for (const value of [500, 90_000, 90 * minute, 7 * 1440 * minute]) {
    assert.equal(readDuration(writeDuration(value)), value);
  }
});
