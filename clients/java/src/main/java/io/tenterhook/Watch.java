package io.tenterhook;

import io.grpc.CallOptions;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.ClientCalls;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesRequestOrBuilder;
import io.tenterhook.v1.WatchDeliveriesResponse;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** An endless sequence of changes; for one thread, but {@link #close} may be called from any. */
public final class Watch implements Iterator<Change>, Iterable<Change>, AutoCloseable {
  private static final Duration DEFAULT_BOOKMARK_INTERVAL = Duration.ofSeconds(30);
  /** A hundred years; the sum with {@link System#nanoTime} does not overflow in a comparison of differences. */
  private static final long FOREVER_NANOS = Duration.ofDays(36_500).toNanos();
  /** So many bookmark intervals of silence mean that the connection is dead. */
  private static final int SILENT_INTERVALS = 3;
  /** What would come again. */
  static final Set<Status.Code> ENDS_WATCH = EnumSet.of(
      Status.Code.ALREADY_EXISTS,
      Status.Code.DATA_LOSS,
      Status.Code.FAILED_PRECONDITION,
      Status.Code.INVALID_ARGUMENT,
      Status.Code.NOT_FOUND,
      Status.Code.OUT_OF_RANGE,
      Status.Code.PERMISSION_DENIED,
      Status.Code.UNAUTHENTICATED,
      Status.Code.UNIMPLEMENTED);

  private volatile Caller caller;
  /** Whether the connection is the watch's own, made because the client's was silent. */
  private volatile boolean own;
  private final WatchDeliveriesRequest.Builder request;
  private final Duration silence;
  private volatile @Nullable ReadStream<WatchDeliveriesRequest, WatchDeliveriesResponse> call;
  private volatile boolean closed;
  private final Follower follower = new Follower();
  private @Nullable Kept kept;
  private int failures;
  /** When it may connect again, and since when it waits for a message, by {@link System#nanoTime}. */
  private long notBefore = System.nanoTime();
  private long waitingSince;
  private boolean waiting;
  private @Nullable Change ahead;

  Watch(Caller caller, WatchDeliveriesRequest.Builder request) {
    this.caller = caller;
    this.request = request;
    silence = silenceOf(request);
  }

  /** The silence after which a connection is dead. */
  static Duration silenceOf(WatchDeliveriesRequestOrBuilder request) {
    var asked = request.getBookmarkInterval();
    Duration interval = request.hasBookmarkInterval()
        ? Duration.ofSeconds(asked.getSeconds(), asked.getNanos())
        : DEFAULT_BOOKMARK_INTERVAL;
    return interval.multipliedBy(SILENT_INTERVALS);
  }

  /** Calls {@code listener} when the watch has connected, and each time that it could not. */
  public Watch onConnectivity(Consumer<Connectivity> listener) {
    follower.listen(listener);
    return this;
  }

  /**
   * Keeps in {@code checkpoint} how far the program came; once it has a token the watch begins there, and not where the
   * request says. Set it before the first change is asked for.
   */
  public Watch checkpoint(Checkpoint checkpoint) {
    kept = new Kept(checkpoint);
    return this;
  }

  /**
   * Waits for the next change; false only after {@link #close}. An interrupt ends the wait with a
   * {@link TenterhookException} of the code CANCELLED, and not the watch.
   */
  @Override
  public boolean hasNext() {
    return advance(System.nanoTime() + FOREVER_NANOS);
  }

  /**
   * The next change; empty if none came within that time, or the watch is closed. To stop waiting does not end
   * the watch.
   */
  public Optional<Change> poll(Duration wait) {
    return advance(System.nanoTime() + wait.toNanos()) ? Optional.of(next()) : Optional.empty();
  }

  private boolean advance(long deadline) {
    while (ahead == null && !closed) {
      keep();
      try {
        WatchDeliveriesResponse message = receive(deadline);
        failures = 0;
        follower.heard();
        if (message.hasChange()) {
          ahead = new Change(message.getChange(), message.getResumeToken());
        } else {
          request.setResumeToken(message.getResumeToken());
        }
      } catch (TimeoutException waitIsOver) {
        return false;
      } catch (InterruptedException interrupted) {
        throw TenterhookException.interrupted();
      } catch (TenterhookException failure) {
        recover(failure);
      }
    }
    return ahead != null;
  }

  private void keep() {
    if (kept != null && kept.isDue(request.getResumeToken())) {
      String token = kept.keep(request.getResumeToken());
      if (!token.isEmpty()) {
        request.setResumeToken(token);
      }
    }
  }

  /**
   * Waits for the next change.
   *
   * @throws TenterhookException only for what would come again, such as a token that is no longer kept, when
   *     the client is closed, and when the thread is interrupted
   * @throws NoSuchElementException after {@link #close}
   */
  @Override
  public Change next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the watch is closed");
    }
    Change change = ahead;
    ahead = null;
    request.setResumeToken(change.token());
    return change;
  }

  @Override
  public Iterator<Change> iterator() {
    return this;
  }

  /** Resumes after the last change that {@link #next} returned, or after a later bookmark. */
  public String resumeToken() {
    return request.getResumeToken();
  }

  /** Ends the watch; a {@link #next} that waits in another thread ends too. */
  @Override
  public void close() {
    closed = true;
    disconnect("closed");
    if (own) {
      caller.disconnect();
    }
  }

  private void disconnect(String why) {
    var current = call;
    if (current != null) {
      current.cancel(why);
    }
    call = null;
  }

  private void recover(TenterhookException failure) {
    disconnect("reconnecting");
    if (closed) {
      return;
    }
    if (caller.life().isClosed()) {
      closed = true;
      throw new TenterhookException.Closed();
    }
    // One that was connected goes on whatever becomes of the server's certificate or name.
    if (ENDS_WATCH.contains(failure.code()) || failure.isPermanent() && !follower.wasConnected()) {
      closed = true;
      throw failure;
    }
    Duration wait = caller.retry().waitAfter(failures++);
    notBefore = System.nanoTime() + wait.toNanos();
    follower.failed(failure, wait);
  }

  /**
   * Takes the next message off the stream, which it opens if need be.
   *
   * @throws TimeoutException at the deadline, by {@link System#nanoTime}; the stream is kept
   */
  private WatchDeliveriesResponse receive(long deadline) throws InterruptedException, TimeoutException {
    var current = call;
    if (current == null) {
      pause(deadline);
      current = new ReadStream<>(
          ClientCalls.blockingV2ServerStreamingCall(
              caller.channel(), DeliveryServiceGrpc.getWatchDeliveriesMethod(), CallOptions.DEFAULT, request.build()),
          caller.life());
      call = current;
      waiting = false;
    }
    if (!waiting) {
      waiting = true;
      waitingSince = System.nanoTime();
    }
    long silentAt = waitingSince + silence.toNanos();
    long until = silentAt - deadline < 0 ? silentAt : deadline;
    try {
      WatchDeliveriesResponse message = current.read(Math.max(0, until - System.nanoTime()));
      if (message == null) {
        throw TenterhookException.unavailable("the stream ended");
      }
      waiting = false;
      return message;
    } catch (StatusException failure) {
      throw TenterhookException.of(failure);
    } catch (TimeoutException nothing) {
      if (until == deadline) {
        throw nothing;
      }
      reconnect();
      throw TenterhookException.unavailable("the stream is silent");
    }
  }

  /** Waits until it may connect. */
  private void pause(long deadline) throws InterruptedException, TimeoutException {
    boolean late = deadline - notBefore < 0;
    long left = (late ? deadline : notBefore) - System.nanoTime();
    if (left > 0) {
      caller.pause(Duration.ofNanos(left));
    } else {
      caller.life().check();
    }
    if (late) {
      throw new TimeoutException();
    }
    if (closed) {
      throw TenterhookException.unavailable("closed");
    }
  }

  /** The connection may be dead and not know it: only another one helps. */
  private void reconnect() {
    disconnect("silent");
    Caller another = caller.reconnected();
    if (own) {
      caller.disconnect();
    }
    caller = another;
    own = true;
  }
}
