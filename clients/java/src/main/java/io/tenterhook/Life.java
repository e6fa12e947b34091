package io.tenterhook;

import io.grpc.ManagedChannel;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Whether a client is closed, and the connections that end with it. */
final class Life {
  /** Time for the connections to end. */
  private static final long END_SECONDS = 5;

  private final CountDownLatch end = new CountDownLatch(1);
  private final Set<ManagedChannel> channels = ConcurrentHashMap.newKeySet();
  private final Set<Runnable> endings = ConcurrentHashMap.newKeySet();

  boolean isClosed() {
    return end.getCount() == 0;
  }

  /** @throws TenterhookException.Closed if the client is closed */
  void check() {
    if (isClosed()) {
      throw new TenterhookException.Closed();
    }
  }

  void add(ManagedChannel channel) {
    channels.add(channel);
    if (isClosed()) {
      channel.shutdownNow();
    }
  }

  void remove(ManagedChannel channel) {
    channels.remove(channel);
    channel.shutdownNow();
  }

  /** Runs {@code ending} when the client is closed, at once if it is; {@link #forget} it when it is of no use. */
  void whenClosed(Runnable ending) {
    endings.add(ending);
    if (isClosed()) {
      ending.run();
    }
  }

  void forget(Runnable ending) {
    endings.remove(ending);
  }

  /**
   * Waits.
   *
   * @throws TenterhookException.Closed if the client is closed meanwhile
   */
  void pause(Duration wait) throws InterruptedException {
    if (end.await(Math.max(0, wait.toNanos()), TimeUnit.NANOSECONDS)) {
      throw new TenterhookException.Closed();
    }
  }

  void close() {
    end.countDown();
    endings.forEach(Runnable::run);
    channels.forEach(ManagedChannel::shutdownNow);
    try {
      for (ManagedChannel channel : channels) {
        channel.awaitTermination(END_SECONDS, TimeUnit.SECONDS);
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
