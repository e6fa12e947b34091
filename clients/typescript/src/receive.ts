// Decides over whole requests, for receivers in any framework. It is an entry of its own, `tenterhook/receive`;
// `tenterhook/express` and `tenterhook/fastify` put it into those.

import type { WebhookEvent } from "./event.js";
import { type HeadersLike, InvalidSignature, Misconfigured, type VerifyOptions } from "./signatures.js";
import { parse } from "./verify.js";

export * from "./verify.js";

/** 1 MiB: the largest body that the server sends. */
export const maxBodyBytes = 1 << 20;

/** Remembers which deliveries were handled. A shared one, in a database, is for several processes. */
export interface Seen {
  /** Whether the event with this id was handled. */
  has(id: string): boolean | Promise<boolean>;
  /** Notes that it was. */
  add(id: string): unknown;
}

/** The ids of the last `limit` events, in memory. */
export class RecentIds implements Seen {
  readonly #ids = new Set<string>();

  constructor(readonly limit = 10_000) {}

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.add(id);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= this.limit) {
        break;
      }
      this.#ids.delete(oldest);
    }
  }
}

export interface ReceiverOptions extends Omit<VerifyOptions, "now"> {
  /** Which deliveries were handled; the last 10,000 in memory unless set. */
  seen?: Seen;
  /** Bytes of the largest body to take; 1 MiB unless set. */
  maxBytes?: number;
  /** Is given what is wrong with the receiver itself; `console.error` unless set. */
  onMisconfigured?: (error: Misconfigured) => void;
}

/** Handles an event. What it throws makes the response a 500, after which the server tries again. */
export type Handler = (event: WebhookEvent) => unknown;

/** A status, and a text that says why. */
export interface Verdict {
  status: 204 | 401 | 413 | 500;
  text: string;
}

/** Decides over requests. `secrets` are all that are live while keys are rotated. */
export class Receiver {
  readonly maxBytes: number;
  readonly #seen: Seen;

  constructor(
    readonly secrets: string | readonly string[],
    readonly options: ReceiverOptions = {},
  ) {
    this.maxBytes = options.maxBytes ?? maxBodyBytes;
    this.#seen = options.seen ?? new RecentIds();
  }

  /**
   * Handles the event of a request, unless it was handled before, and gives the response: 204, 401 for a request that must
   * not be trusted, 413 for too large a body, 500 where the receiver is misconfigured. What the handler throws is thrown;
   * the event comes again then.
   */
  async receive(headers: HeadersLike, body: unknown, handler: Handler): Promise<Verdict> {
    if (body instanceof Uint8Array && body.length > this.maxBytes) {
      return tooLarge(this.maxBytes);
    }
    let event: WebhookEvent;
    try {
      event = await parse(headers, body as Uint8Array, this.secrets, this.options);
    } catch (error) {
      if (error instanceof InvalidSignature) {
        return { status: 401, text: error.message };
      }
      if (error instanceof Misconfigured) {
        (this.options.onMisconfigured ?? console.error)(error);
        return { status: 500, text: "the receiver is misconfigured; its log says how" };
      }
      throw error;
    }
    if (event.id === "" || !(await this.#seen.has(event.id))) {
      await handler(event);
      await this.#seen.add(event.id);
    }
    return { status: 204, text: "" };
  }
}

export function tooLarge(maxBytes: number): Verdict {
  return { status: 413, text: `the body is over ${maxBytes} bytes` };
}

/**
 * A handler of fetch's Request: for Hono, Next.js, Workers, Deno and Bun.
 * `export const POST = webhook(secret, handler)` · `app.post("/hook", (c) => hook(c.req.raw))`
 */
export function webhook(
  secrets: string | readonly string[],
  handler: Handler,
  options: ReceiverOptions = {},
): (request: Request) => Promise<Response> {
  const receiver = new Receiver(secrets, options);
  return async (request) => {
    const body = await readBody(request, receiver.maxBytes);
    const verdict = body === undefined ? tooLarge(receiver.maxBytes) : await receiver.receive(request.headers, body, handler);
    return new Response(verdict.status === 204 ? null : verdict.text, { status: verdict.status });
  };
}

/** The body, or `undefined` when it is larger than it may be. */
async function readBody(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (const reader = request.body?.getReader(); reader !== undefined; ) {
    const { done, value } = await reader.read();
    if (done) {
      break;
    }
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
  return join(chunks, size);
}

function join(chunks: Uint8Array[], size: number): Uint8Array {
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}
