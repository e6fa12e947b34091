package io.tenterhook;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Verifies the headers that {@code signing.custom} of a webhook describes: for receivers that keep another system's
 * header. It compares in constant time.
 *
 * @param signatures the headers
 * @param tolerance how far a time in a header may be from the receiver's clock
 * @param clock the receiver's clock
 */
public record CustomVerifier(List<CustomSignature> signatures, Duration tolerance, Supplier<Instant> clock) {
  private static final List<String> IN_CONTENT = List.of("id", "timestamp", "method", "path", "body");
  private static final List<String> IN_VALUE = List.of("id", "timestamp", "method", "signature");

  /**
   * With 300 seconds and the system's clock.
   *
   * @throws MisconfiguredException if the descriptions cannot be read, or none has a signature
   */
  public CustomVerifier(CustomSignature... signatures) {
    this(List.of(signatures), Verifier.DEFAULT.tolerance(), Instant::now);
  }

  /** Reads the descriptions. */
  public CustomVerifier {
    signatures = List.copyOf(signatures);
    List<Check> checks = signatures.stream().map(Check::new).toList();
    List<String> read = checks.stream().flatMap(check -> check.value.places().stream()).toList();
    if (!read.contains("signature")) {
      throw new MisconfiguredException("no custom signature has {{signature}} in its value");
    }
    for (Check check : checks) {
      for (String place : List.of("id", "timestamp")) {
        if (check.signs() && check.content.places().contains(place) && !read.contains(place)) {
          throw new MisconfiguredException("content of " + check.given.header() + " has {{" + place
              + "}}: describe the header that holds it too");
        }
      }
    }
  }

  /**
   * Returns if every described header of a POST request is right, each signature by one of the secrets.
   *
   * @param header gives a header by its name without case, such as {@code request::getHeader}
   * @throws InvalidSignatureException if one is not: answer 401
   * @throws MisconfiguredException if the receiver itself is wrong: answer 500 and fix it
   */
  public void check(Function<String, @Nullable String> header, byte[] body, String... secrets) throws InvalidSignatureException {
    check(header, new Request("POST", null, body), List.of(secrets));
  }

  /** The same for any request. */
  public void check(Function<String, @Nullable String> header, Request request, List<String> secrets)
      throws InvalidSignatureException {
    List<Check> checks = signatures.stream().map(Check::new).toList();
    if (secrets.isEmpty()) {
      throw new MisconfiguredException("no secret is given");
    }
    List<List<byte[]>> keys = checks.stream().map(check -> secrets.stream().map(check::key).toList()).toList();
    for (Check check : checks) {
      if (check.signs() && check.content.places().contains("path") && request.path == null) {
        throw new MisconfiguredException(
            "content of " + check.given.header() + " has {{path}}: give the path of the request");
      }
    }
    Map<String, String> read = new HashMap<>(Map.of("method", request.method));
    List<String> given = new ArrayList<>();
    for (Check check : checks) {
      given.add(check.read(header, read));
    }
    checkTime(read.get("timestamp"));
    Map<String, byte[]> parts = new HashMap<>();
    read.forEach((place, text) -> parts.put(place, text.getBytes(UTF_8)));
    parts.put("path", String.valueOf(request.path).getBytes(UTF_8));
    parts.put("body", request.body);
    boolean matched = true;
    for (int index = 0; index < checks.size(); index++) {
      matched &= checks.get(index).matches(given.get(index), parts, keys.get(index));
    }
    if (!matched) {
      throw new InvalidSignatureException("no signature matches: the secret is another, or the body was changed");
    }
  }

  private void checkTime(String timestamp) throws InvalidSignatureException {
    if (timestamp != null) {
      Verifier.checkTime(timestamp, "the timestamp", clock.get(), tolerance);
    }
  }

  /**
   * What is verified of a request beside its headers.
   *
   * @param method its method
   * @param path its path with the query; null unless {@code {{path}}} is signed
   * @param body the body as it arrived
   */
  public record Request(String method, @Nullable String path, byte[] body) {}

  /** A description, read. */
  private static final class Check {
    final CustomSignature given;
    final PlacedText content;
    final PlacedText value;

    Check(CustomSignature given) {
      if (given.header() == null || given.header().isEmpty()) {
        throw new MisconfiguredException("a custom signature names no header");
      }
      this.given = given;
      content = PlacedText.read(or(given.content(), "{{body}}"), IN_CONTENT, "content of " + given.header());
      value = PlacedText.read(or(given.value(), "{{signature}}"), IN_VALUE, "value of " + given.header());
      if (value.runsTogether()) {
        throw new MisconfiguredException("value of " + given.header() + ": two places need something between them");
      }
    }

    private static String or(String text, String other) {
      return text == null || text.isEmpty() ? other : text;
    }

    boolean signs() {
      return value.places().contains("signature");
    }

    byte[] key(String secret) {
      if (secret == null || secret.isEmpty()) {
        throw new MisconfiguredException("a secret is empty");
      }
      return switch (given.keyEncoding()) {
        case TEXT -> secret.getBytes(UTF_8);
        case BASE64 -> Verifier.base64Key(secret);
        case HEX -> {
          try {
            yield HexFormat.of().parseHex(secret);
          } catch (IllegalArgumentException notHex) {
            throw new MisconfiguredException("a secret is not hexadecimal, as its key encoding says");
          }
        }
      };
    }

    /** Adds what the header says to {@code read}, and returns its signature. */
    String read(Function<String, @Nullable String> header, Map<String, String> read) throws InvalidSignatureException {
      List<String> said = value.split(Verifier.one(header, given.header()));
      if (said == null) {
        throw new InvalidSignatureException(
            "the header " + given.header() + " is not written as its value is described");
      }
      Map<String, String> mine = new HashMap<>();
      for (int index = 0; index < said.size(); index++) {
        String place = value.places().get(index);
        String before = (place.equals("signature") ? mine : read).putIfAbsent(place, said.get(index));
        if (before != null && !before.equals(said.get(index))) {
          throw new InvalidSignatureException(
              "the header " + given.header() + " has another " + place + " than the request");
        }
      }
      return mine.getOrDefault("signature", "");
    }

    boolean matches(String signature, Map<String, byte[]> parts, List<byte[]> keys) {
      if (!signs()) {
        return true;
      }
      List<byte[]> pieces = new ArrayList<>();
      for (int index = 0; index < content.literals().size(); index++) {
        pieces.add(content.literals().get(index).getBytes(UTF_8));
        if (index < content.places().size()) {
          pieces.add(parts.get(content.places().get(index)));
        }
      }
      boolean matched = false;
      for (byte[] key : keys) {
        byte[] wanted = write(Verifier.hmac(given.algorithm().name, key, pieces.toArray(byte[][]::new)));
        matched |= MessageDigest.isEqual(wanted, signature.getBytes(UTF_8));
      }
      return matched;
    }

    private byte[] write(byte[] digest) {
      return given.encoding() == CustomSignature.Encoding.HEX
          ? HexFormat.of().formatHex(digest).getBytes(UTF_8)
          : Base64.getEncoder().encode(digest);
    }
  }
}
