package io.tenterhook;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.Status;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesResponse;
import java.time.Duration;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An endless sequence of changes, without a thread that waits: as {@link Watch}, which see. For one reader, but from any
 * thread.
 */
public final class AsyncWatch implements AutoCloseable {
  private Caller caller;
  /** Whether the connection is the watch's own, made because the client's was silent. */
  private boolean own;
  private final WatchDeliveriesRequest.Builder request;
  private final Duration silence;
  /** What who opened it had in theirs, such as a trace, for every connection; it does not end with theirs. */
  private final Context context = Context.current().fork();
  private final Follower follower = new Follower();
  private @Nullable Kept kept;
  /** The checkpoint is loaded or saved in another thread. */
  private boolean keeping;
  private final Runnable ending = () -> end(new TenterhookException.Closed());
  private @Nullable Stream stream;
  /** A connection is to be made after a wait. */
  private boolean connecting;
  /** Looks after the silence of the stream; at most one. */
  private boolean timed;
  private int failures;
  private @Nullable Change ahead;
  private @Nullable RuntimeException failure;
  private @Nullable CompletableFuture<@Nullable Void> waiter;

  AsyncWatch(Caller caller, WatchDeliveriesRequest.Builder request) {
    this.caller = caller;
    this.request = request;
    silence = Watch.silenceOf(request);
    caller.life().whenClosed(ending);
  }

  /**
   * Calls {@code listener} when the watch has connected, and each time that it could not. It must not wait for
   * anything.
   */
  public synchronized AsyncWatch onConnectivity(Consumer<Connectivity> listener) {
    follower.listen(listener);
    return this;
  }

  /**
   * Keeps in {@code checkpoint} how far the program came; once it has a token the watch begins there, and not where the
   * request says. It is called in a thread of the common pool. Set it before the first change is asked for.
   */
  public synchronized AsyncWatch checkpoint(Checkpoint checkpoint) {
    kept = new Kept(checkpoint);
    return this;
  }

  /**
   * The next change, to come. To cancel the future gives up the wait and not the watch. It fails only with what would
   * come again, such as a token that is no longer kept, when the client is closed, and with a {@link
   * NoSuchElementException} when the watch is.
   */
  public CompletableFuture<Change> next() {
    var next = new CompletableFuture<Change>();
    CompletableFuture<@Nullable Void> ready = ready();
    next.whenComplete((change, given) -> ready.cancel(false));
    ready.whenComplete((nothing, thrown) -> {
      if (thrown != null) {
        next.completeExceptionally(thrown);
      } else if (!next.isDone()) {
        hand(next);
      }
    });
    return next;
  }

  private void hand(CompletableFuture<Change> next) {
    try {
      Change change = poll().orElseThrow(() -> new IllegalStateException("another reader took the change"));
      if (!next.complete(change)) {
        putBack(change);
      }
    } catch (RuntimeException thrown) {
      next.completeExceptionally(thrown);
    }
  }

  /**
   * Is done when {@link #poll} has a change or would throw. One at a time: a new one takes the place of the one before,
   * which is cancelled.
   */
  public CompletableFuture<@Nullable Void> ready() {
    var made = new CompletableFuture<@Nullable Void>();
    CompletableFuture<@Nullable Void> before;
    synchronized (this) {
      before = waiter;
      waiter = made;
    }
    if (before != null) {
      before.cancel(false);
    }
    advance();
    return made;
  }

  /** The next change if it is there; it counts as handed out. */
  public synchronized Optional<Change> poll() {
    if (ahead == null && failure != null) {
      throw failure;
    }
    Optional<Change> change = Optional.ofNullable(ahead);
    change.ifPresent(one -> request.setResumeToken(one.token()));
    ahead = null;
    return change;
  }

  /** Takes back the change that {@link #poll} gave last, before the next is asked for: it is given again. */
  public synchronized void putBack(Change change) {
    ahead = change;
  }

  /** Resumes after the last change that was handed out, or after a later bookmark. */
  public synchronized String resumeToken() {
    return request.getResumeToken();
  }

  /** Ends the watch; a wait for its next change ends too. */
  @Override
  public void close() {
    end(new NoSuchElementException("the watch is closed"));
  }

  private void end(RuntimeException why) {
    synchronized (this) {
      failure = failure == null ? why : failure;
      ahead = null;
      disconnect("closed");
      if (own) {
        caller.disconnect();
        own = false;
      }
    }
    caller.life().forget(ending);
    advance();
  }

  /** Wakes who waits, or does what is next to be done for it. */
  private void advance() {
    CompletableFuture<@Nullable Void> done = null;
    RuntimeException thrown = null;
    synchronized (this) {
      if (waiter == null || waiter.isDone()) {
        waiter = null;
      } else if (ahead != null || failure != null) {
        done = waiter;
        waiter = null;
        thrown = ahead == null ? failure : null;
      } else if (keeping) {
        return; // goes on when that is done
      } else if (kept != null && kept.isDue(request.getResumeToken())) {
        keep(request.getResumeToken());
      } else if (stream != null) {
        stream.ask();
      } else if (!connecting) {
        connect();
        if (failure != null) {
          done = waiter;
          waiter = null;
          thrown = failure;
        }
      }
    }
    if (thrown != null) {
      done.completeExceptionally(thrown);
    } else if (done != null) {
      done.complete(null);
    }
  }

  /** Runs under the lock; loads or saves without it. */
  private void keep(String token) {
    keeping = true;
    CompletableFuture.supplyAsync(() -> kept.keep(token)).whenComplete((begin, thrown) -> {
      CompletableFuture<@Nullable Void> failed = null;
      synchronized (this) {
        keeping = false;
        if (thrown != null) {
          failed = waiter;
          waiter = null;
        } else if (!begin.isEmpty() && failure == null) {
          request.setResumeToken(begin);
        }
      }
      if (failed != null) {
        failed.completeExceptionally(thrown instanceof CompletionException ? thrown.getCause() : thrown);
      }
      advance();
    });
  }

  private void connect() {
    try {
      caller.life().check();
      context.run(() -> {
        stream = new Stream();
        stream.start();
      });
    } catch (RuntimeException thrown) { // what the function of the key or of the headers threw
      disconnect("cannot start");
      failure = thrown;
    }
  }

  private void disconnect(String why) {
    if (stream != null) {
      stream.call.cancel(why, null);
      stream = null;
    }
  }

  /** Runs under the lock. */
  private void recover(TenterhookException lost) {
    disconnect("reconnecting");
    if (failure != null) {
      return;
    }
    // One that was connected goes on whatever becomes of the server's certificate or name.
    if (Watch.ENDS_WATCH.contains(lost.code()) || lost.isPermanent() && !follower.wasConnected()) {
      failure = lost;
      return;
    }
    Duration wait = caller.retry().waitAfter(failures++);
    connecting = true;
    later(wait, () -> {
      synchronized (this) {
        connecting = false;
        caller.managed().resetConnectBackoff();
      }
      advance();
    });
    follower.failed(lost, wait);
  }

  private static void later(Duration wait, Runnable action) {
    CompletableFuture.delayedExecutor(Math.max(0, wait.toNanos()), TimeUnit.NANOSECONDS).execute(action);
  }

  /** Looks after the silence of what is asked for. */
  private void time(Duration wait) {
    timed = true;
    later(wait, () -> {
      synchronized (this) {
        timed = false;
        if (failure != null || stream == null || !stream.asked) {
          return;
        }
        Duration left = silence.minusNanos(System.nanoTime() - stream.since);
        if (left.compareTo(Duration.ZERO) > 0) {
          time(left);
          return;
        }
        reconnect();
        recover(TenterhookException.unavailable("the stream is silent"));
      }
      advance();
    });
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

  /** One stream; what comes of one that was left does not count. */
  private final class Stream extends ClientCall.Listener<WatchDeliveriesResponse> {
    private final ClientCall<WatchDeliveriesRequest, WatchDeliveriesResponse> call =
        caller.channel().newCall(DeliveryServiceGrpc.getWatchDeliveriesMethod(), CallOptions.DEFAULT);
    /** A message is asked for, since when by {@link System#nanoTime}. */
    private boolean asked;
    private long since;

    void start() {
      call.start(this, new Metadata());
      call.sendMessage(request.build());
      call.halfClose();
      ask();
    }

    /** Asks for the next message: one at a time, so that none is read ahead of the program. */
    void ask() {
      if (asked) {
        return;
      }
      asked = true;
      since = System.nanoTime();
      call.request(1);
      if (!timed) {
        time(silence);
      }
    }

    @Override
    public void onMessage(WatchDeliveriesResponse message) {
      synchronized (AsyncWatch.this) {
        if (stream != this) {
          return;
        }
        asked = false;
        failures = 0;
        follower.heard();
        if (message.hasChange()) {
          ahead = new Change(message.getChange(), message.getResumeToken());
        } else {
          request.setResumeToken(message.getResumeToken());
        }
      }
      advance();
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      synchronized (AsyncWatch.this) {
        if (stream != this) {
          return;
        }
        stream = null;
        if (failure == null) {
          recover(status.isOk()
              ? TenterhookException.unavailable("the stream ended")
              : TenterhookException.of(status.asRuntimeException(trailers)));
        }
      }
      advance();
    }
  }
}
