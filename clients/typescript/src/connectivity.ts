// What a watch tells of its connection, to the program and to its log.

import type { TenterhookError } from "./errors.js";

/** Where a client tells what it does by itself. A level that is left out is not told. */
export interface Logger {
  /** Each retry of a call. */
  debug?(message: string): void;
  /** A watch that is connected again. */
  info?(message: string): void;
  /** A watch that cannot connect, once a minute. */
  warn?(message: string): void;
}

/** Whether a watch is connected. If not, `error` says why and `retryInMs` when it tries again. */
export type Connectivity =
  | { connected: true }
  | { connected: false; error: TenterhookError; retryInMs: number };

/** Milliseconds between two warnings of a watch that cannot connect. */
const warnIntervalMs = 60_000;

/** Follows the connection of one watch. */
export class Follower {
  readonly #logger: Logger;
  readonly #tell: (connectivity: Connectivity) => void;
  #connected = false;
  #wasConnected = false;
  #failures = 0;
  #warnedAt: number | undefined;

  constructor(logger: Logger, tell: ((connectivity: Connectivity) => void) | undefined) {
    this.#logger = logger;
    this.#tell = tell ?? (() => {});
  }

  /** Whether there ever was a connection. */
  get wasConnected(): boolean {
    return this.#wasConnected;
  }

  /** Notes that the server sent something. */
  heard(): void {
    if (this.#connected) {
      return;
    }
    if (this.#warnedAt !== undefined) {
      this.#logger.info?.(`tenterhook: watch is connected again, after ${this.#failures} tries`);
    }
    this.#connected = this.#wasConnected = true;
    this.#failures = 0;
    this.#warnedAt = undefined;
    this.#tell({ connected: true });
  }

  /** Notes that the connection failed or could not be made. */
  failed(error: TenterhookError, retryInMs: number): void {
    const what = this.#connected ? "lost its connection" : "cannot connect";
    const message = `tenterhook: watch ${what}, tries again in ${(retryInMs / 1000).toFixed(1)} s: ${error.message}`;
    const now = performance.now();
    const isDue = this.#warnedAt === undefined || now - this.#warnedAt >= warnIntervalMs;
    // A connection that is back at once, as after a restart of the server, is worth no warning.
    if (!this.#connected && isDue) {
      this.#warnedAt = now;
      this.#logger.warn?.(message);
    } else {
      this.#logger.debug?.(message);
    }
    this.#connected = false;
    this.#failures++;
    this.#tell({ connected: false, error, retryInMs });
  }
}
