package io.tenterhook;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonSerializationContext;
import com.google.gson.JsonSerializer;
import com.google.protobuf.Timestamp;
import io.tenterhook.v1.JsonDocument;
import java.lang.reflect.Type;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** From Java's own values to what the API takes, and back. */
public final class Json {
  /** The maps of {@code Map.of}, whose order is another one in each run of the JVM. */
  private static final String UNORDERED = "java.util.ImmutableCollections$";

  private static final Gson GSON = new GsonBuilder()
      .serializeNulls()
      .disableHtmlEscaping()
      .registerTypeHierarchyAdapter(Map.class, (JsonSerializer<Map<?, ?>>) Json::object)
      .create();

  private Json() {}

  /** With the members in the order of the map; those of {@code Map.of} are sorted, so that a program repeats itself. */
  private static JsonElement object(Map<?, ?> map, Type type, JsonSerializationContext context) {
    boolean isUnordered = map.getClass().getName().startsWith(UNORDERED);
    Map<String, Object> members = isUnordered ? new TreeMap<>() : new LinkedHashMap<>();
    map.forEach((name, value) -> members.put(String.valueOf(name), value));
    JsonObject made = new JsonObject();
    members.forEach((name, value) -> made.add(name, context.serialize(value)));
    return made;
  }

  /** A JSON value of maps, lists, texts, numbers, booleans, records or null. */
  public static JsonDocument of(Object value) {
    return text(GSON.toJson(value));
  }

  /** JSON text, which is kept byte for byte: numbers of any size survive. */
  public static JsonDocument text(String json) {
    return JsonDocument.newBuilder().setJson(json).build();
  }

  /** The value of a document that the server sent, as that type; null when it is unset. */
  public static <T> T read(JsonDocument document, Class<T> type) {
    return GSON.fromJson(document.getJson(), type);
  }

  /** A time as the API takes it. */
  public static Timestamp time(Instant moment) {
    return Timestamp.newBuilder().setSeconds(moment.getEpochSecond()).setNanos(moment.getNano()).build();
  }

  /** A time that the server sent. */
  public static Instant instant(Timestamp time) {
    return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
  }

  /** A duration as the API takes it. */
  public static com.google.protobuf.Duration duration(Duration duration) {
    return com.google.protobuf.Duration.newBuilder()
        .setSeconds(duration.getSeconds())
        .setNanos(duration.getNano())
        .build();
  }

  /** A duration that the server sent. */
  public static Duration duration(com.google.protobuf.Duration duration) {
    return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
  }
}
