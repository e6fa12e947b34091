// The client of browsers speaks gRPC-Web over HTTP/1.1.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Client, ClosedError, DeliveryService, EventService, InvalidError, UnavailableError } from "../src/web.js";

test("calls, errors and a watch go over gRPC-Web", async () => {
  const server = createServer(
    connectNodeAdapter({
      routes(router) {
        router.service(EventService, {
          publishEvent(request, context) {
            assert.equal(context.requestHeader.get("authorization"), "Bearer th_x");
            if (request.event?.type === "") {
              throw new ConnectError("no type", Code.InvalidArgument);
            }
            return { result: { eventId: request.event!.id } };
          },
        });
        router.service(DeliveryService, {
          async *watchDeliveries() {
            yield { resumeToken: "t", payload: { case: "change" as const, value: {} } };
          },
        });
      },
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { apiKey: "th_x" });
  assert.equal((await client.publish({ type: "created", id: "mine" })).eventId, "mine");
  await assert.rejects(client.publish({ type: "" }), InvalidError);
  for await (const { token } of client.watch()) {
    assert.equal(token, "t");
    break;
  }
  server.closeAllConnections();
  server.close();
});

test("a server that cannot be reached is unavailable, and a closed client does nothing", async () => {
  const client = new Client("http://127.0.0.1:1", { timeoutMs: 300, retry: { initialMs: 10 } });
  let attempts = 0;
  const counting = new Client("http://127.0.0.1:1", { timeoutMs: 300, retry: { initialMs: 10 }, headers: () => ({ "x-try": `${attempts++}` }) });
  await assert.rejects(client.publish({ type: "created" }), UnavailableError);
  await assert.rejects(counting.publish({ type: "created" }), UnavailableError);
  assert.ok(attempts > 1, "not retried");
  client.close();
  await assert.rejects(client.publish({ type: "created" }), ClosedError);
  await assert.rejects(client.watch().next(), ClosedError);
});
