package io.tenterhook;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/** The checkpoint of one watch, and what it has. */
final class Kept {
  private final Checkpoint checkpoint;
  /** Null before it was loaded. */
  private @Nullable String saved;

  Kept(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  /** Whether there is something to load or to save. */
  boolean isDue(String token) {
    return !token.equals(saved);
  }

  /**
   * Saves {@code token}, at which the watch stands, for the program has handled what it was handed. At first loads it.
   *
   * @return the token to begin with
   */
  String keep(String token) {
    try {
      String begin = token;
      if (saved == null) {
        saved = checkpoint.load().orElse("");
        begin = saved.isEmpty() ? token : saved;
      }
      if (!begin.equals(saved)) {
        checkpoint.save(begin);
        saved = begin;
      }
      return begin;
    } catch (IOException failure) {
      throw new UncheckedIOException("the checkpoint of a watch: " + failure.getMessage(), failure);
    }
  }
}
