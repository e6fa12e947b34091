package io.tenterhook;

import java.util.LinkedHashSet;

/** Remembers which deliveries were handled. A shared one, in a database, is for several processes. */
public interface Seen {
  /** Whether the event with this id was handled. */
  boolean has(String id);

  /** Notes that it was. */
  void add(String id);

  /** The ids of the last {@code limit} events, in memory. */
  static Seen recent(int limit) {
    return new Seen() {
      private final LinkedHashSet<String> ids = new LinkedHashSet<>();

      @Override
      public synchronized boolean has(String id) {
        return ids.contains(id);
      }

      @Override
      public synchronized void add(String id) {
        ids.add(id);
        if (ids.size() > limit) {
          ids.remove(ids.iterator().next());
        }
      }
    };
  }
}
