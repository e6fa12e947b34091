// Stands in a browser for the few of Node's assertions that the scenarios use.

function ok(value: unknown, message = "it is not so"): void {
  if (!value) {
    throw new Error(message);
  }
}

function equal(actual: unknown, expected: unknown, message?: string): void {
  ok(Object.is(actual, expected), `${message ?? ""} ${String(actual)} is not ${String(expected)}`);
}

function deepEqual(actual: unknown, expected: unknown): void {
  equal(JSON.stringify(actual), JSON.stringify(expected));
}

export default { ok, equal, deepEqual };
