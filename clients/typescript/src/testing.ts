// For tests of your own, in Node: a server in memory, a receiver that notes what comes, and a wait for a delivery: `tenterhook/testing`.
//
//   const server = await TestServer.start();
//   const receiver = await RecordingReceiver.start();
//   const client = server.client();
//   await client.createWebhook({ displayName: "hook", request: { url: receiver.url } });
//   const { eventId } = await client.publish({ type: "created", data: { id: 7 } });
//   await waitFor(client, eventId);
//   receiver.requests[0].json(); // has `data`: { id: 7 }
//   await receiver.stop();
//   await server.stop();
//
// The server is the program `tenterhook`, found by `TENTERHOOK_BIN` or in the PATH.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type Delivery, DeliveryState } from "./gen/tenterhook/v1/delivery_pb.js";
import { Client, type NodeOptions } from "./index.js";

const binary = "TENTERHOOK_BIN";
const loopback = "127.0.0.1";
/** The line of the server's log that says where it listens. */
const started = "tenterhook::started";
const logLines = 100;
const patienceMs = 10_000;
const startPatienceMs = 20_000;

export interface TestServerOptions {
  /** The program; else that of `TENTERHOOK_BIN`, else `tenterhook` in the PATH. */
  binary?: string;
  /** Further flags of `tenterhook serve`. Its settings come from them alone, and not from the environment. */
  flags?: readonly string[];
  /** How long it may take until it listens; 20 seconds unless given. */
  timeoutMs?: number;
}

/** A server on a free port of this machine, with its store in memory: it starts in a fraction of a second. */
export class TestServer {
  /** Where it listens: `127.0.0.1:PORT`. */
  readonly target: string;
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  readonly #lines: string[];
  readonly #clients: Client[] = [];

  private constructor(target: string, process: ChildProcessByStdio<null, Readable, Readable>, lines: string[]) {
    this.target = target;
    this.#process = process;
    this.#lines = lines;
  }

  /** Starts a server. It is rejected with what the server wrote when that does not start. */
  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const { timeoutMs = startPatienceMs } = options;
    const program = options.binary ?? (process.env[binary] || "tenterhook");
    const listen = ["--listen", `${loopback}:0`, "--ops-listen", "off", "--log-format", "json"];
    const flags = ["serve", "--dev", "--store", "memory:", ...listen, ...(options.flags ?? [])];
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TENTERHOOK_")));
    const child = spawn(program, flags, { env, stdio: ["ignore", "pipe", "pipe"] });
    const lines: string[] = [];
    const target = await new Promise<string>((resolve, reject) => {
      const note = (line: string): void => {
        lines.push(line);
        lines.splice(0, lines.length - logLines);
        if (line.includes(started)) {
          resolve(JSON.parse(line).listen);
        }
      };
      createInterface(child.stdout).on("line", note);
      createInterface(child.stderr).on("line", note);
      child.once("error", () => reject(new Error(`there is no program ${program}: install it, or set ${binary} to its path`)));
      const fail = (how: string): void => {
        reject(new Error(`the server did not start${how}: ${[program, ...flags].join(" ")}\n${lines.join("\n")}`));
      };
      child.once("close", () => fail(""));
      AbortSignal.timeout(timeoutMs).addEventListener("abort", () => fail(` within ${timeoutMs} ms`));
    }).catch((error: unknown) => {
      child.kill("SIGKILL");
      throw error;
    });
    return new TestServer(target, child, lines);
  }

  /** The last 100 lines that the server wrote. */
  get log(): string {
    return this.#lines.join("\n");
  }

  /** A client in a namespace of its own, so that tests do not see each other; it is closed with the server. */
  client(options: NodeOptions = {}): Client {
    const client = new Client(this.target, { namespace: `test-${randomUUID().replaceAll("-", "").slice(0, 12)}`, ...options });
    this.#clients.push(client);
    return client;
  }

  /** Stops the server. */
  async stop(): Promise<void> {
    for (const client of this.#clients) {
      client.close();
    }
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const closed = new Promise((resolve) => this.#process.once("close", resolve));
      this.#process.kill("SIGKILL");
      await closed;
    }
  }
}

/** A request that came. The names of `headers` are in lower case. */
export interface ReceivedRequest {
  path: string;
  headers: Record<string, string>;
  body: Buffer;
  /** The body, read as JSON. */
  json(): any;
}

/** An HTTP server on a free port of this machine that notes each request. */
export class RecordingReceiver {
  /** Where it listens. */
  readonly url: string;
  /** What came so far, in order. */
  readonly requests: ReceivedRequest[] = [];
  readonly #server: Server;
  readonly #statuses: number[];
  #came: (() => void)[] = [];

  private constructor(server: Server, statuses: readonly number[]) {
    this.#server = server;
    this.#statuses = [...statuses];
    this.url = `http://${loopback}:${(server.address() as AddressInfo).port}/`;
    server.on("request", (request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const body = Buffer.concat(parts);
        const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
        this.requests.push({ path: request.url ?? "", headers, body, json: () => JSON.parse(body.toString("utf8")) });
        response.writeHead(this.#statuses.shift() ?? 204).end();
        this.#came.splice(0).forEach((wake) => wake());
      });
    });
  }

  /** Starts a receiver. It answers with these statuses, one after the other, and then with 204. */
  static async start(statuses: readonly number[] = []): Promise<RecordingReceiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, loopback, resolve));
    return new RecordingReceiver(server, statuses);
  }

  /** The requests, when so many have come. It is rejected after `timeoutMs`, 10 seconds unless given. */
  async wait(count = 1, timeoutMs = patienceMs): Promise<ReceivedRequest[]> {
    const late = AbortSignal.timeout(timeoutMs);
    while (this.requests.length < count) {
      await new Promise<void>((resolve, reject) => {
        const fail = (): void => reject(new Error(`${this.requests.length} of ${count} requests came within ${timeoutMs} ms`));
        late.addEventListener("abort", fail, { once: true });
        this.#came.push(resolve);
      });
    }
    return [...this.requests];
  }

  /** Stops it. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export interface WaitForOptions {
  /** The state to wait for; SUCCEEDED unless given. */
  state?: DeliveryState;
  /** How long; 10 seconds unless given. */
  timeoutMs?: number;
}

/**
 * The deliveries of the event, with their attempts, when there are some and all are in the state. It is rejected at once when one ends in
 * another state, and when it takes too long.
 */
export async function waitFor(client: Client, eventId: string, options: WaitForOptions = {}): Promise<Delivery[]> {
  const { state = DeliveryState.SUCCEEDED, timeoutMs = patienceMs } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  const filter = { eventIds: [eventId] };
  const list = client.listDeliveries({ filter });
  const states = new Map<string, DeliveryState>();
  for await (const delivery of list) {
    states.set(delivery.id, delivery.state);
  }
  const watch = client.watch({ filter, start: { case: "resumeToken", value: list.resumeToken } });
  try {
    while (states.size === 0 || [...states.values()].some((one) => one !== state)) {
      await checkEnded(client, eventId, states, state);
      const next = await watch.next({ signal }).catch((error: unknown) => {
        throw signal.aborted ? new Error(late(eventId, states, state, timeoutMs)) : error;
      });
      const delivery = next.value?.change.delivery;
      if (delivery === undefined) {
        throw new Error("the client was closed");
      }
      states.set(delivery.id, delivery.state);
    }
  } finally {
    watch.close();
  }
  return Promise.all([...states.keys()].map((id) => client.getDelivery(id)));
}

function late(eventId: string, states: Map<string, DeliveryState>, state: DeliveryState, timeoutMs: number): string {
  const told = [...states].map(([id, one]) => `${id}: ${DeliveryState[one]}`).join(", ") || "it has no delivery";
  return `event ${eventId} is not ${DeliveryState[state]} within ${timeoutMs} ms: ${told}`;
}

async function checkEnded(client: Client, eventId: string, states: Map<string, DeliveryState>, wanted: DeliveryState): Promise<void> {
  const isFinal = (one: DeliveryState): boolean => one >= DeliveryState.SUCCEEDED;
  const ended = [...states].find(([, one]) => isFinal(one) && one !== wanted);
  if (ended !== undefined && isFinal(wanted)) {
    const delivery = await client.getDelivery(ended[0]);
    const why = delivery.attempts.at(-1)?.error ?? "it was not tried";
    throw new Error(`delivery ${delivery.id} of event ${eventId} is ${DeliveryState[delivery.state]}: ${why}`);
  }
}
