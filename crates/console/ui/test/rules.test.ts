import assert from "node:assert/strict";
import { test } from "node:test";
import { type RuleParts, rulesText } from "../src/pure/rules.ts";

function rule(change: Partial<RuleParts>): RuleParts {
  return {
    displayName: "",
    eventTypes: [],
    objectTypes: [],
    attributes: {},
    expression: "",
    disabled: false,
    ...change,
  };
}

test("rules_are_said_in_short", () => {
  assert.equal(rulesText([]), "every event");
  assert.equal(
    rulesText([rule({ eventTypes: ["created", "updated"], objectTypes: ["dcim.*"] })]),
    "created, updated of dcim.*",
  );
  assert.equal(rulesText([rule({ displayName: "sites" }), rule({})]), "sites or 1 more");
  assert.equal(
    rulesText([rule({ attributes: { env: "prod" }, expression: "data.a" })]),
    "every type with env=prod if an expression holds",
  );
});

test("rules_that_are_off_do_not_count", () => {
  assert.equal(rulesText([rule({ disabled: true })]), "no event: every rule is off");
  assert.equal(rulesText([rule({ disabled: true }), rule({ displayName: "sites" })]), "sites");
});
