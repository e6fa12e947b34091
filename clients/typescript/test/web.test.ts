// The client of browsers speaks gRPC-Web over HTTP/1.1.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Client, DeliveryService, EventService, InvalidError } from "../src/web.js";

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
