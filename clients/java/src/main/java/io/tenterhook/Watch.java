package io.tenterhook;

import io.grpc.CallOptions;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.ClientCalls;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesResponse;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** An endless sequence of changes; for one thread, but {@link #close} may be called from any. */
public final class Watch implements Iterator<Change>, Iterable<Change>, AutoCloseable {
  private static final Duration DEFAULT_BOOKMARK_INTERVAL = Duration.ofSeconds(30);
  /** So many bookmark intervals of silence mean that the connection is dead. */
  private static final int SILENT_INTERVALS = 3;
  private static final Set<Status.Code> ENDS_WATCH = EnumSet.of(
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
  private volatile BlockingClientCall<WatchDeliveriesRequest, WatchDeliveriesResponse> call;
  private volatile boolean closed;
  private int failures;
  private Change ahead;

  Watch(Caller caller, WatchDeliveriesRequest.Builder request) {
    this.caller = caller;
    this.request = request;
    var asked = request.getBookmarkInterval();
    Duration interval = request.hasBookmarkInterval()
        ? Duration.ofSeconds(asked.getSeconds(), asked.getNanos())
        : DEFAULT_BOOKMARK_INTERVAL;
    silence = interval.multipliedBy(SILENT_INTERVALS);
  }

  /** Waits for the next change; false only after {@link #close}. */
  @Override
  public boolean hasNext() {
    while (ahead == null && !closed) {
      try {
        WatchDeliveriesResponse message = receive();
        failures = 0;
        if (message.hasChange()) {
          ahead = new Change(message.getChange(), message.getResumeToken());
        } else {
          request.setResumeToken(message.getResumeToken());
        }
      } catch (TenterhookException failure) {
        recover(failure);
      }
    }
    return ahead != null;
  }

  /**
   * Waits for the next change.
   *
   * @throws TenterhookException only for what would come again, such as a token that is no longer kept
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
      caller.managed().shutdownNow();
    }
  }

  private void disconnect(String why) {
    var current = call;
    if (current != null) {
      current.cancel(why, null);
    }
    call = null;
  }

  private void recover(TenterhookException failure) {
    disconnect("reconnecting");
    if (closed) {
      return;
    }
    if (ENDS_WATCH.contains(failure.code())) {
      closed = true;
      throw failure;
    }
    if (!caller.sleep(caller.retry().waitAfter(failures++))) {
      closed = true;
      throw failure;
    }
  }

  /** Takes the next message off the stream, which it opens if need be. */
  private WatchDeliveriesResponse receive() {
    try {
      var current = call;
      if (current == null) {
        current = ClientCalls.blockingV2ServerStreamingCall(
            caller.channel(), DeliveryServiceGrpc.getWatchDeliveriesMethod(), CallOptions.DEFAULT, request.build());
        call = current;
      }
      WatchDeliveriesResponse message = current.read(silence.toNanos(), TimeUnit.NANOSECONDS);
      if (message == null) {
        throw unavailable("the stream ended");
      }
      return message;
    } catch (StatusException failure) {
      throw TenterhookException.of(failure);
    } catch (TimeoutException silent) {
      reconnect();
      throw unavailable("the stream is silent");
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw TenterhookException.of(Status.CANCELLED.withDescription("the thread was interrupted").asException());
    }
  }

  /** The connection may be dead and not know it: only another one helps. */
  private void reconnect() {
    disconnect("silent");
    Caller another = caller.reconnected();
    if (own) {
      caller.managed().shutdownNow();
    }
    caller = another;
    own = true;
  }

  private static TenterhookException unavailable(String why) {
    return TenterhookException.of(Status.UNAVAILABLE.withDescription(why).asException());
  }
}
