package io.tenterhook;

import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.function.Function;

/** Lists that turn their own pages. */
final class Pages {
  private Pages() {}

  /** One page: its items and the token of the next page, empty on the last. */
  record Page<T>(List<T> items, String next) {}

  static <T> Iterable<T> of(String first, Function<String, Page<T>> fetch) {
    return () -> new Items<>(first, fetch);
  }

  private static final class Items<T> implements Iterator<T> {
    private final Function<String, Page<T>> fetch;
    private final Queue<T> items = new ArrayDeque<>();
    private String token;
    private boolean more = true;

    Items(String first, Function<String, Page<T>> fetch) {
      this.token = first;
      this.fetch = fetch;
    }

    @Override
    public boolean hasNext() {
      while (items.isEmpty() && more) {
        Page<T> page = fetch.apply(token);
        items.addAll(page.items());
        token = page.next();
        more = !token.isEmpty();
      }
      return !items.isEmpty();
    }

    @Override
    public T next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return items.remove();
    }
  }
}
