package io.tenterhook;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Checks that a request came from Tenterhook and was not changed: for receivers. Give it the body as
 * it arrived, before anything parses it. It compares in constant time.
 *
 * @param scheme the scheme to expect
 * @param tolerance how far the timestamp may be from the receiver's clock
 * @param clock the receiver's clock
 */
public record Verifier(Scheme scheme, Duration tolerance, Supplier<Instant> clock) {
  /** Standard Webhooks, 300 seconds, the system's clock. */
  public static final Verifier DEFAULT =
      new Verifier(Scheme.STANDARD_WEBHOOKS, Duration.ofSeconds(300), Instant::now);

  private static final Pattern SECRET =
      Pattern.compile("[ \\t\\r\\n]*(?:whsec_)?([A-Za-z0-9+/]*)={0,2}[ \\t\\r\\n]*");
  private static final Pattern TIMESTAMP = Pattern.compile("[0-9]{1,11}");

  /** With the defaults. */
  public static void verify(Function<String, String> header, byte[] body, String... secrets)
      throws InvalidSignatureException {
    DEFAULT.check(header, body, List.of(secrets));
  }

  /**
   * Returns if one of the secrets signed the request.
   *
   * @param headers names without case
   * @throws InvalidSignatureException if none did
   */
  public void check(Map<String, String> headers, byte[] body, List<String> secrets) throws InvalidSignatureException {
    Map<String, String> anyCase = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    anyCase.putAll(headers);
    check(anyCase::get, body, secrets);
  }

  /**
   * Returns if one of the secrets signed the request.
   *
   * @param header gives a header by its name without case, such as {@code request::getHeader}
   * @throws InvalidSignatureException if none did
   */
  public void check(Function<String, String> header, byte[] body, List<String> secrets)
      throws InvalidSignatureException {
    if (secrets.isEmpty() || secrets.contains("")) {
      throw new InvalidSignatureException("an empty secret verifies nothing");
    }
    List<String> given = new ArrayList<>();
    byte[][] content = read(header, body, given);
    boolean matched = false;
    for (String secret : secrets) {
      byte[] wanted = sign(secret, content).getBytes(UTF_8);
      for (String signature : given) {
        matched |= MessageDigest.isEqual(wanted, signature.getBytes(UTF_8));
      }
    }
    if (!matched) {
      throw new InvalidSignatureException("no signature matches");
    }
  }

  /** Collects the signatures of the request and returns what they cover. */
  private byte[][] read(Function<String, String> header, byte[] body, List<String> given)
      throws InvalidSignatureException {
    switch (scheme) {
      case NETBOX -> given.add(one(header, "x-hook-signature"));
      case GITHUB -> given.add(one(header, "x-hub-signature-256"));
      case STANDARD_WEBHOOKS -> {
        String id = one(header, "webhook-id");
        String timestamp = one(header, "webhook-timestamp");
        checkTime(timestamp);
        for (String signature : one(header, "webhook-signature").split(" ")) {
          if (signature.startsWith("v1,")) {
            given.add(signature.substring(3));
          }
        }
        return new byte[][] {(id + "." + timestamp + ".").getBytes(UTF_8), body};
      }
    }
    return new byte[][] {body};
  }

  private void checkTime(String timestamp) throws InvalidSignatureException {
    if (!TIMESTAMP.matcher(timestamp).matches()) {
      throw new InvalidSignatureException("webhook-timestamp is not a number of seconds");
    }
    Instant sent = Instant.ofEpochSecond(Long.parseLong(timestamp));
    if (Duration.between(sent, clock.get()).abs().compareTo(tolerance) > 0) {
      throw new InvalidSignatureException("webhook-timestamp is too far from the receiver's clock");
    }
  }

  private String sign(String secret, byte[][] content) throws InvalidSignatureException {
    return switch (scheme) {
      case NETBOX -> HexFormat.of().formatHex(hmac("HmacSHA512", secret.getBytes(UTF_8), content));
      case GITHUB -> "sha256=" + HexFormat.of().formatHex(hmac("HmacSHA256", secret.getBytes(UTF_8), content));
      case STANDARD_WEBHOOKS -> Base64.getEncoder().encodeToString(hmac("HmacSHA256", key(secret), content));
    };
  }

  /**
   * Reads a Standard Webhooks secret: blanks and line ends around it do not count, the prefix and the
   * padding may be missing.
   */
  private static byte[] key(String secret) throws InvalidSignatureException {
    Matcher matcher = SECRET.matcher(secret);
    if (!matcher.matches() || matcher.group(1).length() % 4 == 1) {
      throw new InvalidSignatureException("a secret is not base64");
    }
    if (matcher.group(1).isEmpty()) {
      throw new InvalidSignatureException("an empty secret verifies nothing");
    }
    return Base64.getDecoder().decode(matcher.group(1));
  }

  private static byte[] hmac(String algorithm, byte[] key, byte[][] content) {
    try {
      Mac mac = Mac.getInstance(algorithm);
      mac.init(new SecretKeySpec(key, algorithm));
      for (byte[] part : content) {
        mac.update(part);
      }
      return mac.doFinal();
    } catch (GeneralSecurityException missing) {
      throw new IllegalStateException("every Java platform has " + algorithm, missing);
    }
  }

  private static String one(Function<String, String> header, String name) throws InvalidSignatureException {
    String value = header.apply(name);
    if (value == null || value.isEmpty()) {
      throw new InvalidSignatureException("the header " + name + " is missing");
    }
    return value;
  }
}
