package io.tenterhook;

/** How requests are signed; what the webhook's {@code signing.schemes} says. */
public enum Scheme {
  /**
   * {@code webhook-id}, {@code webhook-timestamp} and {@code webhook-signature}; with a public key ({@code whpk_…})
   * among the secrets also what STANDARD_WEBHOOKS_ASYMMETRIC signs.
   */
  STANDARD_WEBHOOKS,
  /** {@code X-Hook-Signature}: hex HMAC-SHA512 of the body. Does not protect from replays. */
  NETBOX,
  /** {@code X-Hub-Signature-256}: hex HMAC-SHA256 of the body. Does not protect from replays. */
  GITHUB
}
