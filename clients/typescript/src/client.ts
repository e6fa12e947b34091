// The client over any transport: the services of the API, and the comfortable way to the common calls.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, Code, type Client as ServiceClient, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { type Checkpoint, Kept } from "./checkpoint.js";
import { type Connectivity, Follower, type Logger } from "./connectivity.js";
import { dispose } from "./dispose.js";
import { TenterhookError } from "./errors.js";
import { AccessService } from "./gen/tenterhook/v1/access_service_pb.js";
import type { Delivery } from "./gen/tenterhook/v1/delivery_pb.js";
import {
  DeliveryService,
  type ListDeliveriesRequestSchema,
  type WatchDeliveriesRequestSchema,
} from "./gen/tenterhook/v1/delivery_service_pb.js";
import type { Event } from "./gen/tenterhook/v1/event_pb.js";
import {
  EventService,
  type ListEventsRequestSchema,
  type PublishResult,
} from "./gen/tenterhook/v1/event_service_pb.js";
import { ServerService } from "./gen/tenterhook/v1/server_service_pb.js";
import type { Webhook, WebhookSchema } from "./gen/tenterhook/v1/webhook_pb.js";
import { type ListWebhooksRequestSchema, WebhookService } from "./gen/tenterhook/v1/webhook_service_pb.js";
import { toEvent, type EventInit } from "./messages.js";
import { DeliveryList, pages } from "./pages.js";
import { Publisher, type PublisherOptions } from "./publisher.js";
import { defaultRetry, type RetryPolicy } from "./retry.js";
import { type CallPolicy, service } from "./services.js";
import { type Ack, type Open, PublishStream } from "./stream.js";
import { Watch, type WatchConnection } from "./watch.js";

/** What every client takes. */
export interface ClientOptions {
  /** Is sent with each call; a function is called for each, and may give another key. */
  apiKey?: string | (() => string | Promise<string>);
  /** Is used by the methods of the client where a call names no namespace. */
  namespace?: string;
  /**
   * Milliseconds for one call, its retries included; 10,000 unless set, and 70,000 for `testWebhook`, which takes as
   * long as an attempt.
   */
  timeoutMs?: number;
  /** When failed calls are tried again. */
  retry?: Partial<RetryPolicy>;
  /** Is called for each call and gives further headers: the place to pass on a trace context. */
  headers?: () => Record<string, string>;
  /** Interceptors of Connect, the first outermost, for each try of every call, stream and watch. They do not see the key. */
  interceptors?: readonly Interceptor[];
  /** Where the client tells what it does by itself; warnings go to the console unless set. */
  logger?: Logger;
}

/** What a watch takes beside its request. */
export interface WatchOptions {
  /** Keeps how far the program came; once it has a token the watch begins there, and not where the request says. */
  checkpoint?: Checkpoint;
  /** Is called when the watch has connected, and each time that it could not. */
  onConnectivity?: (connectivity: Connectivity) => void;
}

/** Milliseconds for the one try of a ping. */
const pingTimeoutMs = 5000;
const consoleLogger: Logger = { warn: (message) => console.warn(message) };

/** Adds the key and the program's own headers to each call. */
export function addHeaders(options: ClientOptions): Interceptor {
  return (next) => async (request) => {
    const { apiKey } = options;
    if (apiKey !== undefined) {
      request.header.set("authorization", `Bearer ${(typeof apiKey === "string" ? apiKey : await apiKey()).trim()}`);
    }
    for (const [name, value] of Object.entries(options.headers?.() ?? {})) {
      request.header.set(name, value);
    }
    return next(request);
  };
}

/** A connection to the server. */
export interface Connection {
  transport: Transport;
  close(): void;
}

/** A client of one Tenterhook server. */
export class BaseClient {
  /** Every method of the webhook service. */
  readonly webhooks: ServiceClient<typeof WebhookService>;
  /** Every method of the event service. */
  readonly events: ServiceClient<typeof EventService>;
  /** Every method of the delivery service. */
  readonly deliveries: ServiceClient<typeof DeliveryService>;
  /** Every method of the server service. */
  readonly server: ServiceClient<typeof ServerService>;
  /** Every method of the access service. */
  readonly access: ServiceClient<typeof AccessService>;
  readonly #connect: () => Connection;
  readonly #connection: Connection;
  readonly #namespace: string;
  readonly #policy: CallPolicy;
  readonly #closing = new AbortController();
  /** Those that watches made for themselves. */
  readonly #others = new Set<Connection>();

  /** `connect` makes a connection; the client has one, and a watch makes another when that is dead. */
  constructor(connect: () => Connection, options: ClientOptions = {}) {
    this.#namespace = options.namespace ?? "";
    const retry = { ...defaultRetry, ...options.retry };
    const logger = options.logger ?? consoleLogger;
    this.#policy = { timeoutMs: options.timeoutMs, retry, closing: this.#closing.signal, logger };
    this.#connect = connect;
    this.#connection = connect();
    const { transport } = this.#connection;
    this.webhooks = service(WebhookService, transport, this.#policy);
    this.events = service(EventService, transport, this.#policy);
    this.deliveries = service(DeliveryService, transport, this.#policy);
    this.server = service(ServerService, transport, this.#policy);
    this.access = service(AccessService, transport, this.#policy);
  }

  /**
   * Ends the connection and everything on it: calls, streams and watches fail with `ClosedError`, those in
   * flight and later ones. May be called again.
   */
  close(): void {
    this.#closing.abort();
    this.#connection.close();
    this.#others.forEach((connection) => connection.close());
    this.#others.clear();
  }

  /** `using client = new Client(…)` closes it at the end of the block. */
  [dispose](): void {
    this.close();
  }

  /**
   * Is fulfilled when the server can be reached and knows the key, and rejected with what is in the way, without
   * a second try. For the start of a program, and for its health check.
   */
  async ping(options: CallOptions = {}): Promise<void> {
    const once = { ...this.#policy, retry: { ...this.#policy.retry, enabled: false } };
    const server = service(ServerService, this.#connection.transport, once);
    try {
      await server.getServerInfo({}, { timeoutMs: pingTimeoutMs, ...options });
    } catch (error) {
      // A key that may only publish is known all the same.
      if (!(error instanceof TenterhookError) || error.code !== Code.PermissionDenied) {
        throw error;
      }
    }
  }

  /**
   * Publishes one event. When the promise is fulfilled the event is on the server's disk. An event
   * without an id gets one here, so that a retry makes no second event.
   */
  async publish(event: EventInit, options?: CallOptions): Promise<PublishResult> {
    const response = await this.events.publishEvent({ event: toEvent(event, this.#namespace) }, options);
    return response.result!;
  }

  /** Publishes up to 1,000 events, all or none, in order. */
  async publishBatch(events: Iterable<EventInit>, options?: CallOptions): Promise<PublishResult[]> {
    const made = Array.from(events, (event) => toEvent(event, this.#namespace));
    return (await this.events.batchPublishEvents({ events: made }, options)).results;
  }

  /**
   * Publishes events as they come and yields what became of each, in order; one bad event does not
   * end it. When it throws, events without an acknowledgement may be published again under their
   * ids. What `events` itself throws is thrown after the acknowledgements of what came before it.
   * Needs HTTP/2: not for browsers.
   */
  publishStream(
    events: Iterable<EventInit> | AsyncIterable<EventInit>,
    options: CallOptions = {},
  ): AsyncIterableIterator<Ack> {
    const made = (event: EventInit): Event => toEvent(event, this.#namespace);
    const stub = createClient(EventService, this.#connection.transport);
    const open: Open = (requests, signal) => stub.streamPublishEvents(requests, { ...options, signal });
    return new PublishStream(events, made, open, this.#policy, options.signal);
  }

  /** A publisher that gathers events into batches by itself, which is many times faster. Close it. */
  publisher(options: PublisherOptions = {}): Publisher {
    return new Publisher(this.events, (event) => toEvent(event, this.#namespace), this.#policy, options);
  }

  /** Makes a webhook and returns it with its signing secret, which is told only here. */
  async createWebhook(
    webhook: MessageInitShape<typeof WebhookSchema>,
    signingSecret = "",
    options?: CallOptions,
  ): Promise<{ webhook: Webhook; signingSecret: string }> {
    const response = await this.webhooks.createWebhook({ webhook: this.#scoped(webhook), signingSecret }, options);
    return { webhook: response.webhook!, signingSecret: response.signingSecret };
  }

  /** Every webhook that matches, oldest first, page by page as it is asked for. */
  listWebhooks(request: MessageInitShape<typeof ListWebhooksRequestSchema> = {}): AsyncGenerator<Webhook> {
    const scoped = this.#scoped(request);
    return pages(scoped.pageToken, async (pageToken) => {
      const response = await this.webhooks.listWebhooks({ ...scoped, pageToken });
      return [response.webhooks, response.nextPageToken];
    });
  }

  /** Every event that matches, newest first, page by page as it is asked for. */
  listEvents(request: MessageInitShape<typeof ListEventsRequestSchema> = {}): AsyncGenerator<Event> {
    const scoped = this.#scoped(request);
    return pages(scoped.pageToken, async (pageToken) => {
      const response = await this.events.listEvents({ ...scoped, pageToken });
      return [response.events, response.nextPageToken];
    });
  }

  /** Every delivery that matches, newest first, and where to watch from then on. */
  listDeliveries(request: MessageInitShape<typeof ListDeliveriesRequestSchema> = {}): DeliveryList {
    return new DeliveryList(this.deliveries, this.#scoped(request));
  }

  /** One delivery with all its attempts. */
  async getDelivery(deliveryId: string, options?: CallOptions): Promise<Delivery> {
    return (await this.deliveries.getDelivery({ deliveryId }, options)).delivery!;
  }

  /**
   * Every change of every delivery that matches, in order, without a gap and without an end: broken
   * and silent connections are made again, and the watch resumes after the last change that the
   * program was handed. It throws only what would come again, such as a token that is no longer kept, or a first
   * connection that can never be made (`error.permanent`).
   */
  watch(request: MessageInitShape<typeof WatchDeliveriesRequestSchema> = {}, options: WatchOptions = {}): Watch {
    const another = (): WatchConnection => {
      const connection = this.#connect();
      this.#others.add(connection);
      const close = (): void => {
        this.#others.delete(connection);
        connection.close();
      };
      return { deliveries: service(DeliveryService, connection.transport, this.#policy), close };
    };
    const first = { deliveries: this.deliveries, close: () => {} };
    const follower = new Follower(this.#policy.logger, options.onConnectivity);
    const kept = options.checkpoint && new Kept(options.checkpoint);
    return new Watch({ first, another, follower, kept, policy: this.#policy }, this.#scoped(request));
  }

  #scoped<T extends { namespace?: string | undefined }>(message: T): T {
    return message.namespace ? message : { ...message, namespace: this.#namespace };
  }
}
