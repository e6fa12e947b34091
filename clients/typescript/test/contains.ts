// Whether an answer contains what a scenario expects; clients/conformance/README.md has the rules.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Throws for what of `wanted` is not in `actual`. */
export function contains(actual: Json | undefined, wanted: Json, place = "answer"): void {
  if (Array.isArray(wanted)) {
    const items = Array.isArray(actual) ? actual : [];
    if (items.length !== wanted.length) {
      throw new Error(`${place}: ${items.length} items, not ${wanted.length}: ${JSON.stringify(items)}`);
    }
    wanted.forEach((value, index) => contains(items[index], value, `${place}[${index}]`));
  } else if (typeof wanted === "object" && wanted !== null) {
    for (const [name, value] of Object.entries(wanted)) {
      contains(at(actual, name), value, `${place}.${name}`);
    }
  } else if (!fits(actual, text(wanted))) {
    throw new Error(`${place}: ${JSON.stringify(actual)} is not ${JSON.stringify(wanted)}`);
  }
}

function fits(actual: Json | undefined, wanted: string): boolean {
  if (wanted.startsWith("~")) {
    return new RegExp(wanted.slice(1)).test(text(actual));
  }
  if (wanted === "*") {
    return !isEmpty(actual);
  }
  return text(actual) === wanted || (isEmpty(actual) && ["", "0", "false"].includes(wanted));
}

function isEmpty(value: Json | undefined): boolean {
  if (typeof value === "object" && value !== null) {
    return Object.keys(value).length === 0;
  }
  return ["", "0", "false"].includes(text(value));
}

/** Texts, numbers and truth values as text; nothing as the empty text. */
export function text(value: Json | undefined): string {
  return value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The value at a path such as `deliveries.0.id`. */
export function at(value: Json | undefined, path: string): Json | undefined {
  return path.split(".").reduce<Json | undefined>((inside, part) => {
    if (Array.isArray(inside)) {
      return inside[Number(part)];
    }
    return typeof inside === "object" && inside !== null ? inside[part] : undefined;
  }, value);
}
