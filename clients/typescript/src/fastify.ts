// Receives webhooks with Fastify: `tenterhook/fastify`.

import { type Handler, Receiver, type ReceiverOptions } from "./receive.js";

export * from "./receive.js";

/** What is used of Fastify, so that its types are not needed. */
export interface FastifyLike {
  removeAllContentTypeParsers(): void;
  addContentTypeParser(
    type: "*",
    options: { parseAs: "buffer"; bodyLimit: number },
    parser: (request: unknown, body: Buffer, done: (error: null, body: Buffer) => void) => void,
  ): unknown;
  post(
    path: string,
    handler: (
      request: { headers: Record<string, string | string[] | undefined>; body: unknown },
      reply: { code(status: number): { send(text?: string): unknown } },
    ) => Promise<unknown>,
  ): unknown;
}

export interface WebhookRoute extends ReceiverOptions {
  /** The path of the route, such as `/hook`. */
  path: string;
  secrets: string | readonly string[];
  handler: Handler;
}

/**
 * A plugin: `app.register(webhook, { path: "/hook", secrets, handler })`. Its route sees bodies as they arrive; the parsers
 * of other routes stay as they are.
 */
export async function webhook(app: FastifyLike, route: WebhookRoute): Promise<void> {
  const receiver = new Receiver(route.secrets, route);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: receiver.maxBytes }, (_request, body, done) => done(null, body));
  app.post(route.path, async (request, reply) => {
    const { status, text } = await receiver.receive(request.headers, request.body ?? new Uint8Array(), route.handler);
    return reply.code(status).send(status === 204 ? undefined : text);
  });
}
