// States as a sign and a word.

import type { JSX } from "preact";
import type { Delivery, DeliveryAttempt, DeliveryState, Webhook } from "tenterhook/web";
import { WebhookState } from "tenterhook/web";
import { answerText, answerTone, deliveryWord, waitingFor, type Word, webhookWord } from "../app/words.ts";
import { Due } from "./time.tsx";
import { Text } from "./text.tsx";

export function Badge({ word }: { word: Word }): JSX.Element {
  return (
    <span class={`badge ${word.tone}`}>
      <span class="sign" aria-hidden="true">
        {word.sign}
      </span>
      {word.word}
    </span>
  );
}

export function DeliveryBadge({ state }: { state: DeliveryState }): JSX.Element {
  return <Badge word={deliveryWord(state)} />;
}

/** The state of a webhook; an active one that keeps failing says so. */
export function WebhookBadge({ webhook }: { webhook: Webhook }): JSX.Element {
  return <Badge word={webhookStanding(webhook)} />;
}

/** The state of a webhook, or that it fails although it is active. */
export function webhookStanding(webhook: Webhook): Word {
  const failures = webhook.health?.consecutiveFailures ?? 0;
  if (webhook.state === WebhookState.ACTIVE && (webhook.health?.circuitOpen === true || failures > 0)) {
    return { sign: "!", word: "failing", tone: "warn" };
  }
  return webhookWord(webhook.state);
}

/** What came back: `500`, `timeout`. */
export function Answer({ attempt }: { attempt: DeliveryAttempt | undefined }): JSX.Element {
  return <span class={`answer ${answerTone(attempt)}`}>{answerText(attempt)}</span>;
}

/** Why a delivery waits, and until when. */
export function WaitsFor({ delivery }: { delivery: Delivery }): JSX.Element {
  const { why, until, behind } = waitingFor(delivery);
  if (why === "") {
    return <span class="faint">–</span>;
  }
  return (
    <span class="waits">
      {why}
      {behind === "" ? null : (
        <>
          {" behind "}
          <Text value={behind} />
        </>
      )}
      {until === undefined ? null : (
        <>
          {" "}
          <Due at={until} />
        </>
      )}
    </span>
  );
}
