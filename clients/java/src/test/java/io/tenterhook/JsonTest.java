package io.tenterhook;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.tenterhook.testing.TestServer;
import io.tenterhook.v1.JsonDocument;
import java.io.IOException;
import java.lang.reflect.Method;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every shared value of JSON: how it is written, or that it is refused. */
class JsonTest {
  private static final Map<String, Object> VALUES = values();

  private static Map<String, Object> values() {
    Map<String, Object> loop = new HashMap<>();
    loop.put("itself", loop);
    Map<String, Object> values = new HashMap<>();
    values.put("nan", Double.NaN);
    values.put("infinity", Float.POSITIVE_INFINITY);
    values.put("minus_infinity", Double.NEGATIVE_INFINITY);
    values.put("nan_inside", Map.of("a", List.of(1.5, Double.NaN)));
    values.put("nan_as_key", Map.of(Double.NaN, 1));
    values.put("beyond_2_53", (1L << 53) + 1);
    values.put("beyond_2_63", BigInteger.TWO.pow(63));
    values.put("beyond_2_64", BigInteger.TWO.pow(64).add(BigInteger.ONE));
    values.put("integer_as_key", Map.of(7, "a"));
    values.put("null_as_key", Collections.singletonMap(null, 1));
    values.put("list_as_key", Map.of(List.of(1, 2), 1));
    values.put("bytes", new byte[] {1, -1});
    values.put("time", Instant.EPOCH);
    values.put("cycle", loop);
    values.put("half_a_pair", "\ud800");
    values.put("half_a_pair_as_key", Map.of("\ud800", 1));
    values.put("replacement", "\ufffd\\ufffd");
    return values;
  }

  static Stream<JsonObject> cases() throws IOException {
    JsonArray cases = JsonParser.parseString(Files.readString(Path.of("../../tests/fixtures/json_values.json"))).getAsJsonArray();
    return StreamSupport.stream(cases.spliterator(), false).map(one -> one.getAsJsonObject());
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyValueIsWrittenOrRefusedAsExpected(JsonObject one) {
    String name = one.get("name").getAsString();
    assertTrue(VALUES.containsKey(name), name);
    boolean isRefused = !one.has("json")
        || one.has("refused_by") && one.getAsJsonArray("refused_by").contains(new JsonPrimitive("java"));
    if (isRefused) {
      var refused = assertThrows(IllegalArgumentException.class, () -> Json.of(VALUES.get(name)));
      assertTrue(!refused.getMessage().contains("Gson"), refused.getMessage());
    } else {
      assertEquals(one.get("json").getAsString(), Json.of(VALUES.get(name)).getJson());
    }
  }

  private static String refusal(Object value) {
    return assertThrows(IllegalArgumentException.class, () -> Json.of(value)).getMessage();
  }

  @Test
  void whatMayBeNullIsSaidToCompilers() throws NoSuchMethodException {
    for (Class<?> one : List.of(Json.class, TestServer.class)) {
      assertTrue(one.getPackage().isAnnotationPresent(NullMarked.class), one.getPackageName());
    }
    Method of = Json.class.getMethod("of", Object.class);
    Method read = Json.class.getMethod("read", JsonDocument.class, Class.class);
    assertTrue(of.getAnnotatedParameterTypes()[0].isAnnotationPresent(Nullable.class));
    assertTrue(read.getAnnotatedReturnType().isAnnotationPresent(Nullable.class));
    assertFalse(of.getAnnotatedReturnType().isAnnotationPresent(Nullable.class));
  }

  /** One of a ring. */
  static final class Node {
    Node next;
  }

  @Test
  void whatGsonWouldLoseIsKeptOrRefusedInWordsOfOurOwn() {
    record Rate(double value) {}
    record Photo(byte[] bytes) {}
    assertEquals("NaN is not finite, and JSON has no number for it", refusal(List.of(Double.NaN)));
    assertTrue(refusal(new Rate(1 / 0.0)).startsWith("a number of a io.tenterhook.JsonTest$1Rate is not finite"));
    assertEquals("bytes are no JSON: give their Base64 as text", refusal(new Photo(new byte[1])));
    Node node = new Node();
    node.next = new Node();
    node.next.next = node;
    assertTrue(refusal(node).startsWith("the value contains itself"));
    Map<Object, Integer> twice = new HashMap<>(Map.of(1, 1));
    twice.put("1", 2);
    assertEquals("a map has the member 1 twice", refusal(twice));
    assertTrue(refusal(new Object() {}).contains("has no JSON: give a map, a record"));
    // Of anonymous classes Gson makes null.
    Map<String, Object> braces = new HashMap<>() {{
      put("a", new ArrayList<>(List.of(1)) {{ add(2); }});
    }};
    assertEquals("{\"a\":[1,2]}", Json.of(braces).getJson());
    assertEquals("{\"1970-01-01\":[[1],[]]}", Json.of(Map.of(LocalDate.EPOCH, new int[][] {{1}, {}})).getJson());
  }
}
