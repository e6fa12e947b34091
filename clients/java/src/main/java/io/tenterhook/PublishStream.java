package io.tenterhook;

import io.grpc.CallOptions;
import io.grpc.StatusException;
import io.grpc.stub.ClientCalls;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.StreamPublishEventsRequest;
import io.tenterhook.v1.StreamPublishEventsResponse;
import java.lang.ref.Cleaner;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The acknowledgements of a stream of events, in order; for one thread, but {@link #close} may be called from
 * any. One that is left before its end holds a stream of the server until it is closed or collected.
 */
public final class PublishStream implements Iterator<Ack>, AutoCloseable {
  /** Events sent ahead of their acknowledgements. */
  private static final int IN_FLIGHT_MAX = 256;
  private static final Cleaner CLEANER = Cleaner.create();

  private final ReadStream<StreamPublishEventsRequest, StreamPublishEventsResponse> call;
  private final Life life;
  private final Iterator<Event> events;
  private final UnaryOperator<Event> complete;
  private final Cleaner.Cleanable end;
  private long sent;
  private long acknowledged;
  /** No more is sent. */
  private boolean halfClosed;
  /** What the events threw. */
  private @Nullable RuntimeException failure;
  private boolean ended;
  private @Nullable Ack next;

  PublishStream(Caller caller, Iterator<Event> events, UnaryOperator<Event> complete) {
    life = caller.life();
    call = new ReadStream<>(
        ClientCalls.blockingBidiStreamingCall(
            caller.channel(), EventServiceGrpc.getStreamPublishEventsMethod(), CallOptions.DEFAULT),
        life);
    this.events = events;
    this.complete = complete;
    end = cancelledWith(this, call);
  }

  /** Static, for what is run when the stream is collected must not hold it. */
  private static Cleaner.Cleanable cancelledWith(PublishStream stream, ReadStream<?, ?> call) {
    return CLEANER.register(stream, () -> call.cancel("the stream was left"));
  }

  @Override
  public boolean hasNext() {
    if (next == null && !ended) {
      next = advance();
      if (next == null) {
        close();
        raise();
      }
    }
    return next != null;
  }

  @Override
  public Ack next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    Ack ack = next;
    next = null;
    return ack;
  }

  /** Ends the stream. */
  @Override
  public void close() {
    ended = true;
    end.clean();
  }

  private void raise() {
    RuntimeException thrown = failure;
    failure = null;
    if (thrown != null) {
      throw thrown;
    }
  }

  private @Nullable Ack advance() {
    try {
      StreamPublishEventsResponse response = null;
      boolean waiting = true;
      while (waiting && !halfClosed && sent - acknowledged < IN_FLIGHT_MAX) {
        try {
          response = call.read(0);
          waiting = false;
        } catch (TimeoutException nothingYet) {
          send();
        }
      }
      if (waiting) {
        response = call.read();
      }
      if (response == null) {
        return null;
      }
      acknowledged++;
      return read(response);
    } catch (StatusException failed) {
      close();
      life.check();
      throw TenterhookException.of(failed);
    } catch (InterruptedException interrupted) {
      close();
      throw TenterhookException.interrupted();
    }
  }

  private void send() throws StatusException, InterruptedException {
    Event event = null;
    try {
      event = events.hasNext() ? complete.apply(events.next()) : null;
    } catch (RuntimeException thrown) {
      failure = thrown;
    }
    if (event == null) {
      call.halfClose();
      halfClosed = true;
    } else {
      call.write(StreamPublishEventsRequest.newBuilder().setSequence(sent++).setEvent(event).build());
    }
  }

  static Ack read(StreamPublishEventsResponse response) {
    return response.hasError()
        ? new Ack(response.getSequence(), Optional.empty(), Optional.of(TenterhookException.of(response.getError())))
        : new Ack(response.getSequence(), Optional.of(response.getResult()), Optional.empty());
  }
}
