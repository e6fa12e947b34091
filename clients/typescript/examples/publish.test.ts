// How the service of publish.ts is tested: with the server itself, in memory.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordingReceiver, TestServer, waitFor } from "tenterhook/testing";
import { parse } from "tenterhook";
import { Sites, subscribe } from "./publish.js";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

test("a saved site is told once", async () => {
  const server = await TestServer.start();
  const receiver = await RecordingReceiver.start();
  try {
    const client = server.client();
    await subscribe(client, receiver.url, secret);
    const sites = new Sites(client);
    await sites.save({ id: 7, name: "Zürich", revision: 1 });
    await sites.save({ id: 7, name: "Zürich", revision: 1 });
    await waitFor(client, "site-7-1");
    assert.equal(receiver.requests.length, 1);
    const { headers, body } = receiver.requests[0]!;
    assert.equal(parse(headers, body, secret).id, "site-7-1");
  } finally {
    await receiver.stop();
    await server.stop();
  }
});
