// Receives webhooks with Express, and with anything that takes handlers of Node's http: `tenterhook/express`.

import type { IncomingMessage, ServerResponse } from "node:http";
import { type Handler, Receiver, type ReceiverOptions, tooLarge, type Verdict } from "./receive.js";

export * from "./receive.js";

/** A request, whose body may have been read by `express.raw()`. */
export type ExpressRequest = IncomingMessage & { body?: unknown };

/**
 * `app.post("/hook", webhook(secret, (event) => …))`. The body must not be parsed before: put it before `express.json()`, or
 * use `express.raw({ type: "*\/*" })` on its path. What the handler throws goes to `next`.
 */
export function webhook(
  secrets: string | readonly string[],
  handler: Handler,
  options: ReceiverOptions = {},
): (request: ExpressRequest, response: ServerResponse, next: (error?: unknown) => void) => void {
  const receiver = new Receiver(secrets, options);
  const receive = async (request: ExpressRequest): Promise<Verdict> => {
    const body = request.body ?? (await readBody(request, receiver.maxBytes));
    return body === "too large" ? tooLarge(receiver.maxBytes) : receiver.receive(request.headers, body, handler);
  };
  return (request, response, next) => {
    receive(request).then(({ status, text }) => {
      // What is left of too large a body is not read.
      const headers = status === 413 ? { connection: "close" } : {};
      response.writeHead(status, { ...headers, ...(status === 204 ? {} : { "content-type": "text/plain" }) }).end(text);
    }, next);
  };
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array | "too large"> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      return "too large";
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
