package io.tenterhook;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.protobuf.Timestamp;
import io.tenterhook.v1.JsonDocument;
import java.time.Instant;

/** From Java's own values to what the API takes, and back. */
public final class Json {
  private static final Gson GSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

  private Json() {}

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
}
