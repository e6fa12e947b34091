// Retry or cancel everything that the filters match: counted first, then confirmed.

import { create } from "@bufbuild/protobuf";
import type { JSX } from "preact";
import { type DeliveryFilter, DeliveryFilterSchema, DeliveryState } from "tenterhook/web";
import { useAction, useCall } from "../../api/call.ts";
import { api } from "../../api/client.ts";
import { say } from "../../app/notices.ts";
import { namespace } from "../../app/place.ts";
import { openStates } from "../../app/words.ts";
import { plural } from "../../pure/text.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Failure } from "../../parts/error.tsx";

export type BatchKind = "retry" | "cancel";

export interface BatchProps {
  kind: BatchKind;
  filter: DeliveryFilter;
  onClose: () => void;
  onDone: () => void;
}

/** A batch may touch many deliveries. */
const batchTimeoutMs = 60_000;

const words = {
  retry: {
    title: "Retry deliveries",
    verb: "Retry",
    done: "will be sent again now",
    states: [DeliveryState.FAILED, DeliveryState.RETRYING],
  },
  cancel: { title: "Cancel deliveries", verb: "Cancel", done: "cancelled", states: openStates },
} as const;

export function Batch({ kind, filter, onClose, onDone }: BatchProps): JSX.Element {
  const { title, verb, done, states } = words[kind];
  const scope = create(DeliveryFilterSchema, {
    ...filter,
    states: filter.states.length === 0 ? [...states] : filter.states,
  });
  const send = async (validateOnly: boolean): Promise<bigint> => {
    const request = { namespace: namespace.peek(), filter: scope, validateOnly };
    const options = { timeoutMs: batchTimeoutMs };
    const response =
      kind === "retry"
        ? await api.deliveries.batchRetryDeliveries(request, options)
        : await api.deliveries.batchCancelDeliveries(request, options);
    return response.deliveryCount;
  };
  const counted = useCall(kind, () => send(true));
  const action = useAction();
  const count = counted.data ?? 0n;
  const confirm = async (): Promise<void> => {
    if (await action.run(async () => say(`${plural(await send(false), "delivery", "deliveries")} ${done}.`))) {
      onDone();
      onClose();
    }
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button
            kind={kind === "retry" ? "primary" : "danger"}
            disabled={count === 0n}
            busy={action.busy.value}
            onClick={confirm}
          >
            {count === 0n ? verb : `${verb} ${plural(count, "delivery", "deliveries")}`}
          </Button>
        </>
      }
    >
      <p>{explanation(kind, filter, counted.data)}</p>
      <Failure error={counted.error ?? action.error.value} />
    </Dialog>
  );
}

function explanation(kind: BatchKind, filter: DeliveryFilter, count: bigint | undefined): string {
  if (count === undefined) {
    return "Counting…";
  }
  const which =
    filter.states.length > 0
      ? ""
      : kind === "retry"
        ? " that failed or wait for another attempt"
        : " that are not finished";
  if (count === 0n) {
    return `The filters match no delivery${which.replace("are", "is").replace("wait", "waits")}.`;
  }
  const what = `The filters match ${plural(count, "delivery", "deliveries")}${which}.`;
  if (kind === "cancel") {
    return `${what} They will not be sent. A cancelled delivery can be retried by hand.`;
  }
  const again = filter.states.includes(DeliveryState.SUCCEEDED)
    ? " Receivers get those that succeeded a second time."
    : "";
  return `${what} Each is due now, with its retries beginning again.${again}`;
}
