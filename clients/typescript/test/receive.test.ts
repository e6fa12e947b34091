// Receivers in their real frameworks, given requests as the server signs them, and real deliveries.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { webhook as ofExpress } from "../src/express.js";
import { webhook as ofFastify } from "../src/fastify.js";
import { signForTest } from "../src/index.js";
import { type Misconfigured, RecentIds, webhook as ofFetch } from "../src/receive.js";
import { body, listen, post, secret, type Start, testReceiver } from "./receivers.js";

const frameworks: Record<string, Start> = {
  async express(handler, secrets, options) {
    const app = express();
    app.post("/hook", ofExpress(secrets, handler, options));
    app.use(express.json());
    app.use((_error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
      response.sendStatus(500);
    });
    return listen(createServer(app));
  },
  async "express with express.raw"(handler, secrets, options) {
    const app = express();
    app.post("/hook", express.raw({ type: "*/*", limit: "4mb" }), ofExpress(secrets, handler, options));
    app.use((_error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
      response.sendStatus(500);
    });
    return listen(createServer(app));
  },
  async fastify(handler, secrets, options) {
    const app = fastify();
    await app.register(ofFastify as never, { path: "/hook", secrets, handler, ...options } as never);
    app.post("/other", async (request) => request.body);
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    const other = await fetch(`${url}/other`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
    assert.deepEqual(await other.json(), {}, "other routes are parsed as before");
    return { url: `${url}/hook`, stop: () => app.close() };
  },
  async hono(handler, secrets, options) {
    const app = new Hono();
    const hook = ofFetch(secrets, handler, options);
    app.post("/hook", (c) => hook(c.req.raw));
    app.onError((_error, c) => c.text("", 500));
    return listen(
      createServer(async (incoming, outgoing) => {
        const chunks: Buffer[] = [];
        for await (const chunk of incoming) {
          chunks.push(chunk as Buffer);
        }
        const headers = incoming.headers as Record<string, string>;
        const request = new Request(`http://localhost${incoming.url}`, { method: "POST", headers, body: Buffer.concat(chunks) });
        const response = await app.fetch(request);
        outgoing.writeHead(response.status).end(await response.text());
      }),
    );
  },
};

for (const [name, start] of Object.entries(frameworks)) {
  testReceiver(name, start);
}

test("express: a body that was parsed before is a misconfiguration", async () => {
  const reported: Misconfigured[] = [];
  const app = express();
  app.use(express.json());
  app.post("/hook", ofExpress(secret, () => assert.fail("handled"), { onMisconfigured: (error) => reported.push(error) }));
  const running = await listen(createServer(app));
  assert.equal(await post(running.url, body, signForTest(body, secret)), 500);
  assert.match(reported[0]!.message, /express\.json/);
  await running.stop();
});

test("recent ids forget the oldest", () => {
  const recent = new RecentIds(2);
  ["a", "b", "c"].forEach((id) => recent.add(id));
  assert.deepEqual(["a", "b", "c"].map((id) => recent.has(id)), [false, true, true]);
});
