// Headers that `signing.custom` of a webhook describes, read without any means of computing a signature, so that Node and
// Web Crypto share it.

import { base64, base64Key, bodyBytes, type HeadersLike, header, hex, InvalidSignature, Misconfigured, type Signed } from "./signatures.js";

/**
 * A header, described by the same fields as in `signing.custom` of the webhook. Describe also a header that holds only the
 * time or the id, when another one signs it. Two places of `value` need something between them.
 */
export interface CustomSignature {
  header: string;
  /** HMAC_SHA256 unless set. */
  algorithm?: "HMAC_SHA1" | "HMAC_SHA256" | "HMAC_SHA512";
  /** How the header writes the signature; HEX unless set. */
  encoding?: "HEX" | "BASE64";
  /** How a secret holds the key; TEXT, the secret is the key, unless set. */
  keyEncoding?: "TEXT" | "HEX" | "BASE64";
  /** What is signed, with `{{id}}`, `{{timestamp}}`, `{{method}}`, `{{path}}` and `{{body}}`; `{{body}}` unless set. */
  content?: string;
  /** What the header says, with `{{id}}`, `{{timestamp}}`, `{{method}}` and `{{signature}}`; `{{signature}}` unless set. */
  value?: string;
}

export interface VerifyCustomOptions {
  /** The method of the request; POST unless set. */
  method?: string;
  /** The path of the request with its query; only `{{path}}` needs it. */
  path?: string;
  /** What the receiver's clock shows, in Unix seconds; absent reads it. */
  now?: number;
  /** Seconds that the time in a header may be away from it; 300 unless set. */
  toleranceSeconds?: number;
}

/** What is computed for one header. */
export type CustomSigned = Pick<Signed, "keys" | "content" | "given" | "write"> & { hash: Signed["hash"] | "SHA-1" };

/** A text with places: its literals, and the names of the places between them. */
interface Text {
  literals: string[];
  places: string[];
}

interface Check {
  described: CustomSignature;
  name: string;
  content: Text;
  value: Text;
  keys: Uint8Array<ArrayBuffer>[];
}

const HASHES = { HMAC_SHA1: "SHA-1", HMAC_SHA256: "SHA-256", HMAC_SHA512: "SHA-512" } as const;
const IN_CONTENT = ["id", "timestamp", "method", "path", "body"];
const IN_VALUE = ["id", "timestamp", "method", "signature"];
const utf8 = new TextEncoder();

/** Reads a request: what each of its signatures has to be. Whether the receiver is right is looked at first. */
export function readCustom(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: string | readonly string[],
  signatures: CustomSignature | readonly CustomSignature[],
  options: VerifyCustomOptions,
): CustomSigned[] {
  const all = typeof secrets === "string" ? [secrets] : secrets;
  const described = Array.isArray(signatures) ? (signatures as readonly CustomSignature[]) : [signatures as CustomSignature];
  const checks = described.map((one) => readDescription(one, all));
  requireSources(checks, options.path);
  const bytes = bodyBytes(body);
  const read = new Map([["method", options.method ?? "POST"]]);
  const given = checks.map((check) => readHeader(check, header(headers, check.name), read));
  requireTime(read.get("timestamp"), options);
  const parts = new Map([...read].map(([name, value]) => [name, utf8.encode(value)]));
  parts.set("path", utf8.encode(options.path ?? "")).set("body", bytes);
  return checks.flatMap((check, index) => {
    const { encoding, algorithm = "HMAC_SHA256" } = check.described;
    const write = encoding === "BASE64" ? base64 : hex;
    const signed = { hash: HASHES[algorithm], keys: check.keys, content: fill(check.content, parts), given: [given[index]!], write };
    return signs(check) ? [signed] : [];
  });
}

function readDescription(described: CustomSignature, secrets: readonly string[]): Check {
  const { header: written, algorithm = "HMAC_SHA256", encoding = "HEX", keyEncoding = "TEXT", content, value } = described;
  if (!written) {
    throw new Misconfigured("a custom signature names no header");
  }
  requireKnown("algorithm", algorithm, Object.keys(HASHES));
  requireKnown("encoding", encoding, ["HEX", "BASE64"]);
  requireKnown("keyEncoding", keyEncoding, ["TEXT", "HEX", "BASE64"]);
  if (secrets.length === 0) {
    throw new Misconfigured("no secret is given");
  }
  const check = {
    described,
    name: written.toLowerCase(),
    content: readText(content || "{{body}}", IN_CONTENT, `content of ${written}`),
    value: readText(value || "{{signature}}", IN_VALUE, `value of ${written}`),
    keys: secrets.map((secret) => readKey(secret, keyEncoding)),
  };
  if (check.value.literals.slice(1, -1).includes("")) {
    throw new Misconfigured(`value of ${written}: two places need something between them`);
  }
  return check;
}

function requireKnown(field: string, value: string, known: string[]): void {
  if (!known.includes(value)) {
    throw new Misconfigured(`${field} of a custom signature must be one of ${known.join(", ")}`);
  }
}

function readText(text: string, known: string[], where: string): Text {
  const pieces = text.split(/\{\{(.*?)\}\}/s);
  const literals = pieces.filter((_, index) => index % 2 === 0);
  const places = pieces.filter((_, index) => index % 2 === 1).map((name) => name.trim());
  if (!places.every((name) => known.includes(name)) || literals.some((literal) => literal.includes("{{"))) {
    const names = known.map((name) => `{{${name}}}`).join(", ");
    throw new Misconfigured(`${where}: a place is unknown or does not end; it may have ${names}`);
  }
  return { literals, places };
}

/** Whether all that is signed can be had. */
function requireSources(checks: Check[], path: string | undefined): void {
  if (!checks.some(signs)) {
    throw new Misconfigured("no custom signature has {{signature}} in its value");
  }
  const read = new Set(checks.flatMap((check) => check.value.places));
  for (const { content, described } of checks.filter(signs)) {
    for (const name of ["id", "timestamp"]) {
      if (content.places.includes(name) && !read.has(name)) {
        throw new Misconfigured(`content of ${described.header} has {{${name}}}: describe the header that holds it too`);
      }
    }
    if (content.places.includes("path") && path === undefined) {
      throw new Misconfigured(`content of ${described.header} has {{path}}: give the path of the request`);
    }
  }
}

function signs(check: Check): boolean {
  return check.value.places.includes("signature");
}

/** Adds what the header says to `read`, and returns its signature. */
function readHeader({ name, value }: Check, text: string, read: Map<string, string>): string {
  let signature: string | undefined;
  split(name, value, text).forEach((said, index) => {
    const place = value.places[index]!;
    const before = place === "signature" ? signature : read.get(place);
    if (before !== undefined && before !== said) {
      throw new InvalidSignature(`the header ${name} has another ${place} than the request`);
    }
    if (place === "signature") {
      signature = said;
    } else {
      read.set(place, said);
    }
  });
  return signature ?? "";
}

/**
 * What stands at the places of a value: each ends where the literal after it first stands, the last one at the end. It takes
 * time in proportion to the text, whoever wrote it.
 */
function split(name: string, { literals, places }: Text, text: string): string[] {
  let fits = text.startsWith(literals[0]!);
  let from = literals[0]!.length;
  const said = places.map((_, index) => {
    const literal = literals[index + 1]!;
    const isLast = index === places.length - 1;
    const to = isLast ? text.length - literal.length : text.indexOf(literal, from);
    fits &&= to >= from && (!isLast || text.endsWith(literal));
    const between = text.slice(from, to);
    from = to + literal.length;
    return between;
  });
  if (!fits || from !== text.length) {
    throw new InvalidSignature(`the header ${name} is not written as its value is described`);
  }
  return said;
}

function requireTime(timestamp: string | undefined, options: VerifyCustomOptions): void {
  if (timestamp === undefined) {
    return;
  }
  if (!/^[0-9]{1,15}$/.test(timestamp)) {
    throw new InvalidSignature("the timestamp is not a number of seconds");
  }
  if (Math.abs((options.now ?? Date.now() / 1000) - Number(timestamp)) > (options.toleranceSeconds ?? 300)) {
    throw new InvalidSignature("the timestamp is too far from the receiver's clock");
  }
}

function fill({ literals, places }: Text, parts: Map<string, Uint8Array>): Uint8Array<ArrayBuffer> {
  const pieces = literals.flatMap((literal, index) => {
    const place = places[index];
    return place === undefined ? [utf8.encode(literal)] : [utf8.encode(literal), parts.get(place)!];
  });
  const content = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    content.set(piece, at);
    at += piece.length;
  }
  return content;
}

function readKey(secret: unknown, encoding: string): Uint8Array<ArrayBuffer> {
  if (typeof secret !== "string" || secret === "") {
    throw new Misconfigured("a secret is empty or absent");
  }
  switch (encoding) {
    case "BASE64":
      return base64Key(secret);
    case "HEX":
      if (!/^([0-9A-Fa-f]{2})*$/.test(secret)) {
        throw new Misconfigured("a secret is not hexadecimal, as its keyEncoding says");
      }
      return Uint8Array.from(secret.match(/../g)!, (digits) => parseInt(digits, 16));
    default:
      return utf8.encode(secret);
  }
}
