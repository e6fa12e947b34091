// What is signed, by which keys, and how headers carry it: without any means of computing a signature, so that Node and
// Web Crypto share it.

/**
 * How requests are signed; what the webhook's `signing.schemes` says. NETBOX and GITHUB do not protect from replays. With a
 * public key (`whpk_…`) among the secrets, STANDARD_WEBHOOKS accepts what STANDARD_WEBHOOKS_ASYMMETRIC signs.
 */
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

export interface SignOptions {
  /** STANDARD_WEBHOOKS unless set. */
  scheme?: Scheme;
  /** The time of the signature, in Unix seconds; absent reads the clock. */
  now?: number;
  /** The `webhook-id`; `msg_test` unless set. */
  id?: string;
}

/** The request must not be trusted: answer 401. The message says why, and holds no secret. */
export class InvalidSignature extends Error {
  override readonly name = "InvalidSignature";
}

/**
 * The receiver itself is wrong, whoever sent the request: a secret that is empty or not base64, a body that was parsed
 * before. Answer 500 and fix it; the message says how, and holds no secret.
 */
export class Misconfigured extends Error {
  override readonly name = "Misconfigured";
}

/** What is to be computed, and the signatures that were given. */
export interface Signed {
  hash: "SHA-256" | "SHA-512";
  keys: Uint8Array<ArrayBuffer>[];
  content: Uint8Array<ArrayBuffer>;
  given: string[];
  /** Ed25519 public keys, and the signatures that they may have to verify. */
  pairs: { publics: Uint8Array<ArrayBuffer>[]; given: Uint8Array<ArrayBuffer>[] };
  /** Writes a signature as the header has it. */
  write(signature: Uint8Array): string;
}

const utf8 = new TextEncoder();

/** Reads a request. Whether the receiver is right is looked at first. */
export function readSigned(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: string | readonly string[],
  options: VerifyOptions,
): Signed {
  const scheme = options.scheme ?? "STANDARD_WEBHOOKS";
  const bytes = bodyBytes(body);
  const all = typeof secrets === "string" ? [secrets] : secrets;
  const publics = all.filter((secret) => isPublic(scheme, secret)).map(readPublic);
  const keys = all.filter((secret) => !isPublic(scheme, secret)).map((secret) => readKey(scheme, secret));
  if (all.length === 0) {
    throw new Misconfigured("no secret is given");
  }
  if (scheme !== "STANDARD_WEBHOOKS") {
    const given = [header(headers, scheme === "NETBOX" ? "x-hook-signature" : "x-hub-signature-256")];
    return { ...how(scheme), keys, content: bytes, given, pairs: { publics, given: [] } };
  }
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  if (!/^[0-9]{1,15}$/.test(timestamp)) {
    throw new InvalidSignature("webhook-timestamp is not a number of seconds");
  }
  const now = options.now ?? Date.now() / 1000;
  if (Math.abs(now - Number(timestamp)) > (options.toleranceSeconds ?? 300)) {
    throw new InvalidSignature("webhook-timestamp is too far from the receiver's clock");
  }
  const signatures = header(headers, "webhook-signature").split(" ");
  const given = signatures.filter((one) => one.startsWith("v1,")).map((one) => one.slice(3));
  const asymmetric = signatures.filter((one) => one.startsWith("v1a,")).map((one) => one.slice(4));
  const pairs = { publics, given: asymmetric.filter((one) => SIGNATURE.test(one)).map(bytesOf) };
  return { ...how(scheme), keys, content: standardContent(id, timestamp, bytes), given, pairs };
}

/** What a test signs, and the headers that then carry the signature. */
export function toSign(
  body: Uint8Array | string,
  secret: string,
  options: SignOptions,
): Omit<Signed, "given" | "pairs"> & { headers(signature: string): Record<string, string> } {
  const scheme = options.scheme ?? "STANDARD_WEBHOOKS";
  if (isPublic(scheme, secret)) {
    throw new Misconfigured("a public key signs nothing; sign tests with a secret (whsec_…)");
  }
  const made = { ...how(scheme), keys: [readKey(scheme, secret)], content: bodyBytes(body) };
  if (scheme !== "STANDARD_WEBHOOKS") {
    const name = scheme === "NETBOX" ? "x-hook-signature" : "x-hub-signature-256";
    return { ...made, headers: (signature) => ({ [name]: signature }) };
  }
  const id = options.id ?? "msg_test";
  const timestamp = String(Math.floor(options.now ?? Date.now() / 1000));
  return {
    ...made,
    content: standardContent(id, timestamp, made.content),
    headers: (signature) => ({ "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` }),
  };
}

/** Every public key with every signature that it may have made. */
export function pairsOf({ pairs }: Signed): { key: Uint8Array<ArrayBuffer>; signature: Uint8Array<ArrayBuffer> }[] {
  return pairs.publics.flatMap((key) => pairs.given.map((signature) => ({ key, signature })));
}

/** Throws unless one of the signatures that are right was given. Takes as long whatever differs. */
export function requireMatch(signed: Pick<Signed, "given" | "write">, signatures: Uint8Array[]): void {
  let matched = false;
  for (const signature of signatures) {
    const wanted = signed.write(signature);
    for (const given of signed.given) {
      matched = equal(wanted, given) || matched;
    }
  }
  if (!matched) {
    throw new InvalidSignature("no signature matches: the secret is another, or the body was changed");
  }
}

/** The value of a header whose name may be written in any case. */
export function header(headers: HeadersLike, name: string): string {
  const entries = headers instanceof Headers ? headers.entries() : Object.entries(headers);
  for (const [key, values] of entries) {
    const value = Array.isArray(values) ? values[0] : values;
    if (key.toLowerCase() === name && value !== undefined && value !== "") {
      return value;
    }
  }
  throw new InvalidSignature(`the header ${name} is missing`);
}

function how(scheme: Scheme): Pick<Signed, "hash" | "write"> {
  switch (scheme) {
    case "NETBOX":
      return { hash: "SHA-512", write: hex };
    case "GITHUB":
      return { hash: "SHA-256", write: (signature) => `sha256=${hex(signature)}` };
    default:
      return { hash: "SHA-256", write: base64 };
  }
}

function standardContent(id: string, timestamp: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = utf8.encode(`${id}.${timestamp}.`);
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return content;
}

/** The body, if nothing has parsed it. */
export function bodyBytes(body: unknown): Uint8Array<ArrayBuffer> {
  if (typeof body === "string") {
    return utf8.encode(body);
  }
  if (body instanceof Uint8Array) {
    return body as Uint8Array<ArrayBuffer>;
  }
  throw new Misconfigured(
    "the body is not the bytes that arrived: it was parsed before, by express.json() for example; pass the raw body",
  );
}

/**
 * The key of a secret. Of a Standard Webhooks secret, blanks and line ends around it do not count, and the prefix and the
 * padding may be missing; any other is taken as it is.
 */
function readKey(scheme: Scheme, secret: unknown): Uint8Array<ArrayBuffer> {
  if (typeof secret !== "string" || secret === "") {
    throw new Misconfigured("a secret is empty or absent");
  }
  if (scheme !== "STANDARD_WEBHOOKS") {
    return utf8.encode(secret);
  }
  return base64Key(secret);
}

/** The key of a secret in base64: what stands around it, its prefix and its padding do not count. */
export function base64Key(secret: string): Uint8Array<ArrayBuffer> {
  const encoded = secret.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "").replace(/^whsec_/, "");
  const bare = /^([A-Za-z0-9+/]*)={0,2}$/.exec(encoded)?.[1];
  if (bare === undefined || bare.length % 4 === 1) {
    throw new Misconfigured("a secret is not base64, as the secrets of Standard Webhooks are (whsec_…)");
  }
  if (bare === "") {
    throw new Misconfigured("a secret is empty or absent");
  }
  return bytesOf(bare);
}

/** Base64 of the 64 bytes of an Ed25519 signature, with no bits after the last. */
const SIGNATURE = /^[A-Za-z0-9+/]{85}[AQgw]==$/;

function isPublic(scheme: Scheme, secret: unknown): secret is string {
  return scheme === "STANDARD_WEBHOOKS" && typeof secret === "string" && /^[ \t\r\n]*whpk_/.test(secret);
}

/** The 32 bytes of a public key. */
function readPublic(secret: string): Uint8Array<ArrayBuffer> {
  const bare = /^[ \t\r\n]*whpk_([A-Za-z0-9+/]{43})={0,2}[ \t\r\n]*$/.exec(secret)?.[1];
  if (bare === undefined) {
    throw new Misconfigured("a public key is not base64 of 32 bytes, as those of Standard Webhooks are (whpk_…)");
  }
  return bytesOf(bare);
}

function bytesOf(encoded: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
}

export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function equal(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let index = 0; index < one.length; index++) {
    // Beyond its end a text has NaN, which counts as 0.
    difference |= one.charCodeAt(index) ^ other.charCodeAt(index);
  }
  return difference === 0;
}
