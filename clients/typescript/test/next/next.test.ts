// The receiver in an application of Next.js, as `next build` has made it.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { signForTest } from "../../src/index.js";
import { body, listen, post, secret, type Start, testReceiver } from "../receivers.js";

interface Next {
  prepare(): Promise<void>;
  getRequestHandler(): Parameters<typeof createServer>[1];
  close(): Promise<void>;
}

// Not every set of dependencies has it.
const { default: next } = (await import("next" as string)) as { default: (options: object) => Next };
const app = next({ dev: false, dir: "test/next" });
await app.prepare();
after(() => app.close());

const start: Start = (handler, secrets, options) => {
  // For the route of the application.
  Object.assign(globalThis, { receiver: { secrets, handler, options } });
  return listen(createServer(app.getRequestHandler()));
};

testReceiver("next", start);

test("next: a route is made in a line", async () => {
  const handled: string[] = [];
  Object.assign(globalThis, { handled });
  const running = await listen(createServer(app.getRequestHandler()));
  const url = running.url.replace("/hook", "/readme");
  assert.deepEqual([await post(url, body, {}), await post(url, body, signForTest(body, secret, { id: "e1" }))], [401, 204]);
  assert.deepEqual(handled, ["e1"]);
  await running.stop();
});
