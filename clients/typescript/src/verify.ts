// Checks that a request came from Tenterhook and was not changed, on Web Crypto: for receivers on Node, Workers, Deno,
// Bun and at the edge. It is an entry of its own, `tenterhook/verify`, and loads nothing else.

import { type CustomSignature, readCustom, type VerifyCustomOptions } from "./custom.js";
import { readEvent, type WebhookEvent } from "./event.js";
import { type HeadersLike, header, Misconfigured, pairsOf, readSigned, requireMatch, type SignOptions, toSign, type VerifyOptions } from "./signatures.js";

export type { CustomSignature, VerifyCustomOptions } from "./custom.js";
export type { WebhookEvent } from "./event.js";
export { type HeadersLike, InvalidSignature, Misconfigured, type Scheme, type SignOptions, type VerifyOptions } from "./signatures.js";

/**
 * Is fulfilled if one of `secrets` signed the request, and rejected with `InvalidSignature` if not, or with `Misconfigured`
 * if the receiver itself is wrong. `body` must be as it arrived, before anything parses it.
 */
export async function verify(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Promise<void> {
  const signed = readSigned(headers, body, secrets, options);
  const paired = await Promise.all(pairsOf(signed).map((pair) => isPair(signed.content, pair)));
  if (paired.includes(true)) {
    return;
  }
  requireMatch(signed, await Promise.all(signed.keys.map((key) => sign(signed.hash, key, signed.content))));
}

/**
 * Verifies a request, as `verify` does, and gives its event. It is rejected with `Misconfigured` also when the webhook has
 * a body template: such a body only its receiver can read, after `verify`.
 */
export async function parse(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Promise<WebhookEvent> {
  await verify(headers, body, secrets, options);
  const standard = (options.scheme ?? "STANDARD_WEBHOOKS") === "STANDARD_WEBHOOKS";
  return readEvent(standard ? header(headers, "webhook-id") : "", body);
}

/**
 * Is fulfilled if every described header is right, each signature by one of `secrets`, and rejected with `InvalidSignature`
 * if not, or with `Misconfigured` if the receiver itself is wrong.
 */
export async function verifyCustom(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: string | readonly string[],
  signatures: CustomSignature | readonly CustomSignature[],
  options: VerifyCustomOptions = {},
): Promise<void> {
  for (const signed of readCustom(headers, body, secrets, signatures, options)) {
    requireMatch(signed, await Promise.all(signed.keys.map((key) => sign(signed.hash, key, signed.content))));
  }
}

/** The headers that a delivery of `body` has, for tests of a receiver. */
export async function signForTest(
  body: Uint8Array | string,
  secret: string,
  options: SignOptions = {},
): Promise<Record<string, string>> {
  const { hash, keys, content, write, headers } = toSign(body, secret, options);
  return headers(write(await sign(hash, keys[0]!, content)));
}

type Pair = ReturnType<typeof pairsOf>[number];

async function isPair(content: Uint8Array<ArrayBuffer>, { key, signature }: Pair): Promise<boolean> {
  try {
    const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, imported, signature, content);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") {
      throw new Misconfigured("this platform's Web Crypto has no Ed25519, which public keys need", { cause: error });
    }
    return false;
  }
}

async function sign(hash: string, key: Uint8Array<ArrayBuffer>, content: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, content));
}
