package io.tenterhook;

import java.time.Duration;
import java.util.Optional;

/**
 * Whether a watch is connected.
 *
 * @param connected whether the server has sent something over the connection that there is
 * @param error why there is none
 * @param retryIn when the watch tries again
 */
public record Connectivity(boolean connected, Optional<TenterhookException> error, Optional<Duration> retryIn) {
  static final Connectivity CONNECTED = new Connectivity(true, Optional.empty(), Optional.empty());

  static Connectivity waiting(TenterhookException error, Duration retryIn) {
    return new Connectivity(false, Optional.of(error), Optional.of(retryIn));
  }
}
