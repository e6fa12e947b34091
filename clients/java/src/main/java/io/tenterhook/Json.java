package io.tenterhook;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonDeserializer;
import com.google.gson.JsonElement;
import com.google.gson.JsonIOException;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.JsonSerializationContext;
import com.google.gson.JsonSerializer;
import com.google.protobuf.Timestamp;
import io.tenterhook.v1.JsonDocument;
import java.lang.reflect.Type;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/** From Java's own values to what the API takes, and back. */
public final class Json {
  /** The maps of {@code Map.of}, whose order is another one in each run of the JVM. */
  private static final String UNORDERED = "java.util.ImmutableCollections$";

  /** Also for the data of received events, so that what was written is read. */
  static final Gson GSON = gson();

  private Json() {}

  private static Gson gson() {
    var builder = new GsonBuilder()
        .serializeNulls()
        .disableHtmlEscaping()
        .registerTypeHierarchyAdapter(Map.class, (JsonSerializer<Map<?, ?>>) Json::object);
    // Gson reads the fields of these, which Java does not allow, and writes a Date in the language of the machine.
    asText(builder, Instant.class, Instant::toString, Instant::parse);
    asText(builder, OffsetDateTime.class, OffsetDateTime::toString, OffsetDateTime::parse);
    asText(builder, ZonedDateTime.class, moment -> moment.toOffsetDateTime().toString(), ZonedDateTime::parse);
    asText(builder, LocalDateTime.class, LocalDateTime::toString, LocalDateTime::parse);
    asText(builder, LocalDate.class, LocalDate::toString, LocalDate::parse);
    asText(builder, LocalTime.class, LocalTime::toString, LocalTime::parse);
    asText(builder, Duration.class, Duration::toString, Duration::parse);
    asText(builder, Date.class, date -> date.toInstant().toString(), text -> Date.from(Instant.parse(text)));
    return builder.create();
  }

  private static <T> void asText(
      GsonBuilder builder, Class<T> type, Function<T, String> write, Function<String, T> read) {
    builder.registerTypeAdapter(type, (JsonSerializer<T>) (value, as, context) -> new JsonPrimitive(write.apply(value)));
    builder.registerTypeAdapter(type, (JsonDeserializer<T>) (json, as, context) -> read.apply(json.getAsString()));
  }

  /** With the members in the order of the map; those of {@code Map.of} are sorted, so that a program repeats itself. */
  private static JsonElement object(Map<?, ?> map, Type type, JsonSerializationContext context) {
    boolean isUnordered = map.getClass().getName().startsWith(UNORDERED);
    Map<String, Object> members = isUnordered ? new TreeMap<>() : new LinkedHashMap<>();
    map.forEach((name, value) -> members.put(String.valueOf(name), value));
    JsonObject made = new JsonObject();
    members.forEach((name, value) -> made.add(name, context.serialize(value)));
    return made;
  }

  /**
   * A JSON value of maps, lists, texts, numbers, booleans, times of {@code java.time} (as ISO 8601), records of them, or
   * null.
   *
   * @throws IllegalArgumentException for anything else, such as NaN
   */
  public static JsonDocument of(Object value) {
    try {
      return text(GSON.toJson(value));
    } catch (JsonIOException unknown) {
      throw new IllegalArgumentException(
          "the value has no JSON: give maps, lists, texts, numbers, booleans, times, or records of them", unknown);
    }
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
