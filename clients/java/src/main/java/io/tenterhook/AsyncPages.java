package io.tenterhook;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** A list, page by page; for one reader. */
public final class AsyncPages<T> {
  /** One page: its items, the token of the next page, empty on the last, and where to watch from. */
  record Page<T>(List<T> items, String next, String resumeToken) {}

  private final Function<String, CompletableFuture<Page<T>>> fetch;
  private String token;
  private boolean more = true;
  private String resumeToken = "";

  AsyncPages(String first, Function<String, CompletableFuture<Page<T>>> fetch) {
    this.token = first;
    this.fetch = fetch;
  }

  /** The items of the next page that has some; none when there are no more. Wait for it before you ask for another. */
  public CompletableFuture<List<T>> next() {
    synchronized (this) {
      if (!more) {
        return CompletableFuture.completedFuture(List.of());
      }
      return fetch.apply(token).thenCompose(this::take);
    }
  }

  private CompletableFuture<List<T>> take(Page<T> page) {
    synchronized (this) {
      token = page.next();
      more = !token.isEmpty();
      if (!page.resumeToken().isEmpty()) {
        resumeToken = page.resumeToken();
      }
    }
    return page.items().isEmpty() ? next() : CompletableFuture.completedFuture(page.items());
  }

  /** Of deliveries: starts a watch that misses no change after the list; empty until the first page has come. */
  public synchronized String resumeToken() {
    return resumeToken;
  }
}
