// The same on Node's own crypto, which needs no await.

import { createHmac, createPublicKey, verify as verifySignature } from "node:crypto";
import { type CustomSignature, type CustomSigned, readCustom, type VerifyCustomOptions } from "./custom.js";
import { readEvent, type WebhookEvent } from "./event.js";
import { type HeadersLike, header, pairsOf, readSigned, requireMatch, type SignOptions, toSign, type VerifyOptions } from "./signatures.js";

/**
 * Returns if one of `secrets` signed the request, and throws `InvalidSignature` if not, or `Misconfigured` if the receiver
 * itself is wrong. `body` must be as it arrived, before anything parses it.
 */
export function verify(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): void {
  const signed = readSigned(headers, body, secrets, options);
  if (pairsOf(signed).some((pair) => isPair(signed.content, pair))) {
    return;
  }
  requireMatch(signed, signed.keys.map((key) => sign(signed, key)));
}

/**
 * Verifies a request, as `verify` does, and gives its event. It throws `Misconfigured` also when the webhook has a body
 * template: such a body only its receiver can read, after `verify`.
 */
export function parse(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): WebhookEvent {
  verify(headers, body, secrets, options);
  const standard = (options.scheme ?? "STANDARD_WEBHOOKS") === "STANDARD_WEBHOOKS";
  return readEvent(standard ? header(headers, "webhook-id") : "", body);
}

/**
 * Returns if every described header is right, each signature by one of `secrets`, and throws `InvalidSignature` if not, or
 * `Misconfigured` if the receiver itself is wrong.
 */
export function verifyCustom(
  headers: HeadersLike,
  body: Uint8Array | string,
  secrets: string | readonly string[],
  signatures: CustomSignature | readonly CustomSignature[],
  options: VerifyCustomOptions = {},
): void {
  for (const signed of readCustom(headers, body, secrets, signatures, options)) {
    requireMatch(signed, signed.keys.map((key) => sign(signed, key)));
  }
}

/** The headers that a delivery of `body` has, for tests of a receiver. */
export function signForTest(body: Uint8Array | string, secret: string, options: SignOptions = {}): Record<string, string> {
  const made = toSign(body, secret, options);
  return made.headers(made.write(sign(made, made.keys[0]!)));
}

function isPair(content: Uint8Array, { key, signature }: ReturnType<typeof pairsOf>[number]): boolean {
  const x = Buffer.from(key).toString("base64url");
  const imported = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return verifySignature(null, content, imported, signature);
}

function sign({ hash, content }: Pick<CustomSigned, "hash" | "content">, key: Uint8Array): Uint8Array {
  return createHmac(hash.replace("-", ""), key).update(content).digest();
}
