// The rules of a webhook in a few words.

export interface RuleParts {
  displayName: string;
  eventTypes: string[];
  objectTypes: string[];
  attributes: Record<string, string>;
  conditions?: unknown;
  expression: string;
  disabled: boolean;
}

/** `created, updated of dcim.*` · `every event` · `3 rules`. */
export function rulesText(rules: RuleParts[]): string {
  const [first, ...rest] = rules.filter(({ disabled }) => !disabled);
  if (rules.length === 0) {
    return "every event";
  }
  if (first === undefined) {
    return "no event: every rule is off";
  }
  return rest.length === 0 ? ruleText(first) : `${ruleText(first)} or ${rest.length} more`;
}

/** One rule: its name, or what it asks for. */
export function ruleText(rule: RuleParts): string {
  if (rule.displayName !== "") {
    return rule.displayName;
  }
  const types = rule.eventTypes.length === 0 ? "every type" : rule.eventTypes.join(", ");
  const objects = rule.objectTypes.length === 0 ? "" : ` of ${rule.objectTypes.join(", ")}`;
  const attributes = Object.entries(rule.attributes).map(([name, value]) => ` with ${name}=${value}`);
  const further = [
    rule.conditions === undefined ? "" : " if conditions hold",
    rule.expression === "" ? "" : " if an expression holds",
  ];
  return [types, objects, ...attributes, ...further].join("");
}
