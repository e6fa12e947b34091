// What every receiver must do in its framework, given requests as the server signs them, and a real delivery.

import assert from "node:assert/strict";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Client, SignatureScheme, signForTest } from "../src/index.js";
import type { Handler, Misconfigured, ReceiverOptions, WebhookEvent } from "../src/receive.js";
import { sleep } from "./fake.js";

export const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
export const body = JSON.stringify({ event: "created", timestamp: "2026-03-06T15:11:23+00:00", model: "site", data: { name: "Zürich" } });

export interface Running {
  url: string;
  stop(): Promise<unknown>;
}

export type Start = (handler: Handler, secrets: string, options: ReceiverOptions) => Promise<Running>;

export async function listen(server: Server): Promise<Running> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = (): Promise<unknown> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, stop };
}

export async function post(url: string, content: string, headers: Record<string, string>): Promise<number> {
  const response = await fetch(url, { method: "POST", body: content, headers: { "content-type": "application/json", ...headers } });
  await response.text();
  return response.status;
}

/** Tests a receiver that `start` starts in its framework. */
export function testReceiver(name: string, start: Start): void {
  test(`${name}: an event reaches its handler once, and again when that failed`, async () => {
    const events: WebhookEvent[] = [];
    let failures = 1;
    const running = await start(
      (event) => {
        if (failures-- > 0) {
          throw new Error("not today");
        }
        events.push(event);
      },
      secret,
      {},
    );
    const headers = signForTest(body, secret, { id: "e1" });
    assert.deepEqual([await post(running.url, body, headers), await post(running.url, body, headers)], [500, 204]);
    assert.equal(await post(running.url, body, headers), 204);
    assert.equal(await post(running.url, body, signForTest(body, secret, { id: "e2" })), 204);
    assert.deepEqual(events.map(({ id, type, data }) => [id, type, data]), [
      ["e1", "created", { name: "Zürich" }],
      ["e2", "created", { name: "Zürich" }],
    ]);
    await running.stop();
  });

  test(`${name}: what is not to be trusted is refused`, async () => {
    const running = await start(() => assert.fail("handled"), secret, { onMisconfigured: () => {} });
    const large = "x".repeat((1 << 20) + 1);
    for (const [status, content, headers] of [
      [401, body, {}],
      [401, `${body} `, signForTest(body, secret)],
      [401, body, signForTest(body, secret, { now: 1 })],
      [413, large, signForTest(large, secret)],
      [500, "no event", signForTest("no event", secret)],
    ] as const) {
      assert.equal(await post(running.url, content, headers), status);
    }
    await running.stop();
  });

  test(`${name}: a wrong secret of the receiver is reported and no 401`, async () => {
    const reported: Misconfigured[] = [];
    const running = await start(() => assert.fail("handled"), "", { onMisconfigured: (error) => reported.push(error) });
    assert.equal(await post(running.url, body, signForTest(body, secret)), 500);
    assert.match(reported[0]!.message, /secret is empty/);
    await running.stop();
  });

  test(`${name}: a real delivery arrives`, async () => {
    const control = process.env["TENTERHOOK_CONTROL"];
    assert.ok(control, "needs the harness: make test-clients");
    const { target } = (await (await fetch(`${control}/`)).json()) as { target: string };
    const events: WebhookEvent[] = [];
    const running = await start((event) => events.push(event), secret, {});
    const client = new Client(target, { namespace: `receive-${crypto.randomUUID().slice(0, 12)}` });
    const signing = { schemes: [SignatureScheme.STANDARD_WEBHOOKS] };
    await client.createWebhook({ displayName: "hook", request: { url: running.url }, signing }, secret);
    await client.publish({ id: "e1", type: "created", objectType: "dcim.site", data: { name: "Zürich" } });
    for (const until = Date.now() + 20_000; events.length === 0 && Date.now() < until; ) {
      await sleep(20);
    }
    assert.deepEqual(events.map(({ id, model, data }) => [id, model, data]), [["e1", "site", { name: "Zürich" }]]);
    client.close();
    await running.stop();
  });
}
