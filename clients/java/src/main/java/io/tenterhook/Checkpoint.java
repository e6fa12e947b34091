package io.tenterhook;

import java.io.IOException;
import java.util.Optional;

/**
 * Keeps the resume token of a watch over a restart of the program, for example in a file: {@link FileCheckpoint}.
 *
 * <p>A watch loads it before it first connects, and saves it when the program asks for the next change: what was handed
 * out before is handled by then. So a change that was in hand at a crash comes again, and none is lost. What either
 * method throws comes out where the watch is asked for a change, an {@link IOException} as an {@link
 * java.io.UncheckedIOException}; it does not end the watch, which tries again when it is asked again.
 */
public interface Checkpoint {
  /** The token that was saved last; empty if there was none. */
  Optional<String> load() throws IOException;

  /** Keeps the token. It must last when this returns. */
  void save(String token) throws IOException;
}
