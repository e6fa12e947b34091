// A server that does what a test tells it.

import { create, type DescMessage, type DescMethod, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../src/gen/error_details_pb.js";
import { Client, DeliveryService, EventService, type NodeOptions, WebhookService } from "../src/index.js";

/** A message, an error, or milliseconds of silence. */
export type Step = Message | ConnectError | number;

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export function refuse(code: Code, ...details: ConstructorParameters<typeof ConnectError>[3] & object[]): ConnectError {
  return new ConnectError("refused", code, undefined, details);
}

export const info = (reason: string, metadata: Record<string, string> = {}, domain = "tenterhook") => ({
  desc: ErrorInfoSchema,
  value: { reason, domain, metadata },
});
export const retryInfo = (milliseconds: number) => ({
  desc: RetryInfoSchema,
  value: { retryDelay: { seconds: BigInt(Math.floor(milliseconds / 1000)), nanos: (milliseconds % 1000) * 1e6 } },
});
export const badField = (field: string, description: string) => ({
  desc: BadRequestSchema,
  value: { fieldViolations: [{ field, description }] },
});

/** Answers each call with the next of its scripts. */
export class Fake {
  readonly requests: Message[] = [];
  readonly headers: Headers[] = [];
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #clients: Client[] = [];
  readonly #scripts: Step[][];

  private constructor(scripts: (Step | Step[])[]) {
    this.#scripts = scripts.map((script) => (Array.isArray(script) ? script : [script]));
    this.#server = createServer(connectNodeAdapter({ routes: (router) => this.#route(router) }));
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
    });
  }

  static async start(scripts: (Step | Step[])[], port = 0): Promise<Fake> {
    const fake = new Fake(scripts);
    await new Promise<void>((resolve) => fake.#server.listen(port, "127.0.0.1", resolve));
    return fake;
  }

  get target(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A client of this server that retries fast. */
  client(options: NodeOptions = {}): Client {
    const client = new Client(this.target, { retry: { initialMs: 10 }, ...options });
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    this.#clients.forEach((client) => client.close());
    this.#sessions.forEach((session) => session.destroy());
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #route(router: ConnectRouter): void {
    for (const service of [DeliveryService, EventService, WebhookService]) {
      for (const method of service.methods as readonly DescMethod[]) {
        this.#handle(router, method);
      }
    }
  }

  #handle(router: ConnectRouter, method: DescMethod): void {
    const fake = this;
    const seen = (request: Message, context: { requestHeader: Headers }): Step[] => {
      fake.requests.push(request);
      fake.headers.push(context.requestHeader);
      return fake.#scripts.shift() ?? [refuse(Code.Internal)];
    };
    switch (method.methodKind) {
      case "unary":
        router.rpc(method as DescMethod & { methodKind: "unary" }, async (request, context) => {
          for await (const message of play(seen(request, context))) {
            return message as never;
          }
          return create(method.output as DescMessage) as never;
        });
        break;
      case "server_streaming":
        router.rpc(method as DescMethod & { methodKind: "server_streaming" }, (request, context) => play(seen(request, context)) as never);
        break;
      default:
        router.rpc(method as DescMethod & { methodKind: "bidi_streaming" }, async function* (requests: AsyncIterable<Message>, context: { requestHeader: Headers }) {
          for await (const request of requests) {
            yield* play(seen(request, context));
          }
        } as never);
    }
  }
}

async function* play(script: Step[]): AsyncGenerator<Message> {
  for (const step of script) {
    if (step instanceof ConnectError) {
      throw step;
    }
    if (typeof step === "number") {
      await sleep(step);
    } else {
      yield step;
    }
  }
}
