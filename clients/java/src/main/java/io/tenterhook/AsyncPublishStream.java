package io.tenterhook;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.StreamPublishEventsRequest;
import io.tenterhook.v1.StreamPublishEventsResponse;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A stream of events, each acknowledged by itself; one bad event does not end it. Safe to share between threads. It holds
 * a stream of the server until it has ended or is closed.
 */
public final class AsyncPublishStream implements AutoCloseable {
  /** Events sent ahead of their acknowledgements. */
  private static final int IN_FLIGHT_MAX = 256;

  private final Caller caller;
  private final UnaryOperator<Event> complete;
  private final ClientCall<StreamPublishEventsRequest, StreamPublishEventsResponse> call;
  private final CompletableFuture<@Nullable Void> ended = new CompletableFuture<>();
  private final Deque<CompletableFuture<Ack>> waiting = new ArrayDeque<>();
  private final List<CompletableFuture<@Nullable Void>> ready = new ArrayList<>();
  private final Runnable ending = () -> end(new TenterhookException.Closed());
  private long sent;
  private boolean finished;

  AsyncPublishStream(Caller caller, UnaryOperator<Event> complete) {
    this.caller = caller;
    this.complete = complete;
    caller.life().check();
    call = caller.channel().newCall(EventServiceGrpc.getStreamPublishEventsMethod(), CallOptions.DEFAULT);
    call.start(new Answers(), new Metadata());
    call.request(1);
    caller.life().whenClosed(ending);
    ended.whenComplete((nothing, thrown) -> caller.life().forget(ending));
  }

  /**
   * Sends an event, and gives what becomes of it. The future fails when the stream does: then the event may be published
   * again under its id. It is sent whether there is room or not; see {@link #ready}.
   *
   * @throws IllegalStateException after {@link #finish}
   */
  public CompletableFuture<Ack> publish(Event event) {
    Event made = complete.apply(event);
    var ack = new CompletableFuture<Ack>();
    synchronized (this) {
      if (finished) {
        throw new IllegalStateException("the stream is finished");
      }
      if (!ended.isDone()) {
        waiting.add(ack);
        call.sendMessage(StreamPublishEventsRequest.newBuilder().setSequence(sent++).setEvent(made).build());
        return ack;
      }
    }
    return ended.thenApply(nothing -> {
      throw TenterhookException.unavailable("the stream ended");
    });
  }

  /** Is done when there is room for another event: fewer than 256 wait, and the connection takes more. */
  public CompletableFuture<@Nullable Void> ready() {
    synchronized (this) {
      if (!ended.isDone() && !hasRoom()) {
        var made = new CompletableFuture<@Nullable Void>();
        ready.add(made);
        return made;
      }
    }
    return CompletableFuture.completedFuture(null);
  }

  private boolean hasRoom() {
    return call.isReady() && waiting.size() < IN_FLIGHT_MAX;
  }

  /** Sends no more events; {@link #ended} is done when all are acknowledged. */
  public synchronized void finish() {
    if (!finished && !ended.isDone()) {
      call.halfClose();
    }
    finished = true;
  }

  /** Is done when the stream has ended, and fails when it did. */
  public CompletableFuture<@Nullable Void> ended() {
    return ended.copy();
  }

  /** Ends the stream; what is not acknowledged fails. */
  @Override
  public void close() {
    end(TenterhookException.of(Status.CANCELLED.withDescription("the stream was closed").asException()));
  }

  /** @param failure null when it ended well */
  private void end(TenterhookException failure) {
    List<CompletableFuture<Ack>> left;
    List<CompletableFuture<@Nullable Void>> wakened;
    synchronized (this) {
      if (ended.isDone()) {
        return;
      }
      left = List.copyOf(waiting);
      waiting.clear();
      wakened = List.copyOf(ready);
      ready.clear();
      if (failure == null && left.isEmpty()) {
        ended.complete(null);
      } else {
        call.cancel("the stream was left", null);
        ended.completeExceptionally(failure == null ? TenterhookException.unavailable("the stream ended") : failure);
      }
    }
    ended.whenComplete((nothing, thrown) -> left.forEach(ack -> ack.completeExceptionally(thrown)));
    wakened.forEach(one -> one.complete(null));
  }

  private void wake() {
    List<CompletableFuture<@Nullable Void>> wakened = List.of();
    synchronized (this) {
      if (hasRoom()) {
        wakened = List.copyOf(ready);
        ready.clear();
      }
    }
    wakened.forEach(one -> one.complete(null));
  }

  private final class Answers extends ClientCall.Listener<StreamPublishEventsResponse> {
    @Override
    public void onMessage(StreamPublishEventsResponse response) {
      CompletableFuture<Ack> ack;
      synchronized (AsyncPublishStream.this) {
        ack = waiting.poll();
        call.request(1);
      }
      if (ack != null) {
        ack.complete(PublishStream.read(response));
      }
      wake();
    }

    @Override
    public void onReady() {
      wake();
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      if (caller.life().isClosed()) {
        end(new TenterhookException.Closed());
      } else {
        end(status.isOk() ? null : TenterhookException.of(status.asRuntimeException(trailers)));
      }
    }
  }
}
