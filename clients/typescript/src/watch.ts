// A watch that resumes for ever from what the program was handed.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, type Client as ServiceClient } from "@connectrpc/connect";
import { makeError, readError } from "./errors.js";
import {
  type DeliveryChange,
  type DeliveryService,
  type WatchDeliveriesRequest,
  WatchDeliveriesRequestSchema,
  type WatchDeliveriesResponse,
} from "./gen/tenterhook/v1/delivery_service_pb.js";
import { backoff, sleep, type RetryPolicy } from "./retry.js";

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

/** An endless sequence of changes. */
export class Watch implements AsyncIterableIterator<WatchItem> {
  readonly #another: () => WatchConnection;
  readonly #retry: RetryPolicy;
  readonly #silenceMs: number;
  readonly #closed = new AbortController();
  #request: WatchDeliveriesRequest;
  #connection: WatchConnection;
  #stream: { messages: AsyncIterator<WatchDeliveriesResponse>; abort: AbortController } | undefined;
  #failures = 0;

  constructor(
    first: WatchConnection,
    another: () => WatchConnection,
    request: MessageInitShape<typeof WatchDeliveriesRequestSchema>,
    retry: RetryPolicy,
  ) {
    this.#connection = first;
    this.#another = another;
    this.#retry = retry;
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

  /** Waits for the next change. */
  async next(): Promise<IteratorResult<WatchItem>> {
    while (!this.#closed.signal.aborted) {
      try {
        const message = await this.#receive();
        this.#failures = 0;
        this.#request.start = { case: "resumeToken", value: message.resumeToken };
        if (message.payload.case === "change") {
          return { done: false, value: { change: message.payload.value, token: message.resumeToken } };
        }
      } catch (thrown) {
        this.#disconnect();
        const error = readError(thrown);
        if (!this.#closed.signal.aborted && endsWatch.has(error.code)) {
          this.close();
          throw error;
        }
        await sleep(backoff(this.#retry, this.#failures++), this.#closed.signal);
      }
    }
    return { done: true, value: undefined };
  }

  /** Ends the watch; a `next` that waits ends too. */
  close(): void {
    this.#closed.abort();
    this.#disconnect();
    this.#connection.close();
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

  /** Takes the next message off the stream, which it opens if need be. */
  async #receive(): Promise<WatchDeliveriesResponse> {
    if (this.#stream === undefined) {
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
