package io.tenterhook;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonDeserializer;
import com.google.gson.JsonElement;
import com.google.gson.JsonIOException;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.JsonSerializer;
import com.google.protobuf.Timestamp;
import io.tenterhook.v1.JsonDocument;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** From Java's own values to what the API takes, and back. */
public final class Json {
  /** The maps of {@code Map.of}, whose order is another one in each run of the JVM. */
  private static final String UNORDERED = "java.util.ImmutableCollections$";

  /** Kotlin's, of which Gson would write the bits as a signed number. */
  private static final Set<String> UNSIGNED = Set.of("kotlin.UByte", "kotlin.UShort", "kotlin.UInt", "kotlin.ULong");

  /** Levels of nesting that the server takes. */
  private static final int DEPTH_MAX = 128;

  /** Also for the data of received events, so that what was written is read. */
  static final Gson GSON = gson();

  private Json() {}

  private static Gson gson() {
    var builder = new GsonBuilder()
        .serializeNulls()
        .disableHtmlEscaping()
        .registerTypeHierarchyAdapter(Map.class, (JsonSerializer<Map<?, ?>>) (map, type, context) -> object(map, 0))
        .registerTypeAdapter(byte[].class, (JsonSerializer<byte[]>) (bytes, type, context) -> {
          throw new NoJson("bytes are no JSON: give their Base64 as text");
        });
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
  private static JsonElement object(Map<?, ?> map, int depth) {
    boolean isUnordered = map.getClass().getName().startsWith(UNORDERED);
    Map<String, Object> members = isUnordered ? new TreeMap<>() : new LinkedHashMap<>();
    map.forEach((key, value) -> {
      String name = name(key);
      if (members.containsKey(name)) {
        throw new NoJson("a map has the member " + name + " twice");
      }
      members.put(name, value);
    });
    JsonObject made = new JsonObject();
    members.forEach((name, value) -> made.add(name, element(value, depth + 1)));
    return made;
  }

  /** A key as the name of a member: a text, or what is written as one, such as a number, a time or an enum. */
  private static String name(@Nullable Object key) {
    JsonElement written = key == null ? JsonNull.INSTANCE : element(key, 0);
    if (!written.isJsonPrimitive()) {
      throw new NoJson("a key of a map is " + key + ": the names of members are texts");
    }
    return written.getAsString();
  }

  private static JsonElement array(Iterable<?> values, int depth) {
    JsonArray made = new JsonArray();
    values.forEach(value -> made.add(element(value, depth + 1)));
    return made;
  }

  private static JsonElement element(@Nullable Object value, int depth) {
    if (depth > DEPTH_MAX) {
      throw new NoJson("the value is nested more than " + DEPTH_MAX + " levels deep, or contains itself");
    }
    if (value instanceof Map<?, ?> map) {
      return object(map, depth);
    }
    if (value instanceof Collection<?> values) {
      return array(values, depth);
    }
    if (value instanceof Object[] values) {
      return array(Arrays.asList(values), depth);
    }
    if (value == null || value instanceof JsonElement) {
      return GSON.toJsonTree(value);
    }
    return written(value);
  }

  private static JsonElement written(Object value) {
    String kind = value.getClass().getName();
    if (UNSIGNED.contains(kind)) {
      return new JsonPrimitive(new BigInteger(value.toString()));
    }
    JsonElement made;
    try {
      made = GSON.toJsonTree(value);
    } catch (NoJson fault) {
      throw fault;
    } catch (IllegalArgumentException notFinite) {
      String which = value instanceof Number ? value.toString() : "a number of a " + kind;
      throw new NoJson(which + " is not finite, and JSON has no number for it");
    }
    if (made.isJsonNull() || kind.equals("kotlin.time.Duration")) {
      throw new NoJson("a " + kind + " has no JSON: give a map, a record, a text or a number");
    }
    return made;
  }

  /** A value that has no JSON, in our own words. */
  private static final class NoJson extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    NoJson(String message) {
      super(message);
    }
  }

  /**
   * A JSON value of maps, lists, texts, numbers, booleans, times of {@code java.time} (as ISO 8601), records of them, or
   * null.
   *
   * @throws IllegalArgumentException for anything else, such as NaN, bytes, a key that is no text, half of a surrogate
   *     pair, or a map that contains itself
   */
  public static JsonDocument of(@Nullable Object value) {
    try {
      String json = GSON.toJson(element(value, 0));
      if (!UTF_8.newEncoder().canEncode(json)) {
        throw new NoJson("a text has half of a surrogate pair, which is no text");
      }
      return text(json);
    } catch (StackOverflowError endless) {
      throw new IllegalArgumentException("the value contains itself, or is nested too deeply", endless);
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
  public static <T> @Nullable T read(JsonDocument document, Class<T> type) {
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
