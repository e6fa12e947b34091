// Runs the shared scenarios against a real server: over gRPC, over gRPC-Web in Node, and in a browser.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Client, FileCheckpoint } from "../src/index.js";
import { Client as WebClient } from "../src/web.js";
import { findBrowser, runInBrowser } from "./browser.js";
import { needsMoreThanABrowser, runScenario, type Scenarios, type Surroundings, type System } from "./scenarios.js";

const control = process.env["TENTERHOOK_CONTROL"] ?? "";
const folder = new URL("../../../../tests/fixtures/conformance/", import.meta.url);
const files = new Map(
  readdirSync(folder).map((name) => {
    const text = readFileSync(fileURLToPath(new URL(name, folder)), "utf8");
    return [name, JSON.parse(text) as Scenarios];
  }),
);

const system: System = {
  write(run, name, content) {
    const folder = join(tmpdir(), `tenterhook-${run}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  },
  clean: (run) => rmSync(join(tmpdir(), `tenterhook-${run}`), { recursive: true, force: true }),
  checkpoint: (path) => new FileCheckpoint(path),
  fromEnv(variables) {
    const before = { ...process.env };
    Object.keys(before).filter((name) => name.startsWith("TENTERHOOK_")).forEach((name) => delete process.env[name]);
    Object.assign(process.env, variables);
    try {
      return Client.fromEnv({ logger: {} });
    } finally {
      Object.keys(variables).forEach((name) => delete process.env[name]);
      Object.assign(process.env, before);
    }
  },
};
const overGrpc: Surroundings = { control, system, connect: (target, options, tls) => new Client(target, { ...options, ...tls }) };
const overGrpcWeb: Surroundings = { control, connect: (target, options) => new WebClient(`http://${target}`, options) };

let count = 0;
let countWeb = 0;
for (const [name, { given = {}, scenarios }] of files) {
  for (const scenario of scenarios) {
    count++;
    test(`${name}: ${scenario.name}`, async () => {
      assert.ok(control, "needs the harness: make test-clients");
      await runScenario(overGrpc, given, scenario);
    });
    if (!needsMoreThanABrowser(scenario, given)) {
      countWeb++;
      test(`gRPC-Web: ${name}: ${scenario.name}`, async () => {
        assert.ok(control, "needs the harness: make test-clients");
        await runScenario(overGrpcWeb, given, scenario);
      });
    }
  }
}

test("there are enough scenarios", () => assert.ok(count >= 60 && countWeb >= 60, `${count} and ${countWeb}`));

const browser = findBrowser();
const skip = browser === undefined ? "SKIPPED: no Chromium; install Debian's `chromium`, or name one in CHROMIUM" : false;
test("the scenarios run in a browser", { skip, timeout: 180_000 }, async (context) => {
  assert.ok(control, "needs the harness: make test-clients");
  const results = await runInBrowser(browser!, process.env["TENTERHOOK_PAGE"]!, control, files);
  assert.equal(results.length, countWeb);
  for (const { name, error } of results) {
    await context.test(`Chromium: ${name}`, () => assert.equal(error, undefined));
  }
});
