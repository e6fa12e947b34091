package io.tenterhook;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An event as it was delivered by a webhook without a body template.
 *
 * @param id the event's id, the same at each delivery of it; empty for the schemes that send none
 * @param type what happened, such as {@code created}
 * @param time when it happened
 * @param model the last part of the object type, such as {@code site}
 * @param username who did it
 * @param requestId joins events of one request
 * @param data the object as it was when the event was published
 * @param prechange the object before the change; JSON null when it was created
 * @param postchange the object after the change; JSON null when it was deleted
 * @param raw the body as it arrived
 */
public record WebhookEvent(
    String id,
    String type,
    Instant time,
    Optional<String> model,
    Optional<String> username,
    Optional<String> requestId,
    JsonElement data,
    JsonElement prechange,
    JsonElement postchange,
    byte[] raw) {
  /** The data as that type; null if there is none. */
  public <T> @Nullable T data(Class<T> type) {
    return Json.GSON.fromJson(data, type);
  }

  /** Reads a body that was verified. */
  static WebhookEvent read(String id, byte[] body) {
    try {
      JsonObject fields = JsonParser.parseString(new String(body, StandardCharsets.UTF_8)).getAsJsonObject();
      JsonElement given = member(fields, "snapshots");
      JsonObject snapshots = given.isJsonNull() ? new JsonObject() : given.getAsJsonObject();
      return new WebhookEvent(
          id,
          fields.get("event").getAsString(),
          OffsetDateTime.parse(fields.get("timestamp").getAsString()).toInstant(),
          text(fields, "model"),
          text(fields, "username"),
          text(fields, "request_id"),
          member(fields, "data"),
          member(snapshots, "prechange"),
          member(snapshots, "postchange"),
          body);
    } catch (JsonParseException | DateTimeException | IllegalStateException | NullPointerException
        | UnsupportedOperationException other) {
      throw new MisconfiguredException(
          "the body is signed but is no event: the webhook has a body template; use check and read the body");
    }
  }

  private static JsonElement member(JsonObject fields, String name) {
    return fields.has(name) ? fields.get(name) : JsonNull.INSTANCE;
  }

  private static Optional<String> text(JsonObject fields, String name) {
    JsonElement value = member(fields, name);
    return value.isJsonNull() ? Optional.empty() : Optional.of(value.getAsString());
  }
}
