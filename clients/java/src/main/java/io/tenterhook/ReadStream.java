package io.tenterhook;

import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A stream that one thread reads and any may cancel. What happens on it is seen by interceptors only while somebody
 * reads; so the end is read too, for else a span of theirs would never end.
 */
final class ReadStream<Q, R> {
  /** The time for a stream to end that was cancelled, which needs no answer of the server. */
  private static final long END_NANOS = Duration.ofSeconds(1).toNanos();

  private final BlockingClientCall<Q, R> call;
  private final Life life;
  private final Runnable ending = () -> cancel("the client is closed");
  /** Two may not read at once. */
  private final ReentrantLock reading = new ReentrantLock();

  ReadStream(BlockingClientCall<Q, R> call, Life life) {
    this.call = call;
    this.life = life;
    life.whenClosed(ending);
  }

  /** The next message; null at the end. */
  @Nullable R read() throws InterruptedException, StatusException {
    reading.lock();
    try {
      return call.read();
    } finally {
      reading.unlock();
    }
  }

  /** The next message, if it comes within that time; null at the end. */
  @Nullable R read(long nanos) throws InterruptedException, StatusException, TimeoutException {
    reading.lock();
    try {
      return call.read(nanos, TimeUnit.NANOSECONDS);
    } finally {
      reading.unlock();
    }
  }

  /** Does nothing once the stream is cancelled, which the next read says. */
  void write(Q message) throws InterruptedException, StatusException {
    try {
      call.write(message);
    } catch (IllegalStateException cancelled) {
      return;
    }
  }

  /** Does nothing once the stream is cancelled, which the next read says. */
  void halfClose() {
    try {
      call.halfClose();
    } catch (IllegalStateException cancelled) {
      return;
    }
  }

  /** It is needed for every stream, also for one that has ended. */
  void cancel(String why) {
    life.forget(ending);
    call.cancel(why, null);
    boolean interrupted = Thread.interrupted();
    long until = System.nanoTime() + END_NANOS;
    try {
      R message;
      do {
        message = read(Math.max(0, until - System.nanoTime()));
      } while (message != null);
    } catch (StatusException | TimeoutException ended) {
      return;
    } catch (InterruptedException now) {
      interrupted = true;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
