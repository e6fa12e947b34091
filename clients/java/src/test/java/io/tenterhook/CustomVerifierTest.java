package io.tenterhook;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every shared vector of custom signatures. */
class CustomVerifierTest {
  static Stream<JsonObject> vectors() throws IOException {
    List<String> lines = Files.readAllLines(Path.of("../../tests/fixtures/custom_signatures.jsonl"));
    assertTrue(lines.size() >= 56);
    return lines.stream().map(line -> JsonParser.parseString(line).getAsJsonObject());
  }

  private static String text(JsonObject object, String name, String otherwise) {
    return object.has(name) ? object.get(name).getAsString() : otherwise;
  }

  private static CustomSignature described(JsonElement element) {
    JsonObject fields = element.getAsJsonObject();
    return new CustomSignature(fields.get("header").getAsString())
        .withAlgorithm(CustomSignature.Algorithm.valueOf(text(fields, "algorithm", "HMAC_SHA256")))
        .withEncoding(CustomSignature.Encoding.valueOf(text(fields, "encoding", "HEX")))
        .withKeyEncoding(CustomSignature.KeyEncoding.valueOf(text(fields, "key_encoding", "TEXT")))
        .withContent(text(fields, "content", ""))
        .withValue(text(fields, "value", ""));
  }

  private static void check(JsonObject vector) throws InvalidSignatureException {
    List<CustomSignature> signatures =
        vector.getAsJsonArray("custom").asList().stream().map(CustomVerifierTest::described).toList();
    List<String> secrets =
        vector.getAsJsonArray("secrets").asList().stream().map(JsonElement::getAsString).toList();
    Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    vector.getAsJsonObject("headers").asMap().forEach((name, value) -> headers.put(name, value.getAsString()));
    Instant now = Instant.ofEpochSecond(vector.get("now").getAsLong());
    byte[] body = vector.get("body").getAsString().getBytes(StandardCharsets.UTF_8);
    CustomVerifier.Request request =
        new CustomVerifier.Request(text(vector, "method", "POST"), text(vector, "path", null), body);
    new CustomVerifier(signatures, Duration.ofSeconds(300), () -> now).check(headers::get, request, secrets);
  }

  @ParameterizedTest
  @MethodSource("vectors")
  void everyVectorIsJudgedAsExpected(JsonObject vector) {
    switch (vector.get("expected").getAsString()) {
      case "valid" -> assertDoesNotThrow(() -> check(vector));
      case "invalid" -> assertThrows(InvalidSignatureException.class, () -> check(vector));
      default -> assertThrows(MisconfiguredException.class, () -> check(vector));
    }
  }
}
