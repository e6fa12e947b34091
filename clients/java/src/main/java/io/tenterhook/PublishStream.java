package io.tenterhook;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.ClientCalls;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.StreamPublishEventsRequest;
import io.tenterhook.v1.StreamPublishEventsResponse;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;

/** Publishes events as they come; for one thread. */
final class PublishStream implements Iterator<Ack> {
  /** Events sent ahead of their acknowledgements. */
  private static final int IN_FLIGHT_MAX = 256;

  private final BlockingClientCall<StreamPublishEventsRequest, StreamPublishEventsResponse> call;
  private final Iterator<Event> events;
  private final UnaryOperator<Event> complete;
  private long sent;
  private long acknowledged;
  private boolean closed;
  private Ack next;

  PublishStream(Channel channel, Iterator<Event> events, UnaryOperator<Event> complete) {
    call = ClientCalls.blockingBidiStreamingCall(
        channel, EventServiceGrpc.getStreamPublishEventsMethod(), CallOptions.DEFAULT);
    this.events = events;
    this.complete = complete;
  }

  @Override
  public boolean hasNext() {
    if (next == null) {
      next = advance();
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

  private Ack advance() {
    try {
      StreamPublishEventsResponse response = null;
      boolean waiting = true;
      while (waiting && !closed && sent - acknowledged < IN_FLIGHT_MAX) {
        try {
          response = call.read(0, TimeUnit.NANOSECONDS);
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
    } catch (StatusException failure) {
      throw TenterhookException.of(failure);
    } catch (InterruptedException interrupted) {
      call.cancel("interrupted", interrupted);
      Thread.currentThread().interrupt();
      throw TenterhookException.of(interrupted);
    }
  }

  private void send() throws StatusException, InterruptedException {
    if (events.hasNext()) {
      Event event = complete.apply(events.next());
      call.write(StreamPublishEventsRequest.newBuilder().setSequence(sent++).setEvent(event).build());
    } else {
      call.halfClose();
      closed = true;
    }
  }

  private static Ack read(StreamPublishEventsResponse response) {
    return response.hasError()
        ? new Ack(response.getSequence(), Optional.empty(), Optional.of(TenterhookException.of(response.getError())))
        : new Ack(response.getSequence(), Optional.of(response.getResult()), Optional.empty());
  }
}
