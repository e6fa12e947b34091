// Checks that a request came from Tenterhook and was not changed: for receivers on Node.

import { createHmac, timingSafeEqual } from "node:crypto";

/** How requests are signed; what the webhook's `signing.schemes` says. NETBOX and GITHUB do not protect from replays. */
export type Scheme = "STANDARD_WEBHOOKS" | "NETBOX" | "GITHUB";

/** Headers as Node, Express or fetch have them. */
export type HeadersLike = Headers | Record<string, string | string[] | undefined>;

export interface VerifyOptions {
  /** The scheme to expect; STANDARD_WEBHOOKS unless set. */
  scheme?: Scheme;
  /** What the receiver's clock shows, in Unix seconds; absent reads it. */
  now?: number;
  /** Seconds that the timestamp may be away from it; 300 unless set. */
  toleranceSeconds?: number;
}

/** The request must not be trusted; the message says why, and tells no secret. */
export class InvalidSignature extends Error {
  override readonly name = "InvalidSignature";
}

/**
 * Returns if one of `secrets` signed the request, and throws `InvalidSignature` if not. `body` must
 * be as it arrived, before anything parses it.
 */
export function verify(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): void {
  const all = typeof secrets === "string" ? [secrets] : secrets;
  if (all.length === 0 || all.includes("")) {
    throw new InvalidSignature("an empty secret verifies nothing");
  }
  const [wanted, given] = compare(headers, body, all, options);
  const matches = wanted.flatMap((one) => given.map((other) => equal(one, other)));
  if (!matches.includes(true)) {
    throw new InvalidSignature("no signature matches");
  }
}

type Signatures = [wanted: string[], given: string[]];

function compare(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: readonly string[],
  options: VerifyOptions,
): Signatures {
  switch (options.scheme) {
    case "NETBOX":
      return [secrets.map((secret) => hmac("sha512", secret, body).digest("hex")), [header(headers, "x-hook-signature")]];
    case "GITHUB":
      return [
        secrets.map((secret) => `sha256=${hmac("sha256", secret, body).digest("hex")}`),
        [header(headers, "x-hub-signature-256")],
      ];
    default:
      return standardWebhooks(headers, body, secrets, options);
  }
}

function standardWebhooks(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: readonly string[],
  options: VerifyOptions,
): Signatures {
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  if (!/^[0-9]{1,15}$/.test(timestamp)) {
    throw new InvalidSignature("webhook-timestamp is not a number of seconds");
  }
  const now = options.now ?? Date.now() / 1000;
  if (Math.abs(now - Number(timestamp)) > (options.toleranceSeconds ?? 300)) {
    throw new InvalidSignature("webhook-timestamp is too far from the receiver's clock");
  }
  const wanted = secrets.map((secret) =>
    hmac("sha256", key(secret), `${id}.${timestamp}.`).update(body).digest("base64"),
  );
  const signatures = header(headers, "webhook-signature").split(" ");
  return [wanted, signatures.filter((one) => one.startsWith("v1,")).map((one) => one.slice(3))];
}

function hmac(digest: string, secret: string | Buffer, content: Uint8Array | string): ReturnType<typeof createHmac> {
  return createHmac(digest, secret).update(content);
}

/**
 * Reads a Standard Webhooks secret: blanks and line ends around it do not count, the prefix and the padding may be
 * missing.
 */
function key(secret: string): Buffer {
  const encoded = secret.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "").replace(/^whsec_/, "");
  // Buffer skips what is not base64.
  const bare = /^([A-Za-z0-9+/]*)={0,2}$/.exec(encoded)?.[1];
  if (bare === undefined || bare.length % 4 === 1) {
    throw new InvalidSignature("a secret is not base64");
  }
  if (bare === "") {
    throw new InvalidSignature("an empty secret verifies nothing");
  }
  return Buffer.from(bare, "base64");
}

/** Compares in constant time over the full length. */
function equal(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The value of a header whose name may be written in any case. */
function header(headers: HeadersLike, name: string): string {
  const entries = headers instanceof Headers ? headers.entries() : Object.entries(headers);
  for (const [key, values] of entries) {
    const value = Array.isArray(values) ? values[0] : values;
    if (key.toLowerCase() === name && value !== undefined && value !== "") {
      return value;
    }
  }
  throw new InvalidSignature(`the header ${name} is missing`);
}
