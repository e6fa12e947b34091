// A stream of events that is published. Its iterators are written by hand: each message takes a promise or two, where an
// async function or generator takes several.

import { readPublishError, type TenterhookError } from "./errors.js";
import type { Event } from "./gen/tenterhook/v1/event_pb.js";
import type { PublishResult, StreamPublishEventsResponse } from "./gen/tenterhook/v1/event_service_pb.js";
import { type CallPolicy, checkOpen, readFailure } from "./services.js";

/** What became of one event of a stream. */
export interface Ack {
  /** The event's position in the stream, from 0. */
  sequence: number;
  /** Set if the event is on the server's disk. */
  result?: PublishResult;
  /** Set if the event was refused. */
  error?: TenterhookError;
}

/** What goes up the stream. */
export interface StreamedEvent {
  sequence: bigint;
  event: Event;
}

/** Opens the stream; the signal ends it. */
export type Open = (requests: AsyncIterable<StreamedEvent>, signal: AbortSignal) => AsyncIterable<StreamPublishEventsResponse>;

/** Publishes events as they come, from the first `next` on, and gives what became of each. */
export class PublishStream<T> implements AsyncIterableIterator<Ack> {
  readonly #left = new AbortController();
  readonly #signal: AbortSignal;
  readonly #policy: CallPolicy;
  readonly #requests: Requests<T>;
  readonly #open: () => AsyncIterable<StreamPublishEventsResponse>;
  #responses: AsyncIterator<StreamPublishEventsResponse> | undefined;

  /** `signal` is the caller's, which ends the stream too. */
  constructor(
    events: Iterable<T> | AsyncIterable<T>,
    toEvent: (event: T) => Event,
    open: Open,
    policy: CallPolicy,
    signal?: AbortSignal,
  ) {
    const left = this.#left.signal;
    this.#signal = signal === undefined ? left : AbortSignal.any([left, signal]);
    this.#policy = policy;
    this.#requests = new Requests(events, toEvent);
    const requests = { [Symbol.asyncIterator]: () => this.#requests };
    this.#open = () => open(requests, this.#signal);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Ack>> {
    if (this.#left.signal.aborted) {
      return Promise.resolve({ done: true, value: undefined });
    }
    try {
      checkOpen(this.#policy);
      this.#responses ??= this.#open()[Symbol.asyncIterator]();
      return this.#responses.next().then(this.#read, this.#fail);
    } catch (thrown) {
      return Promise.reject(readFailure(thrown, this.#signal));
    }
  }

  readonly #read = (next: IteratorResult<StreamPublishEventsResponse>): IteratorResult<Ack> => {
    if (next.done !== true) {
      return { done: false, value: readAck(next.value) };
    }
    this.#requests.rethrow();
    return next;
  };

  readonly #fail = (thrown: unknown): never => {
    checkOpen(this.#policy);
    throw readFailure(thrown, this.#signal);
  };

  /** Leaving a `for await` loop ends the stream. */
  return(): Promise<IteratorResult<Ack>> {
    this.#left.abort();
    return Promise.resolve({ done: true, value: undefined });
  }
}

/** The events as they go up, numbered. Where their source fails they end, and `rethrow` throws its error. */
class Requests<T> implements AsyncIterator<StreamedEvent> {
  readonly #events: Iterator<T> | AsyncIterator<T>;
  readonly #toEvent: (event: T) => Event;
  #sequence = 0n;
  #failure: { thrown: unknown } | undefined;

  constructor(events: Iterable<T> | AsyncIterable<T>, toEvent: (event: T) => Event) {
    this.#events = Symbol.asyncIterator in events ? events[Symbol.asyncIterator]() : events[Symbol.iterator]();
    this.#toEvent = toEvent;
  }

  next(): Promise<IteratorResult<StreamedEvent>> {
    try {
      return Promise.resolve(this.#events.next()).then(this.#number, this.#fail);
    } catch (thrown) {
      return Promise.resolve(this.#fail(thrown));
    }
  }

  /** Throws, once, what the source threw. */
  rethrow(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) {
      throw failure.thrown;
    }
  }

  readonly #number = (next: IteratorResult<T>): IteratorResult<StreamedEvent> => {
    if (next.done === true) {
      return next;
    }
    try {
      return { done: false, value: { sequence: this.#sequence++, event: this.#toEvent(next.value) } };
    } catch (thrown) {
      void this.return();
      return this.#fail(thrown);
    }
  };

  readonly #fail = (thrown: unknown): IteratorResult<StreamedEvent> => {
    this.#failure = { thrown };
    return { done: true, value: undefined };
  };

  /** Tells whoever makes the events that no more are wanted. */
  async return(): Promise<IteratorResult<StreamedEvent>> {
    await this.#events.return?.();
    return { done: true, value: undefined };
  }

  /** Connect calls it when the stream failed. */
  async throw(reason: unknown): Promise<never> {
    await this.return();
    throw reason;
  }
}

function readAck(response: StreamPublishEventsResponse): Ack {
  const sequence = Number(response.sequence);
  if (response.outcome.case === "error") {
    return { sequence, error: readPublishError(response.outcome.value) };
  }
  return response.outcome.case === "result" ? { sequence, result: response.outcome.value } : { sequence };
}
