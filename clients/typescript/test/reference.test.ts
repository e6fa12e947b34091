// The calls of the API reference run, against a server that has none of what they name.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, ConflictError, NotFoundError } from "../src/index.js";
import { calls } from "./reference.js";

/** What finds all that it names. */
const whole = new Set(["publishEvent", "createWebhook", "listEvents", "watchDeliveries"]);

test("the calls of the API reference run", async (context) => {
  const target = process.env["TENTERHOOK_TARGET"];
  assert.ok(target, "needs the harness: make test-clients");
  const client = new Client(target, { namespace: `reference-${process.version.replaceAll(".", "-")}` });
  try {
    // What is watched and listed is there in any order of the tests.
    await client.createWebhook({ displayName: "first", request: { url: "http://127.0.0.1:9/" } });
    await client.publish({ type: "created" });
    for (const [name, call] of Object.entries(calls)) {
      await context.test(name, async () => {
        try {
          await call(client);
        } catch (error) {
          const isUnknown = error instanceof NotFoundError || error instanceof ConflictError;
          assert.ok(isUnknown && !whole.has(name), String(error));
        }
      });
    }
  } finally {
    client.close();
  }
});

test("there are enough calls", () => assert.ok(Object.keys(calls).length >= 31));
