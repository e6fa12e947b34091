// A watch that resumes for ever from what the program was handed.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, type Client as ServiceClient } from "@connectrpc/connect";
import type { Kept } from "./checkpoint.js";
import type { Follower } from "./connectivity.js";
import { asyncDispose, dispose } from "./dispose.js";
import { ClosedError, makeError, readError, type TenterhookError } from "./errors.js";
import {
  type DeliveryChange,
  type DeliveryService,
  type WatchDeliveriesRequest,
  WatchDeliveriesRequestSchema,
  type WatchDeliveriesResponse,
} from "./gen/tenterhook/v1/delivery_service_pb.js";
import { backoff, sleep } from "./retry.js";
import type { CallPolicy } from "./services.js";

const defaultBookmarkIntervalMs = 30_000;
/** So many bookmark intervals of silence mean that the connection is dead. */
const silentIntervals = 3;

const endsWatch = new Set([
  Code.AlreadyExists,
  Code.DataLoss,
  Code.FailedPrecondition,
  Code.InvalidArgument,
  Code.NotFound,
  Code.OutOfRange,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.Unimplemented,
]);

/** One change of a delivery, and the token that resumes right after it. */
export interface WatchItem {
  change: DeliveryChange;
  token: string;
}

/** What a watch goes over. */
export interface WatchConnection {
  deliveries: ServiceClient<typeof DeliveryService>;
  close(): void;
}

/** How to wait for a change. */
export interface WaitOptions {
  /** Gives up the wait, and not the watch. */
  signal?: AbortSignal;
}

/** What a watch is made of. */
export interface WatchParts {
  first: WatchConnection;
  another: () => WatchConnection;
  follower: Follower;
  kept?: Kept | undefined;
  policy: CallPolicy;
}

interface Waiter {
  resolve(next: IteratorResult<WatchItem>): void;
  reject(error: Error): void;
}

/** An endless sequence of changes. */
export class Watch implements AsyncIterableIterator<WatchItem> {
  readonly #another: () => WatchConnection;
  readonly #follower: Follower;
  readonly #kept: Kept | undefined;
  readonly #policy: CallPolicy;
  readonly #silenceMs: number;
  readonly #closed = new AbortController();
  readonly #waiters: Waiter[] = [];
  #request: WatchDeliveriesRequest;
  #connection: WatchConnection;
  #stream: { messages: AsyncIterator<WatchDeliveriesResponse>; abort: AbortController } | undefined;
  #failures = 0;
  /** When it may connect again. */
  #notBefore = 0;
  /** What came after the wait for it was given up. */
  #ahead: WatchItem | undefined;
  #failure: Error | undefined;
  #reading = false;

  constructor(parts: WatchParts, request: MessageInitShape<typeof WatchDeliveriesRequestSchema>) {
    this.#connection = parts.first;
    this.#another = parts.another;
    this.#follower = parts.follower;
    this.#kept = parts.kept;
    this.#policy = parts.policy;
    this.#request = create(WatchDeliveriesRequestSchema, { ...request });
    const asked = this.#request.bookmarkInterval;
    const intervalMs = asked === undefined ? defaultBookmarkIntervalMs : Number(asked.seconds) * 1000 + asked.nanos / 1e6;
    this.#silenceMs = silentIntervals * intervalMs;
  }

  /** Resumes after the last change that was handed out, or after a later bookmark. */
  get resumeToken(): string {
    return this.#request.start.case === "resumeToken" ? this.#request.start.value : "";
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * Waits for the next change. A wait whose signal is aborted, for example by `AbortSignal.timeout(5000)`, is
   * rejected with a `TenterhookError` of the code `Canceled`; nothing is lost, and a later `next` goes on there.
   */
  next(options: WaitOptions = {}): Promise<IteratorResult<WatchItem>> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        const index = this.#waiters.indexOf(waiter);
        if (index >= 0) {
          this.#waiters.splice(index, 1);
          reject(makeError(Code.Canceled, "the wait was given up"));
        }
      };
      const waiter = signal === undefined ? { resolve, reject } : unlistened(signal, giveUp, { resolve, reject });
      this.#waiters.push(waiter);
      if (signal?.aborted === true) {
        return giveUp();
      }
      signal?.addEventListener("abort", giveUp, { once: true });
      void this.#serve();
    });
  }

  /** Ends the watch; a `next` that waits ends too. */
  close(): void {
    this.#closed.abort();
    this.#disconnect();
    this.#connection.close();
  }

  /** `using watch = client.watch(…)` closes it at the end of the block. */
  [dispose](): void {
    this.close();
  }

  /** The same for `await using`. */
  [asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Leaving a `for await` loop closes the watch. */
  return(): Promise<IteratorResult<WatchItem>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  #disconnect(): void {
    this.#stream?.abort.abort();
    this.#stream = undefined;
  }

  /** Hands out one change after the other as long as somebody waits. */
  async #serve(): Promise<void> {
    if (this.#reading) {
      return;
    }
    this.#reading = true;
    while (this.#waiters.length > 0) {
      if (this.#ahead === undefined && this.#failure === undefined) {
        await this.#advance();
      }
      const waiter = this.#waiters.shift();
      if (waiter !== undefined) {
        this.#handOut(waiter);
      }
    }
    this.#reading = false;
  }

  #handOut(waiter: Waiter): void {
    const [item, failure] = [this.#ahead, this.#failure];
    this.#ahead = this.#failure = undefined;
    if (failure !== undefined) {
      waiter.reject(failure);
    } else if (item !== undefined) {
      this.#request.start = { case: "resumeToken", value: item.token };
      waiter.resolve({ done: false, value: item });
    } else {
      waiter.resolve({ done: true, value: undefined });
    }
  }

  /** Reads until there is a change or a failure, the watch is closed, or nobody waits any more. */
  async #advance(): Promise<void> {
    while (!this.#closed.signal.aborted && (await this.#keep())) {
      try {
        const message = await this.#receive();
        this.#failures = 0;
        this.#follower.heard();
        if (message.payload.case === "change") {
          this.#ahead = { change: message.payload.value, token: message.resumeToken };
          return;
        }
        this.#request.start = { case: "resumeToken", value: message.resumeToken };
      } catch (thrown) {
        this.#disconnect();
        const error = this.#policy.closing.aborted ? new ClosedError() : readError(thrown);
        if (this.#closed.signal.aborted) {
          return;
        }
        if (this.#isOver(error)) {
          this.close();
          this.#failure = error;
          return;
        }
        const waitMs = backoff(this.#policy.retry, this.#failures++);
        this.#notBefore = performance.now() + waitMs;
        this.#follower.failed(error, waitMs);
        if (this.#waiters.length === 0) {
          return;
        }
      }
    }
  }

  /** Saves where the watch stands, or at first loads it; false if that failed. */
  async #keep(): Promise<boolean> {
    try {
      const token = await this.#kept?.keep(this.resumeToken);
      if (token) {
        this.#request.start = { case: "resumeToken", value: token };
      }
      return true;
    } catch (thrown) {
      this.#failure = thrown instanceof Error ? thrown : new Error(String(thrown));
      return false;
    }
  }

  /**
   * Whether a watch that failed so would fail again. One that was connected goes on whatever becomes of the
   * server's certificate or name: that may be mended there.
   */
  #isOver(error: TenterhookError): boolean {
    const hopeless = error.permanent && !this.#follower.wasConnected;
    return error instanceof ClosedError || endsWatch.has(error.code) || hopeless;
  }

  /** Takes the next message off the stream, which it opens if need be. */
  async #receive(): Promise<WatchDeliveriesResponse> {
    if (this.#stream === undefined) {
      await sleep(this.#notBefore - performance.now(), this.#closed.signal, this.#policy.closing);
      const abort = new AbortController();
      const messages = this.#connection.deliveries.watchDeliveries(this.#request, { signal: abort.signal });
      this.#stream = { messages: messages[Symbol.asyncIterator](), abort };
    }
    const { messages, abort } = this.#stream;
    const silent = setTimeout(() => {
      abort.abort();
      // The connection may be dead and not know it: only another one helps.
      this.#connection.close();
      this.#connection = this.#another();
    }, this.#silenceMs);
    try {
      const next = await messages.next();
      if (next.done === true) {
        throw makeError(Code.Unavailable, "the stream ended");
      }
      return next.value;
    } finally {
      clearTimeout(silent);
    }
  }
}

/** The waiter, which stops listening to the signal when its wait is over. */
function unlistened(signal: AbortSignal, listener: () => void, waiter: Waiter): Waiter {
  const stop = (): void => signal.removeEventListener("abort", listener);
  return {
    resolve: (next) => {
      stop();
      waiter.resolve(next);
    },
    reject: (error) => {
      stop();
      waiter.reject(error);
    },
  };
}
