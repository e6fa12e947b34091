import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { AttemptOutcome, DeliverySchema, DeliveryState } from "tenterhook/web";
import { type DeliveryQuery, makeFilter, matches, readQuery } from "../src/live/query.ts";
import { ms, parts } from "../src/pure/time.ts";

const now = 1_795_830_000_000;

function query(change: Partial<DeliveryQuery>): DeliveryQuery {
  return { webhook: "", event: "", type: "", state: "", answer: "", since: "", ...change };
}

test("an_empty_query_filters_nothing", () => {
  const filter = makeFilter(query({}), now);
  assert.deepEqual(
    [
      filter.webhookIds,
      filter.eventIds,
      filter.eventTypes,
      filter.states,
      filter.lastOutcomes,
      filter.responseStatuses,
    ],
    [[], [], [], [], [], []],
  );
  assert.equal(filter.startTime, undefined);
});

test("filters_of_the_address_become_filters_of_the_api", () => {
  const asked = readQuery(new URLSearchParams("state=open&answer=5xx&since=1h&type=job_*&webhook=ignored"), "wh_1");
  const filter = makeFilter(asked, now);
  assert.deepEqual(filter.webhookIds, ["wh_1"]);
  assert.deepEqual(filter.eventTypes, ["job_*"]);
  assert.deepEqual(filter.states, [DeliveryState.PENDING, DeliveryState.IN_FLIGHT, DeliveryState.RETRYING]);
  assert.deepEqual(
    [filter.responseStatuses.length, filter.responseStatuses[0], filter.responseStatuses.at(-1)],
    [100, 500, 599],
  );
  assert.equal(ms(filter.startTime), now - 3_600_000);
  assert.deepEqual(makeFilter(query({ answer: "429" }), now).responseStatuses, [429]);
  assert.deepEqual(makeFilter(query({ answer: "timeout" }), now).lastOutcomes, [AttemptOutcome.TIMEOUT]);
});

test("what_nobody_offers_filters_nothing", () => {
  const filter = makeFilter(query({ state: "nonsense", answer: "9xx", since: "ever" }), now);
  assert.deepEqual([filter.states, filter.responseStatuses, filter.startTime], [[], [], undefined]);
});

test("a_change_belongs_to_the_list_by_the_same_rules", () => {
  const delivery = create(DeliverySchema, {
    state: DeliveryState.RETRYING,
    createTime: parts(now - 60_000),
    lastAttempt: { outcome: AttemptOutcome.HTTP_STATUS, response: { status: 503 } },
  });
  for (const yes of [
    {},
    { state: "open" },
    { state: "retrying" },
    { answer: "5xx" },
    { answer: "503" },
    { since: "15m" },
  ]) {
    assert.equal(matches(query(yes), delivery, now), true, JSON.stringify(yes));
  }
  for (const no of [{ state: "failed" }, { answer: "4xx" }, { answer: "429" }, { answer: "timeout" }]) {
    assert.equal(matches(query(no), delivery, now), false, JSON.stringify(no));
  }
  assert.equal(matches(query({ since: "15m" }), delivery, now + 3_600_000), false);
});
