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
import org.jspecify.annotations.Nullable;

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
  private static final Pattern TIMESTAMP = Pattern.compile("[0-9]{1,15}");

  /** With the defaults. */
  public static void verify(Function<String, @Nullable String> header, byte[] body, String... secrets)
      throws InvalidSignatureException {
    DEFAULT.check(header, body, List.of(secrets));
  }

  /**
   * Returns if one of the secrets signed the request.
   *
   * @param headers names without case
   * @throws InvalidSignatureException if none did: answer 401
   * @throws MisconfiguredException if the receiver itself is wrong: answer 500 and fix it
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
   * @throws InvalidSignatureException if none did: answer 401
   * @throws MisconfiguredException if the receiver itself is wrong: answer 500 and fix it
   */
  public void check(Function<String, @Nullable String> header, byte[] body, List<String> secrets)
      throws InvalidSignatureException {
    if (secrets.isEmpty()) {
      throw new MisconfiguredException("no secret is given");
    }
    List<byte[]> publics = secrets.stream().filter(this::isPublic).map(PublicKeys::read).toList();
    List<byte[]> keys = secrets.stream().filter(secret -> !isPublic(secret)).map(this::key).toList();
    List<String> given = new ArrayList<>();
    byte[][] content = read(header, body, given);
    boolean matched = PublicKeys.signedByAny(publics, given, content);
    for (byte[] key : keys) {
      byte[] wanted = (version() + sign(key, content)).getBytes(UTF_8);
      for (String signature : given) {
        matched |= MessageDigest.isEqual(wanted, signature.getBytes(UTF_8));
      }
    }
    if (!matched) {
      throw new InvalidSignatureException("no signature matches: the secret is another, or the body was changed");
    }
  }

  /**
   * Verifies a request, as {@link #check(Function, byte[], List)} does, and gives its event.
   *
   * @throws InvalidSignatureException if none of the secrets signed it: answer 401
   * @throws MisconfiguredException if the receiver itself is wrong, or the webhook has a body template: such a body
   *     only its receiver can read, after {@code check}
   */
  public WebhookEvent parse(Function<String, @Nullable String> header, byte[] body, List<String> secrets)
      throws InvalidSignatureException {
    check(header, body, secrets);
    return WebhookEvent.read(scheme == Scheme.STANDARD_WEBHOOKS ? header.apply("webhook-id") : "", body);
  }

  /** With the defaults: verifies a request and gives its event. */
  public static WebhookEvent event(Function<String, @Nullable String> header, byte[] body, String... secrets)
      throws InvalidSignatureException {
    return DEFAULT.parse(header, body, List.of(secrets));
  }

  /**
   * The headers that a delivery of the body has at the time of the clock, for tests of a receiver.
   *
   * @param id its {@code webhook-id}
   */
  public Map<String, String> signForTest(String id, byte[] body, String secret) {
    if (isPublic(secret)) {
      throw new MisconfiguredException("a public key signs nothing; sign tests with a secret (whsec_…)");
    }
    byte[] key = key(secret);
    byte[][] alone = {body};
    return switch (scheme) {
      case NETBOX -> Map.of("x-hook-signature", sign(key, alone));
      case GITHUB -> Map.of("x-hub-signature-256", sign(key, alone));
      case STANDARD_WEBHOOKS -> {
        String timestamp = String.valueOf(clock.get().getEpochSecond());
        byte[][] content = {(id + "." + timestamp + ".").getBytes(UTF_8), body};
        yield Map.of("webhook-id", id, "webhook-timestamp", timestamp, "webhook-signature", "v1," + sign(key, content));
      }
    };
  }

  /** Collects the signatures of the request and returns what they cover. */
  private byte[][] read(Function<String, @Nullable String> header, byte[] body, List<String> given)
      throws InvalidSignatureException {
    switch (scheme) {
      case NETBOX -> given.add(one(header, "x-hook-signature"));
      case GITHUB -> given.add(one(header, "x-hub-signature-256"));
      case STANDARD_WEBHOOKS -> {
        String id = one(header, "webhook-id");
        String timestamp = one(header, "webhook-timestamp");
        checkTime(timestamp, "webhook-timestamp", clock.get(), tolerance);
        given.addAll(List.of(one(header, "webhook-signature").split(" ")));
        return new byte[][] {(id + "." + timestamp + ".").getBytes(UTF_8), body};
      }
    }
    return new byte[][] {body};
  }

  /** What each signature of the scheme begins with. */
  private String version() {
    return scheme == Scheme.STANDARD_WEBHOOKS ? "v1," : "";
  }

  private boolean isPublic(String secret) {
    return scheme == Scheme.STANDARD_WEBHOOKS && PublicKeys.isOne(secret);
  }

  /**
   * Refuses a time that is none, or too far from now.
   *
   * @param what its name, for the error
   */
  static void checkTime(String timestamp, String what, Instant now, Duration tolerance)
      throws InvalidSignatureException {
    if (!TIMESTAMP.matcher(timestamp).matches()) {
      throw new InvalidSignatureException(what + " is not a number of seconds");
    }
    Instant sent = Instant.ofEpochSecond(Long.parseLong(timestamp));
    if (Duration.between(sent, now).abs().compareTo(tolerance) > 0) {
      throw new InvalidSignatureException(what + " is too far from the receiver's clock");
    }
  }

  private String sign(byte[] key, byte[][] content) {
    return switch (scheme) {
      case NETBOX -> HexFormat.of().formatHex(hmac("HmacSHA512", key, content));
      case GITHUB -> "sha256=" + HexFormat.of().formatHex(hmac("HmacSHA256", key, content));
      case STANDARD_WEBHOOKS -> Base64.getEncoder().encodeToString(hmac("HmacSHA256", key, content));
    };
  }

  /**
   * The key of a secret. Of a Standard Webhooks secret, blanks and line ends around it do not count, and the prefix
   * and the padding may be missing; any other is taken as it is.
   */
  private byte[] key(String secret) {
    if (secret == null || secret.isEmpty()) {
      throw new MisconfiguredException("a secret is empty");
    }
    if (scheme != Scheme.STANDARD_WEBHOOKS) {
      return secret.getBytes(UTF_8);
    }
    return base64Key(secret);
  }

  /** The key of a secret in base64: what stands around it, its prefix and its padding do not count. */
  static byte[] base64Key(String secret) {
    Matcher matcher = SECRET.matcher(secret);
    if (!matcher.matches() || matcher.group(1).length() % 4 == 1) {
      throw new MisconfiguredException("a secret is not base64, as the secrets of Standard Webhooks are (whsec_…)");
    }
    if (matcher.group(1).isEmpty()) {
      throw new MisconfiguredException("a secret is empty");
    }
    return Base64.getDecoder().decode(matcher.group(1));
  }

  static byte[] hmac(String algorithm, byte[] key, byte[][] content) {
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

  static String one(Function<String, @Nullable String> header, String name) throws InvalidSignatureException {
    String value = header.apply(name);
    if (value == null || value.isEmpty()) {
      throw new InvalidSignatureException("the header " + name + " is missing");
    }
    return value;
  }
}
