package io.tenterhook;

/**
 * A header, described by the same fields as in {@code signing.custom} of the webhook. Describe also a header that holds
 * only the time or the id, when another one signs it.
 *
 * @param header its name
 * @param algorithm the digest of the HMAC
 * @param encoding how the header writes the signature
 * @param keyEncoding how a secret holds the key
 * @param content what is signed, with {@code {{id}}}, {@code {{timestamp}}}, {@code {{method}}}, {@code {{path}}} and
 *     {@code {{body}}}
 * @param value what the header says, with {@code {{id}}}, {@code {{timestamp}}}, {@code {{method}}} and {@code
 *     {{signature}}}; two of them need something between them
 */
public record CustomSignature(
    String header, Algorithm algorithm, Encoding encoding, KeyEncoding keyEncoding, String content, String value) {
  /** The digest of a signature's HMAC. */
  public enum Algorithm {
    HMAC_SHA1("HmacSHA1"),
    HMAC_SHA256("HmacSHA256"),
    HMAC_SHA512("HmacSHA512");

    final String name;

    Algorithm(String name) {
      this.name = name;
    }
  }

  /** How a header writes a signature. */
  public enum Encoding {
    HEX,
    BASE64
  }

  /** How a secret holds the key; one of TEXT is the key. */
  public enum KeyEncoding {
    TEXT,
    HEX,
    BASE64
  }

  /** The hexadecimal HMAC-SHA256 of the body. */
  public CustomSignature(String header) {
    this(header, Algorithm.HMAC_SHA256, Encoding.HEX, KeyEncoding.TEXT, "{{body}}", "{{signature}}");
  }

  /** The same header with another digest. */
  public CustomSignature withAlgorithm(Algorithm other) {
    return new CustomSignature(header, other, encoding, keyEncoding, content, value);
  }

  /** The same header with its signature written in another way. */
  public CustomSignature withEncoding(Encoding other) {
    return new CustomSignature(header, algorithm, other, keyEncoding, content, value);
  }

  /** The same header with secrets that hold the key in another way. */
  public CustomSignature withKeyEncoding(KeyEncoding other) {
    return new CustomSignature(header, algorithm, encoding, other, content, value);
  }

  /** The same header over other content. */
  public CustomSignature withContent(String other) {
    return new CustomSignature(header, algorithm, encoding, keyEncoding, other, value);
  }

  /** The same header with another value. */
  public CustomSignature withValue(String other) {
    return new CustomSignature(header, algorithm, encoding, keyEncoding, content, other);
  }
}
