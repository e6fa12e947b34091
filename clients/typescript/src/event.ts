// An event as it is delivered.

import { Misconfigured } from "./signatures.js";

/** An event as it was delivered by a webhook without a body template. What it has not is null. */
export interface WebhookEvent {
  /** The event's id, the same at each delivery of it; empty for the schemes that send none. */
  id: string;
  /** What happened, such as `created`. */
  type: string;
  time: Date;
  /** The last part of the object type, such as `site`. */
  model: string | null;
  username: string | null;
  requestId: string | null;
  /** The object as it was when the event was published. */
  data: unknown;
  /** The object before the change; null when it was created. */
  prechange: unknown;
  /** The object after the change; null when it was deleted. */
  postchange: unknown;
  /** The body as it arrived. */
  raw: Uint8Array;
}

type Fields = Record<string, unknown> & { snapshots?: Record<string, unknown> | null };

/** Reads a body that was verified. */
export function readEvent(id: string, body: Uint8Array | string): WebhookEvent {
  const raw = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const fields = readFields(raw);
  const time = new Date(String(fields?.["timestamp"]));
  if (fields === undefined || typeof fields["event"] !== "string" || Number.isNaN(time.getTime())) {
    throw new Misconfigured(
      "the body is signed but is no event: the webhook has a body template; use verify and read the body",
    );
  }
  const text = (name: string): string | null => (typeof fields[name] === "string" ? fields[name] : null);
  return {
    id,
    type: fields["event"],
    time,
    model: text("model"),
    username: text("username"),
    requestId: text("request_id"),
    data: fields["data"] ?? null,
    prechange: fields.snapshots?.["prechange"] ?? null,
    postchange: fields.snapshots?.["postchange"] ?? null,
    raw,
  };
}

function readFields(raw: Uint8Array): Fields | undefined {
  try {
    const read: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw));
    return typeof read === "object" && read !== null ? (read as Fields) : undefined;
  } catch {
    return undefined;
  }
}
