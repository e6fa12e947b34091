package io.tenterhook;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every shared vector of signing and verifying, and what the vectors cannot say. */
class VerifierTest {
  static Stream<JsonObject> vectors() throws IOException {
    List<String> lines = Files.readAllLines(Path.of("../../tests/fixtures/signatures.jsonl"));
    assertTrue(lines.size() >= 101);
    return lines.stream().map(line -> JsonParser.parseString(line).getAsJsonObject());
  }

  static Stream<JsonObject> signed() throws IOException {
    return vectors().filter(vector -> vector.get("category").getAsString().equals("sign"));
  }

  private static byte[] bodyOf(JsonObject vector) {
    return vector.has("body_base64")
        ? Base64.getDecoder().decode(vector.get("body_base64").getAsString())
        : vector.get("body").getAsString().getBytes(StandardCharsets.UTF_8);
  }

  private static List<String> secretsOf(JsonObject vector) {
    return StreamSupport.stream(vector.getAsJsonArray("secrets").spliterator(), false)
        .map(secret -> secret.getAsString())
        .toList();
  }

  private static Map<String, String> headersOf(JsonObject vector) {
    return vector.getAsJsonObject("headers").entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, entry -> entry.getValue().getAsString()));
  }

  private static void check(JsonObject vector, byte[] body) throws InvalidSignatureException {
    Instant now = vector.get("now").isJsonNull() ? Instant.now() : Instant.ofEpochSecond(vector.get("now").getAsLong());
    // A public key among the secrets is what makes the difference.
    Scheme scheme = Scheme.valueOf(vector.get("scheme").getAsString().replace("_ASYMMETRIC", ""));
    new Verifier(scheme, Duration.ofSeconds(300), () -> now).check(headersOf(vector), body, secretsOf(vector));
  }

  @ParameterizedTest
  @MethodSource("vectors")
  void everyVectorIsJudgedAsExpected(JsonObject vector) {
    if (vector.get("expected").getAsString().equals("valid")) {
      assertDoesNotThrow(() -> check(vector, bodyOf(vector)));
    } else {
      Exception refused = assertThrows(Exception.class, () -> check(vector, bodyOf(vector)));
      assertTrue(refused instanceof InvalidSignatureException || refused instanceof MisconfiguredException);
    }
  }

  @ParameterizedTest
  @MethodSource("signed")
  void whatIsSignedForATestIsWhatTheServerSigns(JsonObject vector) {
    List<String> secrets = secretsOf(vector);
    if (secrets.size() > 1) {
      return; // a test signs by one key
    }
    Instant now = vector.get("now").isJsonNull() ? Instant.EPOCH : Instant.ofEpochSecond(vector.get("now").getAsLong());
    boolean isStandard = vector.get("scheme").getAsString().equals("STANDARD_WEBHOOKS");
    if (isStandard) {
      now = Instant.ofEpochSecond(vector.get("timestamp").getAsLong());
    }
    Instant signedAt = now;
    String id = isStandard ? vector.get("id_header").getAsString() : "";
    Verifier verifier =
        new Verifier(Scheme.valueOf(vector.get("scheme").getAsString()), Duration.ofSeconds(300), () -> signedAt);
    Map<String, String> lower = headersOf(vector).entrySet().stream()
        .collect(Collectors.toMap(entry -> entry.getKey().toLowerCase(java.util.Locale.ROOT), Map.Entry::getValue));
    assertEquals(lower, verifier.signForTest(id, bodyOf(vector), secrets.get(0)));
  }

  @Test
  void aWrongSecretIsNoAttack() {
    for (String wrong : List.of("", "whsec_", "whsec_ä")) {
      assertThrows(MisconfiguredException.class, () -> Verifier.verify(name -> null, new byte[0], wrong));
    }
  }

  @ParameterizedTest
  @MethodSource("signed")
  void aChangedBodyIsRefused(JsonObject vector) {
    byte[] changed = ("x" + new String(bodyOf(vector), StandardCharsets.ISO_8859_1)).getBytes(StandardCharsets.ISO_8859_1);
    assertThrows(InvalidSignatureException.class, () -> check(vector, changed));
  }

  @Test
  void noSecretVerifiesNothing() throws IOException {
    JsonObject vector = vectors().findFirst().orElseThrow();
    var wrong = assertThrows(
        MisconfiguredException.class,
        () -> Verifier.DEFAULT.check(headersOf(vector), bodyOf(vector), List.of()));
    assertEquals("no secret is given", wrong.getMessage());
  }

  @Test
  void theSystemsClockIsTheDefault() throws IOException {
    JsonObject vector = vectors().findFirst().orElseThrow();
    var refused = assertThrows(
        InvalidSignatureException.class,
        () -> Verifier.verify(headersOf(vector)::get, bodyOf(vector), secretsOf(vector).get(0)));
    assertTrue(refused.getMessage().contains("too far"));
  }

  @Test
  void aMessageNeverTellsTheSecret() {
    var refused = assertThrows(
        MisconfiguredException.class, () -> Verifier.verify(name -> null, new byte[0], "very-secret"));
    assertFalse(refused.getMessage().contains("very-secret"));
  }
}
