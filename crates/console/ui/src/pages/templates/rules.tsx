// The rules of a webhook: an event is delivered when at least one matches.

import { create } from "@bufbuild/protobuf";
import type { JSX } from "preact";
import { type EventRule, EventRuleSchema, JsonDocumentSchema, type TemplateError } from "tenterhook/web";
import { Button } from "../../parts/button.tsx";
import { Check, Field } from "../../parts/field.tsx";
import { Text } from "../../parts/text.tsx";
import type { Draft } from "../webhook/draft.ts";

export function Rules({ draft, errors }: { draft: Draft; errors: TemplateError[] }): JSX.Element {
  const { webhook, edit } = draft;
  const change = (at: number, set: (rule: EventRule) => void): void =>
    edit((made) => {
      const rule = made.rules[at];
      if (rule !== undefined) {
        set(rule);
      }
    });
  return (
    <div class="rules">
      {webhook.rules.length === 0 ? <p class="faint">Without rules it receives every event of the namespace.</p> : null}
      {webhook.rules.map((rule, at) => (
        <section class="rule" aria-label={`Rule ${at + 1}`}>
          <header>
            <h3>Rule {at + 1}</h3>
            <span class="push" />
            <Check
              label="off"
              checked={rule.disabled}
              onChange={(disabled) => change(at, (made) => (made.disabled = disabled))}
            />
            <Button kind="ghost" onClick={() => edit((made) => made.rules.splice(at, 1))}>
              Remove
            </Button>
          </header>
          <RuleFields rule={rule} change={(set) => change(at, set)} />
          {errors
            .filter(({ field }) => field.includes(`rules[${at}]`))
            .map(({ message }) => (
              <p class="template-error">
                <Text value={message} />
              </p>
            ))}
        </section>
      ))}
      <Button onClick={() => edit((made) => made.rules.push(create(EventRuleSchema)))}>Add a rule</Button>
    </div>
  );
}

function RuleFields({
  rule,
  change,
}: {
  rule: EventRule;
  change: (set: (rule: EventRule) => void) => void;
}): JSX.Element {
  const conditions = rule.conditions?.value.case === "json" ? rule.conditions.value.value : "";
  const listed = (text: string): string[] => text.split(/[\s,]+/).filter((one) => one !== "");
  const setConditions =
    (text: string) =>
    (made: EventRule): void => {
      if (text.trim() === "") {
        delete made.conditions;
      } else {
        made.conditions = create(JsonDocumentSchema, { value: { case: "json", value: text } });
      }
    };
  return (
    <div class="fields">
      <Field
        label="Event types"
        mono
        value={rule.eventTypes.join(", ")}
        placeholder="every type"
        onInput={(text) => change((made) => (made.eventTypes = listed(text)))}
      />
      <Field
        label="Object types"
        mono
        value={rule.objectTypes.join(", ")}
        placeholder="every object type"
        onInput={(text) => change((made) => (made.objectTypes = listed(text)))}
      />
      <Field
        label="Expression"
        mono
        value={rule.expression}
        placeholder="data.status != snapshots.prechange.status"
        onInput={(text) => change((made) => (made.expression = text))}
      />
      <Field
        label="Conditions"
        mono
        rows={2}
        value={conditions}
        placeholder='{"and": [{"attr": "status.value", "value": "active"}]}'
        onInput={(text) => change(setConditions(text))}
      />
    </div>
  );
}
