// A publisher that gathers events into batches by itself.

import { create, toBinary } from "@bufbuild/protobuf";
import { Code, type Client as ServiceClient } from "@connectrpc/connect";
import { asyncDispose } from "./dispose.js";
import { ClosedError, readError, type TenterhookError } from "./errors.js";
import { type Event, EventSchema } from "./gen/tenterhook/v1/event_pb.js";
import { BatchPublishEventsRequestSchema, type EventService, type PublishResult } from "./gen/tenterhook/v1/event_service_pb.js";
import type { EventInit } from "./messages.js";
import { backoff, sleep } from "./retry.js";
import { type CallPolicy, checkOpen } from "./services.js";

/** How a publisher gathers events. */
export interface PublisherOptions {
  /** Milliseconds that the first event of a batch waits for others; 5. */
  lingerMs?: number;
  /** Events of a batch; 500. */
  maxEvents?: number;
  /** Bytes of a batch; 1 MiB. */
  maxBytes?: number;
  /** Batches that are sent at once; 4. */
  inFlight?: number;
  /** Events that may wait for their results; 10,000. */
  outstanding?: number;
  /** Milliseconds that a batch is tried again; 60,000. */
  timeoutMs?: number;
}

const defaults: Required<PublisherOptions> = {
  lingerMs: 5,
  maxEvents: 500,
  maxBytes: 1 << 20,
  inFlight: 4,
  outstanding: 10_000,
  timeoutMs: 60_000,
};

/** There are as many events outstanding as the publisher allows: await `room()` before `publish`. */
export class PublisherFullError extends Error {
  override readonly name = "PublisherFullError";
}

/** The result to come of one event. `eventId` is known at once: under it the event can be published again. */
export interface Publication extends Promise<PublishResult> {
  readonly eventId: string;
}

interface Pending {
  event: Event;
  size: number;
  since: number;
  resolve(result: PublishResult): void;
  reject(error: TenterhookError): void;
}

/** What a later try may mend: the server is away or overloaded, or its answer was lost. */
const transient = new Set([Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted, Code.Unknown, Code.Internal]);

/** Gathers events into batches by itself, which is many times faster than one call an event. */
export class Publisher {
  readonly #options: Required<PublisherOptions>;
  readonly #events: ServiceClient<typeof EventService>;
  readonly #toEvent: (event: EventInit) => Event;
  readonly #policy: CallPolicy;
  readonly #busy = new Set<string>();
  #waiting: Pending[] = [];
  #bytes = 0;
  #sending = 0;
  #outstanding = 0;
  #flushing = 0;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiters: (() => void)[] = [];

  constructor(
    events: ServiceClient<typeof EventService>,
    toEvent: (event: EventInit) => Event,
    policy: CallPolicy,
    options: PublisherOptions,
  ) {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.#options = { ...defaults, ...given };
    this.#events = events;
    this.#toEvent = toEvent;
    this.#policy = policy;
  }

  /** Takes an event and gives its result to come, at once. Throws `PublisherFullError` when there is no room. */
  publish(event: EventInit): Publication {
    const made = this.#toEvent(event);
    checkOpen(this.#policy);
    if (this.#closed) {
      throw new ClosedError();
    }
    if (this.#outstanding >= this.#options.outstanding) {
      throw new PublisherFullError(`${this.#outstanding} events are outstanding: await room() before publish()`);
    }
    const result = new Promise<PublishResult>((resolve, reject) => {
      const size = toBinary(EventSchema, made).length;
      this.#waiting.push({ event: made, size, since: performance.now(), resolve, reject });
      this.#bytes += size;
      this.#outstanding++;
    });
    // Whoever looks at the result later, or by flush(), must not end the process by an unhandled rejection.
    result.catch(() => {});
    if (this.#waiting.length === 1 || this.#waiting.length >= this.#options.maxEvents || this.#bytes >= this.#options.maxBytes) {
      this.#advance();
    }
    return Object.assign(result, { eventId: made.id });
  }

  /** Is fulfilled when there is room for another event: await it where events come faster than they are stored. */
  async room(): Promise<void> {
    while (this.#outstanding >= this.#options.outstanding && !this.#closed) {
      await this.#change();
    }
  }

  /** Is fulfilled when every event that was taken before has its result. */
  async flush(): Promise<void> {
    this.#flushing++;
    this.#advance();
    while (this.#outstanding > 0) {
      await this.#change();
    }
    this.#flushing--;
  }

  /** Takes no more events, and is fulfilled when all have their results. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
  }

  /** `await using publisher = client.publisher()` closes it at the end of the block. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Sends what can be sent now, and comes again when the next batch is due. */
  #advance(): void {
    clearTimeout(this.#timer);
    while (this.#sending < this.#options.inFlight) {
      const taken = this.#take();
      if (!Array.isArray(taken)) {
        if (taken !== undefined) {
          this.#timer = setTimeout(() => this.#advance(), taken);
        }
        return;
      }
      this.#sending++;
      void this.#send(taken).finally(() => {
        this.#sending--;
        this.#outstanding -= taken.length;
        taken.forEach(({ event }) => this.#busy.delete(event.orderingKey));
        this.#waiters.splice(0).forEach((wake) => wake());
        this.#advance();
      });
    }
  }

  /**
   * A batch, the milliseconds until there is one, or `undefined` when nothing can be sent. Events of one ordering key are
   * never in two batches at once.
   */
  #take(): Pending[] | number | undefined {
    const { maxEvents, maxBytes, lingerMs } = this.#options;
    const [batch, skipped]: [Pending[], Pending[]] = [[], []];
    let [size, next] = [0, 0];
    for (; next < this.#waiting.length && batch.length < maxEvents; next++) {
      const one = this.#waiting[next]!;
      if (this.#busy.has(one.event.orderingKey)) {
        skipped.push(one);
      } else if (batch.length > 0 && size + one.size > maxBytes) {
        break;
      } else {
        batch.push(one);
        size += one.size;
      }
    }
    const [first] = batch;
    if (first === undefined) {
      return undefined;
    }
    const full = next < this.#waiting.length || batch.length >= maxEvents || size >= maxBytes;
    const left = first.since + lingerMs - performance.now();
    if (left > 0 && !full && this.#flushing === 0) {
      return left;
    }
    this.#waiting = [...skipped, ...this.#waiting.slice(next)];
    this.#bytes -= size;
    batch.forEach(({ event }) => event.orderingKey !== "" && this.#busy.add(event.orderingKey));
    return batch;
  }

  async #send(batch: Pending[]): Promise<void> {
    const until = performance.now() + this.#options.timeoutMs;
    let [rest, failures] = [batch, 0];
    while (rest.length > 0) {
      try {
        const request = create(BatchPublishEventsRequestSchema, { events: rest.map(({ event }) => event) });
        const { results } = await this.#events.batchPublishEvents(request);
        rest.forEach(({ resolve }, index) => resolve(results[index]!));
        return;
      } catch (thrown) {
        const error = readError(thrown);
        const wait = Math.max(backoff(this.#policy.retry, failures++), error.retryAfterMs ?? 0);
        if (!(error instanceof ClosedError) && transient.has(error.code) && performance.now() + wait < until) {
          await sleep(wait, this.#policy.closing);
        } else {
          rest = fail(rest, error);
        }
      }
    }
  }
}

/**
 * Fails the events that the error names, and gives those that may be sent again: batches are all or none. It fails all when
 * the error names none.
 */
function fail(batch: Pending[], error: TenterhookError): Pending[] {
  const named = error.fieldViolations.map(({ field }) => Number(/^events\[(\d+)\]/.exec(field)?.[1] ?? -1));
  const conflict = error.metadata["event_id"];
  const isWrong = (one: Pending, index: number): boolean => named.includes(index) || one.event.id === conflict;
  const wrong = batch.some(isWrong) ? batch.filter(isWrong) : batch;
  wrong.forEach(({ reject }) => reject(error));
  return batch.filter((one) => !wrong.includes(one));
}
