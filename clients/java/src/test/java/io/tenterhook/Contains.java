package io.tenterhook;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Whether an answer contains what a scenario expects; clients/conformance/README.md has the rules. */
final class Contains {
  private static final Set<String> NOTHING = Set.of("", "0", "false");

  private Contains() {}

  /** Throws for what of {@code wanted} is not in {@code actual}. */
  static void check(JsonElement actual, JsonElement wanted, String place) {
    if (wanted.isJsonObject()) {
      for (Map.Entry<String, JsonElement> member : wanted.getAsJsonObject().entrySet()) {
        check(at(actual, member.getKey()), member.getValue(), place + "." + member.getKey());
      }
    } else if (wanted.isJsonArray()) {
      JsonArray items = actual.isJsonArray() ? actual.getAsJsonArray() : new JsonArray();
      JsonArray expected = wanted.getAsJsonArray();
      require(items.size() == expected.size(), place + ": " + items.size() + " items in " + items);
      for (int index = 0; index < expected.size(); index++) {
        check(items.get(index), expected.get(index), place + "[" + index + "]");
      }
    } else {
      require(fits(actual, text(wanted)), place + ": " + actual + " is not " + wanted);
    }
  }

  private static boolean fits(JsonElement actual, String wanted) {
    if (wanted.startsWith("~")) {
      return Pattern.compile(wanted.substring(1)).matcher(text(actual)).find();
    }
    if (wanted.equals("*")) {
      return !isEmpty(actual);
    }
    return text(actual).equals(wanted) || isEmpty(actual) && NOTHING.contains(wanted);
  }

  private static boolean isEmpty(JsonElement value) {
    if (value.isJsonObject()) {
      return value.getAsJsonObject().isEmpty();
    }
    return value.isJsonArray() ? value.getAsJsonArray().isEmpty() : NOTHING.contains(text(value));
  }

  /** Texts, numbers and truth values as text; nothing as the empty text. */
  static String text(JsonElement value) {
    if (value == null || value.isJsonNull()) {
      return "";
    }
    return value.isJsonPrimitive() ? value.getAsString() : value.toString();
  }

  /** The value at a path such as {@code deliveries.0.id}. */
  static JsonElement at(JsonElement value, String path) {
    JsonElement inside = value;
    for (String part : path.split("\\.")) {
      if (inside.isJsonArray()) {
        int index = Integer.parseInt(part);
        inside = index < inside.getAsJsonArray().size() ? inside.getAsJsonArray().get(index) : JsonNull.INSTANCE;
      } else {
        JsonObject members = inside.isJsonObject() ? inside.getAsJsonObject() : new JsonObject();
        inside = members.has(part) ? members.get(part) : JsonNull.INSTANCE;
      }
    }
    return inside;
  }

  static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }
}
