package io.tenterhook;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A text with places such as {@code {{body}}}: a place stands between each two of its literals. */
record PlacedText(List<String> literals, List<String> places) {
  /**
   * Reads a text in which only the known places may stand.
   *
   * @param where the text, for the error
   */
  static PlacedText read(String text, List<String> known, String where) {
    List<String> literals = new ArrayList<>();
    List<String> places = new ArrayList<>();
    int from = 0;
    for (int open = text.indexOf("{{"); open >= 0; open = text.indexOf("{{", from)) {
      int close = text.indexOf("}}", open);
      String name = close < 0 ? "" : text.substring(open + 2, close).strip();
      if (!known.contains(name)) {
        String names = known.stream().map(one -> "{{" + one + "}}").collect(Collectors.joining(", "));
        throw new MisconfiguredException(where + ": a place is unknown or does not end; it may have " + names);
      }
      literals.add(text.substring(from, open));
      places.add(name);
      from = close + 2;
    }
    literals.add(text.substring(from));
    return new PlacedText(literals, places);
  }

  /** Whether nothing keeps two of the places apart. */
  boolean runsTogether() {
    return places.size() > 1 && literals.subList(1, literals.size() - 1).contains("");
  }

  /**
   * What stands at the places, or null if the text is another: each ends where the literal after it first stands, the
   * last one at the end. It takes time in proportion to what is given, whoever wrote it.
   */
  @Nullable List<String> split(String given) {
    int from = literals.get(0).length();
    if (!given.startsWith(literals.get(0))) {
      return null;
    }
    List<String> said = new ArrayList<>();
    for (int index = 0; index < places.size(); index++) {
      String literal = literals.get(index + 1);
      boolean isLast = index == places.size() - 1;
      int to = isLast ? given.length() - literal.length() : given.indexOf(literal, from);
      if (to < from || !given.startsWith(literal, to)) {
        return null;
      }
      said.add(given.substring(from, to));
      from = to + literal.length();
    }
    return from == given.length() ? said : null;
  }
}
