package io.tenterhook;

import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.function.Consumer;

/** Follows the connection of one watch, for the program and for its log. */
final class Follower {
  static final System.Logger LOG = System.getLogger("io.tenterhook");
  /** The time between two warnings of a watch that cannot connect. */
  private static final long WARN_INTERVAL_NANOS = Duration.ofMinutes(1).toNanos();

  private Consumer<Connectivity> listener = connectivity -> {};
  private boolean connected;
  private boolean wasConnected;
  private boolean warned;
  private long warnedAt;
  private int failures;

  void listen(Consumer<Connectivity> listener) {
    this.listener = listener;
  }

  /** Whether there ever was a connection. */
  boolean wasConnected() {
    return wasConnected;
  }

  /** Notes that the server sent something. */
  void heard() {
    if (connected) {
      return;
    }
    if (warned) {
      LOG.log(Level.INFO, "watch is connected again, after " + failures + " tries");
    }
    connected = true;
    wasConnected = true;
    warned = false;
    failures = 0;
    listener.accept(Connectivity.CONNECTED);
  }

  /** Notes that the connection failed or could not be made. */
  void failed(TenterhookException error, Duration retryIn) {
    boolean due = !warned || System.nanoTime() - warnedAt >= WARN_INTERVAL_NANOS;
    String next = ", tries again in " + retryIn.toMillis() + " ms: " + error.getMessage();
    if (connected) {
      // One that is back at once, as after a restart of the server, is worth no warning.
      LOG.log(Level.DEBUG, "watch lost its connection" + next);
    } else {
      LOG.log(due ? Level.WARNING : Level.DEBUG, "watch cannot connect" + next);
      warnedAt = due ? System.nanoTime() : warnedAt;
      warned = true;
    }
    connected = false;
    failures++;
    listener.accept(Connectivity.waiting(error, retryIn));
  }
}
