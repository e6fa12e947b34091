// The configuration of a webhook but its templates and rules: names, retries, limits, labels.

import { create } from "@bufbuild/protobuf";
import type { JSX } from "preact";
import {
  BackoffScheduleSchema,
  CircuitBreakerSchema,
  RateLimitSchema,
  RetryPolicySchema,
  TransportPolicySchema,
  type Webhook,
} from "tenterhook/web";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { may } from "../../api/server.ts";
import { ms, parts, readDuration, writeDuration } from "../../pure/time.ts";
import { Check, Field } from "../../parts/field.tsx";
import type { WebhookProps } from "./actions.tsx";
import { type Draft, useDraft } from "./draft.ts";
import { DurationField, NumberField, Parsed } from "./parsed-fields.tsx";
import { SaveBar } from "./save.tsx";

const paths = [
  "display_name",
  "description",
  "disabled",
  "labels",
  "retry",
  "circuit_breaker",
  "rate_limit",
  "transport.attempt_timeout",
];

export function Configuration({ webhook, onChange }: WebhookProps): JSX.Element {
  const draft = useDraft(webhook);
  return (
    <form class="form wide" onSubmit={(event) => event.preventDefault()}>
      <fieldset disabled={!may("administer")}>
        <div class="columns">
          <div class="form">
            <General draft={draft} />
            <Limits draft={draft} />
          </div>
          <Retries draft={draft} />
        </div>
      </fieldset>
      <SaveBar draft={draft} paths={paths} onChange={onChange} />
    </form>
  );
}

function General({ draft }: { draft: Draft }): JSX.Element {
  const { webhook, edit } = draft;
  return (
    <section class="panel">
      <h2>General</h2>
      <Field label="Name" value={webhook.displayName} onInput={(value) => edit((made) => (made.displayName = value))} />
      <Field
        label="Description"
        rows={2}
        value={webhook.description}
        onInput={(value) => edit((made) => (made.description = value))}
      />
      <Parsed
        label="Labels"
        value={labelsText(webhook.labels)}
        version={draft.dirty}
        hint="team=shop, managed-by=terraform"
        wrong="Write each as name=value, separated by commas."
        read={readLabels}
        onRead={(labels) => edit((made) => (made.labels = labels))}
      />
      <Check
        label="Disabled: it matches no event"
        checked={webhook.disabled}
        onChange={(checked) => edit((made) => (made.disabled = checked))}
      />
    </section>
  );
}

function Retries({ draft }: { draft: Draft }): JSX.Element {
  const { webhook, edit } = draft;
  const retry = (made: Webhook) => (made.retry ??= create(RetryPolicySchema));
  const breaker = (made: Webhook) => (made.circuitBreaker ??= create(CircuitBreakerSchema));
  return (
    <section class="panel">
      <h2>Retries</h2>
      <NumberField
        label="Attempts"
        draft={draft}
        value={webhook.retry?.maxAttempts ?? 0}
        unset="10"
        onRead={(value) => edit((made) => (retry(made).maxAttempts = value))}
      />
      <Parsed
        label="Waits between attempts"
        value={scheduleText(webhook)}
        version={draft.dirty}
        hint="5s, 5m, 30m, 2h: the last one repeats. Empty takes the default."
        wrong="Write durations such as 5s, 5m, 2h."
        read={readSchedule}
        onRead={(waits) => edit((made) => setSchedule(made, waits))}
      />
      <DurationField
        label="Given up after"
        draft={draft}
        value={ms(webhook.retry?.maxAge)}
        onRead={(value) => edit((made) => setDuration(retry(made), "maxAge", value))}
      />
      <Parsed
        label="Statuses that end a delivery at once"
        value={(webhook.retry?.permanentStatuses ?? []).join(", ")}
        version={draft.dirty}
        hint="400, 404. 410 always does."
        wrong="Write statuses such as 400, 404."
        read={readStatuses}
        onRead={(statuses) => edit((made) => (retry(made).permanentStatuses = statuses))}
      />
      <NumberField
        label="Failures in a row that open the circuit breaker"
        draft={draft}
        value={webhook.circuitBreaker?.failuresToOpen ?? 0}
        unset="5"
        onRead={(value) => edit((made) => (breaker(made).failuresToOpen = value))}
      />
      <DurationField
        label="Suspended after nothing but failures for"
        draft={draft}
        value={ms(webhook.circuitBreaker?.suspendAfter)}
        onRead={(value) => edit((made) => setDuration(breaker(made), "suspendAfter", value))}
      />
    </section>
  );
}

function Limits({ draft }: { draft: Draft }): JSX.Element {
  const { webhook, edit } = draft;
  const limit = (made: Webhook) => (made.rateLimit ??= create(RateLimitSchema));
  return (
    <section class="panel">
      <h2>Limits</h2>
      <NumberField
        label="Requests a second"
        draft={draft}
        value={webhook.rateLimit?.requestsPerSecond ?? 0}
        unset="no limit"
        onRead={(value) => edit((made) => (limit(made).requestsPerSecond = value))}
      />
      <NumberField
        label="Requests in flight at once"
        draft={draft}
        value={webhook.rateLimit?.maxInFlight ?? 0}
        unset="the server's limit"
        onRead={(value) => edit((made) => (limit(made).maxInFlight = value))}
      />
      <DurationField
        label="Time for one attempt"
        draft={draft}
        value={ms(webhook.transport?.attemptTimeout)}
        onRead={(value) =>
          edit((made) => setDuration((made.transport ??= create(TransportPolicySchema)), "attemptTimeout", value))
        }
      />
    </section>
  );
}

function setDuration<K extends string>(owner: { [key in K]?: unknown }, name: K, value: number | null): void {
  if (value === null) {
    delete owner[name];
  } else {
    owner[name] = create(DurationSchema, parts(value));
  }
}

function scheduleText({ retry }: Webhook): string {
  return retry?.backoff.case === "schedule"
    ? retry.backoff.value.waits.map((wait) => writeDuration(ms(wait) ?? 0)).join(", ")
    : "";
}

function readSchedule(text: string): number[] | undefined {
  const waits = text
    .split(",")
    .filter((wait) => wait.trim() !== "")
    .map(readDuration);
  return waits.every((wait) => wait !== undefined) ? waits : undefined;
}

function setSchedule(webhook: Webhook, waits: number[]): void {
  const retry = (webhook.retry ??= create(RetryPolicySchema));
  retry.backoff =
    waits.length === 0
      ? { case: undefined }
      : { case: "schedule", value: create(BackoffScheduleSchema, { waits: waits.map(parts) }) };
}

function readStatuses(text: string): number[] | undefined {
  const statuses = text.split(/[\s,]+/).filter((one) => one !== "");
  return statuses.every((one) => /^[1-5]\d\d$/.test(one)) ? statuses.map(Number) : undefined;
}

function labelsText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}

function readLabels(text: string): Record<string, string> | undefined {
  const pairs = text
    .split(",")
    .filter((pair) => pair.trim() !== "")
    .map((pair) => pair.trim().split("="));
  return pairs.every((pair) => pair.length === 2 && pair[0] !== "")
    ? Object.fromEntries(pairs as [string, string][])
    : undefined;
}
