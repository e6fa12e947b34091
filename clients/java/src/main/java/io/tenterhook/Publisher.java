package io.tenterhook;

import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.tenterhook.v1.BatchPublishEventsRequest;
import io.tenterhook.v1.BatchPublishEventsResponse;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.PublishResult;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Gathers events into batches by itself, which is many times faster than one call an event; safe to share between
 * threads. Made by {@link Client#publisher()}.
 */
public final class Publisher implements AutoCloseable {
  private static final MethodDescriptor<BatchPublishEventsRequest, BatchPublishEventsResponse> PUBLISH =
      EventServiceGrpc.getBatchPublishEventsMethod();
  private static final Pattern INDEX = Pattern.compile("^events\\[(\\d+)]");
  /** What a later try may mend: the server is away or overloaded, or its answer was lost. */
  private static final Set<Status.Code> TRANSIENT = EnumSet.of(
      Status.Code.UNAVAILABLE,
      Status.Code.DEADLINE_EXCEEDED,
      Status.Code.RESOURCE_EXHAUSTED,
      Status.Code.UNKNOWN,
      Status.Code.INTERNAL);

  /**
   * How a publisher gathers events.
   *
   * @param linger how long the first event of a batch waits for others
   * @param maxEvents of a batch
   * @param maxBytes of a batch
   * @param inFlight how many batches are sent at once
   * @param outstanding how many events may wait for their results
   * @param failWhenFull whether {@link #publish} throws {@link Full} where it would wait for room
   * @param timeout how long a batch is tried again
   */
  public record Settings(
      Duration linger,
      int maxEvents,
      int maxBytes,
      int inFlight,
      int outstanding,
      boolean failWhenFull,
      Duration timeout) {
    /** 5 ms, 500 events, 1 MiB, 4 batches, 10,000 events outstanding, waiting for room, 60 s. */
    public static final Settings DEFAULT =
        new Settings(Duration.ofMillis(5), 500, 1 << 20, 4, 10_000, false, Duration.ofSeconds(60));
  }

  /** There are as many events outstanding as the publisher allows. */
  public static final class Full extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Full(int outstanding) {
      super(outstanding + " events are outstanding");
    }
  }

  /**
   * The result to come of one event.
   *
   * @param eventId known at once: under it the event can be published again
   * @param result fails with a {@link TenterhookException}
   */
  public record Publication(String eventId, CompletableFuture<PublishResult> result) {}

  private record Pending(Event event, int size, long since, CompletableFuture<PublishResult> result) {}

  private final Caller caller;
  private final UnaryOperator<Event> complete;
  private final Settings settings;
  private final List<Thread> workers = new ArrayList<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();
  private final Condition room = lock.newCondition();
  private final Deque<Pending> waiting = new ArrayDeque<>();
  private final Set<String> busy = new HashSet<>();
  private long bytes;
  private int outstanding;
  private int flushing;
  private boolean closed;

  Publisher(Caller caller, UnaryOperator<Event> complete, Settings settings) {
    this.caller = caller;
    this.complete = complete;
    this.settings = settings;
    for (int index = 0; index < settings.inFlight(); index++) {
      Thread worker = new Thread(this::run, "tenterhook-publisher");
      // A program that forgets to close loses what it did not wait for, but ends.
      worker.setDaemon(true);
      worker.start();
      workers.add(worker);
    }
  }

  /**
   * Takes an event and gives its result to come, at once; waits where there is no room.
   *
   * @throws Full where there is no room, if the settings say so
   * @throws TenterhookException.Closed when the publisher or its client is closed
   */
  public Publication publish(Event event) {
    Event made = complete.apply(event);
    var result = new CompletableFuture<PublishResult>();
    lock.lock();
    try {
      while (outstanding >= settings.outstanding() && !closed) {
        if (settings.failWhenFull()) {
          throw new Full(outstanding);
        }
        room.await();
      }
      if (closed) {
        throw new TenterhookException.Closed();
      }
      caller.life().check();
      int size = made.getSerializedSize();
      waiting.add(new Pending(made, size, System.nanoTime(), result));
      bytes += size;
      outstanding++;
      if (waiting.size() == 1 || waiting.size() >= settings.maxEvents() || bytes >= settings.maxBytes()) {
        work.signal();
      }
    } catch (InterruptedException interrupted) {
      throw TenterhookException.interrupted();
    } finally {
      lock.unlock();
    }
    return new Publication(made.getId(), result);
  }

  /** Returns when every event that was taken before has its result. */
  public void flush() {
    lock.lock();
    try {
      flushing++;
      work.signalAll();
      while (outstanding > 0) {
        room.await();
      }
    } catch (InterruptedException interrupted) {
      throw TenterhookException.interrupted();
    } finally {
      flushing--;
      lock.unlock();
    }
  }

  /** Takes no more events, and returns when all have their results. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      work.signalAll();
      room.signalAll();
    } finally {
      lock.unlock();
    }
    try {
      for (Thread worker : workers) {
        worker.join();
      }
    } catch (InterruptedException interrupted) {
      throw TenterhookException.interrupted();
    }
  }

  private void run() {
    for (List<Pending> batch = next(); batch != null; batch = next()) {
      try {
        send(batch);
      } catch (RuntimeException unexpected) {
        batch.forEach(one -> one.result().completeExceptionally(unexpected));
      }
      lock.lock();
      try {
        batch.forEach(one -> busy.remove(one.event().getOrderingKey()));
        outstanding -= batch.size();
        room.signalAll();
        work.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /** Waits for a batch; null when there will be none. */
  private @Nullable List<Pending> next() {
    lock.lock();
    try {
      while (true) {
        List<Pending> batch = new ArrayList<>();
        long left = take(batch);
        if (left <= 0 && !batch.isEmpty()) {
          return batch;
        } else if (closed && waiting.isEmpty()) {
          return null;
        } else if (left > 0) {
          work.awaitNanos(left);
        } else {
          work.await();
        }
      }
    } catch (InterruptedException nobodyDoes) {
      throw new IllegalStateException("the threads are the publisher's own", nobodyDoes);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Collects a batch that is due; or gives the nanoseconds until it is, and leaves it. Events of one ordering key are
   * never in two batches at once.
   */
  private long take(List<Pending> batch) {
    Deque<Pending> skipped = new ArrayDeque<>();
    long size = 0;
    boolean full = false;
    while (!waiting.isEmpty() && batch.size() < settings.maxEvents()) {
      Pending one = waiting.peek();
      if (busy.contains(one.event().getOrderingKey())) {
        skipped.push(waiting.remove());
      } else if (!batch.isEmpty() && size + one.size() > settings.maxBytes()) {
        full = true;
        break;
      } else {
        batch.add(waiting.remove());
        size += one.size();
      }
    }
    full |= batch.size() >= settings.maxEvents() || size >= settings.maxBytes();
    skipped.forEach(waiting::push);
    if (batch.isEmpty()) {
      return 0;
    }
    long left = batch.get(0).since() + settings.linger().toNanos() - System.nanoTime();
    if (left > 0 && !full && flushing == 0 && !closed) {
      for (int index = batch.size() - 1; index >= 0; index--) {
        waiting.push(batch.get(index));
      }
      return left;
    }
    bytes -= size;
    batch.stream().map(one -> one.event().getOrderingKey()).filter(key -> !key.isEmpty()).forEach(busy::add);
    return 0;
  }

  private void send(List<Pending> batch) {
    long until = System.nanoTime() + settings.timeout().toNanos();
    List<Pending> rest = batch;
    for (int failures = 0; !rest.isEmpty(); ) {
      try {
        var request = BatchPublishEventsRequest.newBuilder().addAllEvents(rest.stream().map(Pending::event).toList());
        var results = caller
            .call(PUBLISH, request.build(), caller.timeoutOf(PUBLISH))
            .getResultsList();
        for (int index = 0; index < rest.size(); index++) {
          rest.get(index).result().complete(results.get(index));
        }
        return;
      } catch (TenterhookException failure) {
        if (!pause(failure, failures++, until)) {
          rest = fail(rest, failure);
        }
      }
    }
  }

  /** Waits before the next try; false when there is to be none. */
  private boolean pause(TenterhookException failure, int failures, long until) {
    if (!TRANSIENT.contains(failure.code())) {
      return false;
    }
    Duration wait = caller.retry().waitAfter(failures);
    Duration least = failure.retryAfter().orElse(Duration.ZERO);
    long nanos = Math.max(wait.toNanos(), least.toNanos());
    if (System.nanoTime() + nanos - until >= 0) {
      return false;
    }
    try {
      caller.pause(Duration.ofNanos(nanos));
      return true;
    } catch (TenterhookException.Closed closed) {
      return true; // the next try says so
    } catch (InterruptedException nobodyDoes) {
      throw new IllegalStateException("the threads are the publisher's own", nobodyDoes);
    }
  }

  /**
   * Fails the events that the error names, and gives those that may be sent again: batches are all or none. It fails all
   * when the error names none.
   */
  private static List<Pending> fail(List<Pending> batch, TenterhookException failure) {
    Set<Integer> wrong = new HashSet<>();
    failure.fieldViolations().forEach(violation -> {
      Matcher matcher = INDEX.matcher(violation.field());
      if (matcher.find()) {
        wrong.add(Integer.valueOf(matcher.group(1)));
      }
    });
    String conflict = failure.metadata().get("event_id");
    for (int index = 0; index < batch.size(); index++) {
      if (batch.get(index).event().getId().equals(conflict)) {
        wrong.add(index);
      }
    }
    List<Pending> rest = new ArrayList<>();
    for (int index = 0; index < batch.size(); index++) {
      if (wrong.isEmpty() || wrong.contains(index)) {
        batch.get(index).result().completeExceptionally(failure);
      } else {
        rest.add(batch.get(index));
      }
    }
    return rest;
  }
}
