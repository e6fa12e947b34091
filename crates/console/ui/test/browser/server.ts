// A real server and a real receiver for the tests that drive a browser.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { Client } from "tenterhook/web";

export const binary = process.env["TENTERHOOK"] ?? "../../../target/debug/tenterhook";
const startMs = 30_000;
const pollMs = 50;

/** One `tenterhook serve`, with its console. */
export class Server {
  readonly client: Client;
  readonly #process: ChildProcess;

  private constructor(
    readonly origin: string,
    process: ChildProcess,
  ) {
    this.#process = process;
    this.client = new Client(origin);
  }

  /** Starts a server with these flags on a free port and waits until it serves the console. */
  static async start(...flags: string[]): Promise<Server> {
    const address = `127.0.0.1:${await freePort()}`;
    const args = ["serve", "--listen", address, "--ops-listen", "off", "--store", "memory:", ...flags];
    const started = new Server(`http://${address}`, spawn(binary, args, { stdio: "ignore" }));
    await until(async () => (await fetch(`${started.origin}/console/`)).ok, startMs);
    return started;
  }

  async stop(): Promise<void> {
    this.client.close();
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    const kill = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(kill);
  }
}

/** An answer of the receiver. */
export interface Reply {
  status: number;
  body?: string | Uint8Array;
  headers?: Record<string, string>;
}

/** Takes webhooks; each path answers as it was set to. */
export class Receiver {
  readonly replies = new Map<string, Reply>();
  readonly received: { path: string; body: string }[] = [];
  #server: HttpServer | undefined;

  async start(): Promise<void> {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const path = request.url ?? "";
        this.received.push({ path, body: Buffer.concat(chunks).toString() });
        const { status, body = "", headers = {} } = this.replies.get(path) ?? { status: 200 };
        response.writeHead(status, headers).end(body);
      });
    });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server?.address() as AddressInfo).port}${path}`;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

/** Waits until something is so, and fails after the time. */
export async function until(holds: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      if (await holds()) {
        return;
      }
    } catch (error) {
      if (performance.now() > deadline) {
        throw error;
      }
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${holds}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function freePort(): Promise<number> {
  const probe = createTcpServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
