import assert from "node:assert/strict";
import { test } from "node:test";
import { readRoute, writePath } from "../src/pure/routes.ts";

test("paths_name_pages", () => {
  assert.equal(readRoute("/console/").page, "overview");
  assert.equal(readRoute("/console").page, "overview");
  assert.equal(readRoute("/console/webhooks").page, "webhooks");
  assert.equal(readRoute("/console/access").page, "access");
  assert.equal(readRoute("/console/webhooks/new").page, "new-webhook");
  assert.deepEqual(readRoute("/console/webhooks/wh_1/keys"), { page: "webhook", id: "wh_1", tab: "keys" });
  assert.deepEqual(readRoute("/console/deliveries/dlv_1"), { page: "delivery", id: "dlv_1", tab: "" });
  assert.equal(readRoute("/console/events/a%20b").id, "a b");
});

test("other_paths_name_none", () => {
  for (const path of [
    "/console/nothing",
    "/console/deliveries/a/b",
    "/console/webhooks/a/b/c",
    "/console/server/x",
    "/console/access/x",
  ]) {
    assert.equal(readRoute(path).page, "nowhere", path);
  }
});

test("a_damaged_escape_does_not_stop_the_page", () => {
  assert.equal(readRoute("/console/events/%zz").id, "%zz");
});

test("paths_are_read_as_they_are_written", () => {
  assert.equal(writePath("default", []), "/console/");
  assert.equal(writePath("default", ["events", "a/b?c"]), "/console/events/a%2Fb%3Fc");
  assert.equal(
    writePath("acme", ["webhooks"], { state: "failing", find: "" }),
    "/console/webhooks?state=failing&namespace=acme",
  );
  assert.equal(readRoute(writePath("default", ["events", "a/b?c"])).id, "a/b?c");
});
