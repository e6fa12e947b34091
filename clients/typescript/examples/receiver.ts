// Receives webhooks and verifies them: `node dist/examples/receiver.js SECRET [PORT]`.

import type { AddressInfo } from "node:net";
import express from "express";
import { verify } from "tenterhook";

const secret = process.argv[2];
if (secret === undefined) {
  throw new Error("usage: receiver SECRET [PORT]");
}
const app = express();
app.post("/hook", express.raw({ type: "*/*" }), (request, response) => {
  try {
    verify(request.headers, request.body, secret);
  } catch (reason) {
    console.log("refused:", (reason as Error).message);
    response.sendStatus(401);
    return;
  }
  console.log("received", request.headers["webhook-id"], String(request.body));
  response.sendStatus(204);
});
const server = app.listen(Number(process.argv[3] ?? 9000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
