package io.tenterhook;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * When failed calls are tried again: after {@code initial}, then {@code multiplier} times the wait
 * before, up to {@code max}, each changed at random by the share {@code jitter}. A value that is not
 * positive stands for its default, but no {@code jitter} is none.
 *
 * @param enabled false never tries a call again; a watch reconnects all the same
 */
public record RetryPolicy(Duration initial, double multiplier, Duration max, double jitter, boolean enabled) {
  /** 0.1 s, doubling up to 5 s. */
  public static final RetryPolicy DEFAULT =
      new RetryPolicy(Duration.ofMillis(100), 2, Duration.ofSeconds(5), 0.2, true);

  /** Never tries again. */
  public static final RetryPolicy DISABLED =
      new RetryPolicy(DEFAULT.initial, DEFAULT.multiplier, DEFAULT.max, DEFAULT.jitter, false);

  /** The wait after so many failures in a row, from 0. */
  Duration waitAfter(int failures) {
    double first = (initial.isNegative() || initial.isZero() ? DEFAULT.initial : initial).toNanos();
    double most = (max.isNegative() || max.isZero() ? DEFAULT.max : max).toNanos();
    double wait = Math.min(first * Math.pow(multiplier > 0 ? multiplier : DEFAULT.multiplier, failures), most);
    double spread = Math.min(Math.max(jitter, 0), 1) * (2 * ThreadLocalRandom.current().nextDouble() - 1);
    return Duration.ofNanos((long) (wait * (1 + spread)));
  }
}
