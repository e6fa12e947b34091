// The words, signs and tones of states and outcomes. A state is always a sign and a word, never a
// colour alone.

import {
  AttemptOutcome,
  type Delivery,
  DeliveryState,
  type DeliveryAttempt,
  WaitingReason,
  WebhookState,
} from "tenterhook/web";
import { ms } from "../pure/time.ts";

export type Tone = "good" | "bad" | "warn" | "busy" | "quiet";

export interface Word {
  sign: string;
  word: string;
  tone: Tone;
}

const deliveryWords: Record<DeliveryState, Word> = {
  [DeliveryState.UNSPECIFIED]: { sign: "?", word: "unknown", tone: "quiet" },
  [DeliveryState.PENDING]: { sign: "·", word: "pending", tone: "quiet" },
  [DeliveryState.IN_FLIGHT]: { sign: "→", word: "in flight", tone: "busy" },
  [DeliveryState.RETRYING]: { sign: "↻", word: "retrying", tone: "warn" },
  [DeliveryState.SUCCEEDED]: { sign: "✓", word: "succeeded", tone: "good" },
  [DeliveryState.FAILED]: { sign: "✗", word: "failed", tone: "bad" },
  [DeliveryState.CANCELLED]: { sign: "–", word: "cancelled", tone: "quiet" },
};

const webhookWords: Record<WebhookState, Word> = {
  [WebhookState.UNSPECIFIED]: { sign: "?", word: "unknown", tone: "quiet" },
  [WebhookState.ACTIVE]: { sign: "✓", word: "active", tone: "good" },
  [WebhookState.PAUSED]: { sign: "‖", word: "paused", tone: "quiet" },
  [WebhookState.SUSPENDED]: { sign: "✗", word: "suspended", tone: "bad" },
  [WebhookState.DISABLED]: { sign: "–", word: "disabled", tone: "quiet" },
};

const outcomeWords: Record<AttemptOutcome, string> = {
  [AttemptOutcome.UNSPECIFIED]: "unknown",
  [AttemptOutcome.SUCCESS]: "success",
  [AttemptOutcome.HTTP_STATUS]: "HTTP status",
  [AttemptOutcome.TIMEOUT]: "timeout",
  [AttemptOutcome.DNS]: "name lookup",
  [AttemptOutcome.CONNECTION]: "connection",
  [AttemptOutcome.TLS]: "TLS",
  [AttemptOutcome.BLOCKED]: "blocked",
  [AttemptOutcome.RENDER]: "template",
  [AttemptOutcome.INTERRUPTED]: "interrupted",
  [AttemptOutcome.AUTHENTICATION]: "authentication",
  [AttemptOutcome.PROXY]: "proxy",
};

const waitingWords: Record<WaitingReason, string> = {
  [WaitingReason.UNSPECIFIED]: "",
  [WaitingReason.PAUSED]: "webhook paused",
  [WaitingReason.SUSPENDED]: "webhook suspended",
  [WaitingReason.CIRCUIT_BREAKER]: "circuit breaker",
  [WaitingReason.RETRY_AFTER]: "Retry-After",
  [WaitingReason.ORDERING_KEY]: "ordering key",
  [WaitingReason.NOT_BEFORE]: "next attempt",
  [WaitingReason.RATE_LIMIT]: "rate limit",
  [WaitingReason.CAPACITY]: "a free slot",
};

/** States in which a delivery is finished. */
const finalStates = new Set([DeliveryState.SUCCEEDED, DeliveryState.FAILED, DeliveryState.CANCELLED]);

export const openStates = [DeliveryState.PENDING, DeliveryState.IN_FLIGHT, DeliveryState.RETRYING];

export function deliveryWord(state: DeliveryState): Word {
  return deliveryWords[state] ?? deliveryWords[DeliveryState.UNSPECIFIED];
}

export function webhookWord(state: WebhookState): Word {
  return webhookWords[state] ?? webhookWords[WebhookState.UNSPECIFIED];
}

export function outcomeWord(outcome: AttemptOutcome): string {
  return outcomeWords[outcome] ?? outcomeWords[AttemptOutcome.UNSPECIFIED];
}

export function isFinal(state: DeliveryState): boolean {
  return finalStates.has(state);
}

/** What came back, in a word: the status, or the kind of failure. */
export function answerText(attempt: DeliveryAttempt | undefined): string {
  if (attempt === undefined) {
    return "–";
  }
  return attempt.response === undefined ? outcomeWord(attempt.outcome) : String(attempt.response.status);
}

/** How the answer looks. */
export function answerTone(attempt: DeliveryAttempt | undefined): Tone {
  if (attempt === undefined || attempt.outcome === AttemptOutcome.INTERRUPTED) {
    return "quiet";
  }
  return attempt.outcome === AttemptOutcome.SUCCESS ? "good" : "bad";
}

/** Why a delivery waits and until when. Older servers say only when the next attempt is due. */
export function waitingFor(delivery: Delivery): { why: string; until: number | undefined; behind: string } {
  if (isFinal(delivery.state) || delivery.state === DeliveryState.IN_FLIGHT) {
    return { why: "", until: undefined, behind: "" };
  }
  const { waiting } = delivery;
  if (waiting !== undefined && waiting.reason !== WaitingReason.UNSPECIFIED) {
    return { why: waitingWords[waiting.reason] ?? "", until: ms(waiting.untilTime), behind: waiting.behindDeliveryId };
  }
  const due = ms(delivery.nextAttemptTime);
  return { why: due === undefined ? "" : "next attempt", until: due, behind: "" };
}

/** The kind and id of what an event is about, such as `shop.order/11`, as far as its data says. */
export function eventLabel(event: { type: string; objectType: string }): string {
  return event.objectType === "" ? event.type : `${event.objectType} ${event.type}`;
}
