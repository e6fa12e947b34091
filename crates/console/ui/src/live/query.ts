// What a reader filters deliveries by, as it stands in the address, and the filter of the API.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AttemptOutcome,
  type Delivery,
  type DeliveryFilter,
  DeliveryFilterSchema,
  DeliveryState,
} from "tenterhook/web";
import { ms, parts } from "../pure/time.ts";

/** Each is empty when it does not filter. */
export interface DeliveryQuery {
  webhook: string;
  event: string;
  type: string;
  state: string;
  answer: string;
  since: string;
}

const states: Record<string, DeliveryState[]> = {
  open: [DeliveryState.PENDING, DeliveryState.IN_FLIGHT, DeliveryState.RETRYING],
  pending: [DeliveryState.PENDING],
  "in-flight": [DeliveryState.IN_FLIGHT],
  retrying: [DeliveryState.RETRYING],
  succeeded: [DeliveryState.SUCCEEDED],
  failed: [DeliveryState.FAILED],
  cancelled: [DeliveryState.CANCELLED],
};

const outcomes: Record<string, AttemptOutcome> = {
  timeout: AttemptOutcome.TIMEOUT,
  connection: AttemptOutcome.CONNECTION,
  dns: AttemptOutcome.DNS,
  tls: AttemptOutcome.TLS,
  blocked: AttemptOutcome.BLOCKED,
  template: AttemptOutcome.RENDER,
  authentication: AttemptOutcome.AUTHENTICATION,
};

const minute = 60_000;
const spans: Record<string, number> = {
  "15m": 15 * minute,
  "1h": 60 * minute,
  "24h": 1440 * minute,
  "7d": 10_080 * minute,
};

/** Choices of the filters: value and label. */
export const choices = {
  state: [
    ["", "any state"],
    ["open", "open"],
    ["pending", "pending"],
    ["in-flight", "in flight"],
    ["retrying", "retrying"],
    ["succeeded", "succeeded"],
    ["failed", "failed"],
    ["cancelled", "cancelled"],
  ],
  answer: [
    ["", "any answer"],
    ["2xx", "2xx"],
    ["3xx", "3xx"],
    ["4xx", "4xx"],
    ["429", "429"],
    ["5xx", "5xx"],
    ["timeout", "timeout"],
    ["connection", "connection"],
    ["dns", "name lookup"],
    ["tls", "TLS"],
    ["blocked", "blocked"],
    ["template", "template"],
    ["authentication", "authentication"],
  ],
  since: [
    ["", "any time"],
    ["15m", "last 15 min"],
    ["1h", "last hour"],
    ["24h", "last 24 h"],
    ["7d", "last 7 days"],
  ],
} as const satisfies Record<string, readonly (readonly [string, string])[]>;

/** Reads the filters that stand in the address; a webhook in the path wins. */
export function readQuery(query: URLSearchParams, webhook = ""): DeliveryQuery {
  const read = (name: string): string => query.get(name) ?? "";
  return {
    webhook: webhook || read("webhook"),
    event: read("event"),
    type: read("type"),
    state: read("state"),
    answer: read("answer"),
    since: read("since"),
  };
}

/** The filter of the API, for a list that is taken now. */
export function makeFilter(query: DeliveryQuery, now: number): DeliveryFilter {
  const span = spans[query.since];
  const outcome = outcomes[query.answer];
  const init: MessageInitShape<typeof DeliveryFilterSchema> = {
    webhookIds: listed(query.webhook),
    eventIds: listed(query.event),
    eventTypes: listed(query.type),
    states: states[query.state] ?? [],
    lastOutcomes: outcome === undefined ? [] : [outcome],
    responseStatuses: statuses(query.answer),
    ...(span === undefined ? {} : { startTime: parts(now - span) }),
  };
  return create(DeliveryFilterSchema, init);
}

/** Whether a delivery that changed belongs to the list now. */
export function matches(query: DeliveryQuery, delivery: Delivery, now: number): boolean {
  const span = spans[query.since];
  const wanted = states[query.state];
  const status = delivery.lastAttempt?.response?.status;
  const answers = statuses(query.answer);
  const outcome = outcomes[query.answer];
  return (
    (wanted === undefined || wanted.includes(delivery.state)) &&
    (answers.length === 0 || (status !== undefined && answers.includes(status))) &&
    (outcome === undefined || delivery.lastAttempt?.outcome === outcome) &&
    (span === undefined || (ms(delivery.createTime) ?? 0) >= now - span)
  );
}

function listed(value: string): string[] {
  return value === "" ? [] : [value];
}

/** The statuses of `5xx` or of `429`. */
function statuses(answer: string): number[] {
  if (/^[1-5]xx$/.test(answer)) {
    return Array.from({ length: 100 }, (_, at) => Number(answer[0]) * 100 + at);
  }
  return /^\d{3}$/.test(answer) ? [Number(answer)] : [];
}
