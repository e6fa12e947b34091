// The event that templates are tried with: a stored one, one that was pasted, or one without data.

import { create, fromJsonString, type MessageInitShape } from "@bufbuild/protobuf";
import { EventSchema, type RenderPreviewRequestSchema } from "tenterhook/web";

/** The choice that takes a pasted event. */
export const pasted = "paste";

export const examplePaste = '{"type": "created", "objectType": "shop.order", "data": {"json": "{\\"id\\": 1}"}}';

type Source = NonNullable<MessageInitShape<typeof RenderPreviewRequestSchema>["source"]>;

/** The event of a choice; `undefined` when the pasted text is no event. */
export function sourceOf(choice: string, text: string): Source | undefined {
  if (choice === pasted) {
    const event = readEvent(text);
    return event === undefined ? undefined : { case: "event", value: event };
  }
  return choice === ""
    ? { case: "event", value: create(EventSchema, { type: "ping" }) }
    : { case: "eventId", value: choice };
}

/** Reads an event as the API writes it, or with plain JSON as its data. */
function readEvent(text: string): ReturnType<typeof create<typeof EventSchema>> | undefined {
  try {
    return fromJsonString(EventSchema, text);
  } catch {
    return readPlain(text);
  }
}

function readPlain(text: string): ReturnType<typeof create<typeof EventSchema>> | undefined {
  try {
    const { data, snapshots, ...rest } = JSON.parse(text) as Record<string, unknown>;
    const document = (value: unknown): object => ({ json: JSON.stringify(value ?? null) });
    const changes = snapshots as { prechange?: unknown; postchange?: unknown } | undefined;
    const both =
      changes === undefined
        ? {}
        : { snapshots: { prechange: document(changes.prechange), postchange: document(changes.postchange) } };
    return fromJsonString(EventSchema, JSON.stringify({ type: "created", ...rest, data: document(data), ...both }));
  } catch {
    return undefined;
  }
}
