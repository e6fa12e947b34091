// From native values to messages: JSON, times, ids.

import { clone, create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  EventSchema,
  JsonDocumentSchema,
  SnapshotsSchema,
  type Event,
  type JsonDocument,
} from "./gen/tenterhook/v1/event_pb.js";
import {
  BatchPublishEventsRequestSchema,
  PublishEventRequestSchema,
  ReplayEventsRequestSchema,
} from "./gen/tenterhook/v1/event_service_pb.js";
import {
  CreateWebhookRequestSchema,
  RotateSigningKeyRequestSchema,
} from "./gen/tenterhook/v1/webhook_service_pb.js";

/** Something that happened, in JavaScript's own values. */
export interface EventInit {
  /** The idempotency key; one is made if it is absent. */
  id?: string;
  /** The tenant; absent takes the client's. */
  namespace?: string;
  /** What happened, such as `created`. */
  type: string;
  /** The kind of object, such as `ipam.ipaddress`. */
  objectType?: string;
  /** When it happened; absent takes the time of publication. */
  occurTime?: Date;
  /** Who did it. */
  username?: string;
  /** Joins events of one request. */
  requestId?: string;
  /** The object as it is now: any JSON value, or what `json` or `jsonText` made. */
  data?: unknown;
  /** The object before and after the change. */
  snapshots?: { prechange?: unknown; postchange?: unknown };
  /** For matching and routing. */
  attributes?: Record<string, string>;
  /** Keeps events of one key in order. */
  orderingKey?: string;
  /** The earliest time of its deliveries. */
  deliverAfter?: Date;
  /** When its deliveries are given up. */
  expireTime?: Date;
}

/**
 * A JSON value as the API takes it, for an event's data or the conditions of a rule. It throws a TypeError for what JSON does not have, and
 * for what `JSON.stringify` would lose without a word: NaN and Infinity, an invalid Date, bytes, functions, half of a surrogate pair, and
 * objects without members of their own, such as a Map, a Set, a Promise or an Error.
 */
export function json(value: unknown): JsonDocument {
  const text = JSON.stringify(value, refuseWhatIsLost);
  if (text === undefined) {
    throw new TypeError("the value has no JSON");
  }
  return jsonText(text);
}

const loneSurrogate = /\p{Surrogate}/u;

/** A replacer: `this` has the member, as it was before its `toJSON`. */
function refuseWhatIsLost(this: unknown, name: string, value: unknown): unknown {
  const lost = whatIsLost((this as Record<string, unknown>)[name], value);
  if (lost !== undefined) {
    throw new TypeError(`${name === "" ? "the value" : JSON.stringify(name)} ${lost}`);
  }
  if (loneSurrogate.test(name)) {
    throw new TypeError(`the name ${JSON.stringify(name)} has half of a surrogate pair, which is no text`);
  }
  return value;
}

/** What is wrong with a value, of which `json` is what its `toJSON` gave. */
function whatIsLost(value: unknown, json: unknown): string | undefined {
  switch (typeof json) {
    case "number":
      return Number.isFinite(json) ? undefined : `is ${json}, which JSON has no number for`;
    case "string":
      return loneSurrogate.test(json) ? "has half of a surrogate pair, which is no text" : undefined;
    case "bigint":
      return "is a bigint: give a text, or the whole as JSON text by jsonText";
    case "function":
    case "symbol":
      return `is a ${typeof json}, which JSON does not have`;
    default:
  }
  if (value instanceof Date && json === null) {
    return "is an invalid Date";
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return "is bytes, which JSON does not have: give their base64 as text";
  }
  if (typeof json === "object" && json !== null && hasNoMembers(json)) {
    const instead = new Map([["Map", ": give Object.fromEntries(map)"], ["Set", ": give [...set]"], ["Promise", ": await it"]]);
    const kind = json.constructor?.name ?? "object";
    return `is a ${kind}, which JSON does not have${instead.get(kind) ?? ""}`;
  }
  return undefined;
}

/** Whether it is an object of a class, no list, of which `JSON.stringify` writes nothing. */
function hasNoMembers(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null || Array.isArray(value);
  return !isPlain && Object.keys(value).length === 0;
}

/** JSON text, which is kept byte for byte: numbers of any size survive. */
export function jsonText(text: string): JsonDocument {
  return create(JsonDocumentSchema, { value: { case: "json", value: text } });
}

/** The value of a document that the server sent; `undefined` when it is unset. */
export function jsonValue(document: JsonDocument | undefined): unknown {
  return document?.value.case === "json" ? JSON.parse(document.value.value) : undefined;
}

/** A duration as the API takes it. */
export function durationFromMs(milliseconds: number): Duration {
  const seconds = Math.trunc(milliseconds / 1000);
  const nanos = Math.round((milliseconds - seconds * 1000) * 1e6);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos });
}

/** Milliseconds of a duration that the server sent. */
export function durationMs(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** The event with an id, and with the namespace if it has none of its own. */
export function toEvent(init: EventInit, namespace: string): Event {
  const { data, snapshots, occurTime, deliverAfter, expireTime, ...rest } = init;
  const event = create(EventSchema, {
    ...rest,
    data: toDocument(data),
    occurTime: toTime(occurTime),
    deliverAfter: toTime(deliverAfter),
    expireTime: toTime(expireTime),
  });
  if (snapshots !== undefined) {
    const prechange = toDocument(snapshots.prechange ?? undefined);
    const postchange = toDocument(snapshots.postchange ?? undefined);
    event.snapshots = create(SnapshotsSchema, { prechange, postchange });
  }
  event.id ||= crypto.randomUUID();
  event.namespace ||= namespace;
  return event;
}

/**
 * The request as a message of its own, in which events and the request have ids, so that the server
 * recognises a repeat.
 */
export function identify<I extends DescMessage>(schema: I, init: MessageInitShape<I>): MessageShape<I> {
  const request = create(schema, init) as MessageShape<I>;
  if (!lacksId(request)) {
    return request;
  }
  const copy = clone(schema, request);
  for (const event of eventsOf(copy)) {
    event.id ||= crypto.randomUUID();
  }
  if (hasRequestId(copy)) {
    copy.requestId ||= crypto.randomUUID();
  }
  return copy;
}

const withRequestId = new Set<string>([
  CreateWebhookRequestSchema.typeName,
  ReplayEventsRequestSchema.typeName,
  RotateSigningKeyRequestSchema.typeName,
]);

type Named = { $typeName: string };

function hasRequestId<M extends Named>(message: M): message is M & { requestId: string } {
  return withRequestId.has(message.$typeName);
}

function eventsOf(message: Named): Event[] {
  switch (message.$typeName) {
    case PublishEventRequestSchema.typeName:
      return [(message as MessageShape<typeof PublishEventRequestSchema>).event].filter((event) => event !== undefined);
    case BatchPublishEventsRequestSchema.typeName:
      return (message as MessageShape<typeof BatchPublishEventsRequestSchema>).events;
    default:
      return [];
  }
}

function lacksId(message: Named): boolean {
  return (hasRequestId(message) && message.requestId === "") || eventsOf(message).some((event) => event.id === "");
}

function toDocument(value: unknown): JsonDocument | undefined {
  if (value === undefined) {
    return undefined;
  }
  return isDocument(value) ? value : json(value);
}

function isDocument(value: unknown): value is JsonDocument {
  return typeof value === "object" && value !== null && "$typeName" in value && value.$typeName === JsonDocumentSchema.typeName;
}

function toTime(date: Date | undefined): ReturnType<typeof timestampFromDate> | undefined {
  return date === undefined ? undefined : timestampFromDate(date);
}
