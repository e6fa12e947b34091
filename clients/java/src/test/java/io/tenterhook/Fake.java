package io.tenterhook;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Grpc;
import io.grpc.HandlerRegistry;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.PublishEventResponse;
import io.tenterhook.v1.PublishResult;
import io.tenterhook.v1.WebhookServiceGrpc;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/** A server that answers each call with the next of its scripts: messages, statuses and silences. */
final class Fake implements AutoCloseable {
  static final RetryPolicy FAST = new RetryPolicy(Duration.ofMillis(10), 2, Duration.ofSeconds(1), 0.2, true);

  final List<Message> requests = new CopyOnWriteArrayList<>();
  final List<Metadata> headers = new CopyOnWriteArrayList<>();
  private final Queue<List<Object>> scripts = new ArrayDeque<>();
  private final Server server;

  Fake(List<?>... scripts) {
    this(0, scripts);
  }

  Fake(int port, List<?>... scripts) {
    for (List<?> script : scripts) {
      this.scripts.add(List.copyOf(script));
    }
    try {
      server = Grpc.newServerBuilderForPort(port, InsecureServerCredentials.create())
          .fallbackHandlerRegistry(new Registry())
          .build()
          .start();
    } catch (IOException failure) {
      throw new AssertionError(failure);
    }
  }

  int port() {
    return server.getPort();
  }

  ClientBuilder builder() {
    return Client.builder("127.0.0.1:" + port()).retry(FAST);
  }

  @Override
  public void close() {
    server.shutdownNow();
  }

  static List<Object> one(Object step) {
    return List.of(step);
  }

  static List<Object> published(String id) {
    var result = PublishResult.newBuilder().setEventId(id).setDeliveryCount(1);
    return one(PublishEventResponse.newBuilder().setResult(result).build());
  }

  static List<Object> refuse(Status.Code code, Message... details) {
    return one(refusal(code, details));
  }

  static StatusRuntimeException refusal(Status.Code code, Message... details) {
    var status = com.google.rpc.Status.newBuilder().setCode(code.value()).setMessage("refused");
    Stream.of(details).map(Any::pack).forEach(status::addDetails);
    return StatusProto.toStatusRuntimeException(status.build());
  }

  static ErrorInfo info(String reason) {
    return ErrorInfo.newBuilder().setDomain("tenterhook").setReason(reason).build();
  }

  static RetryInfo retryInfo(long milliseconds) {
    var delay = com.google.protobuf.Duration.newBuilder()
        .setSeconds(milliseconds / 1000)
        .setNanos((int) (milliseconds % 1000) * 1_000_000);
    return RetryInfo.newBuilder().setRetryDelay(delay).build();
  }

  static BadRequest badField(String field, String description) {
    var violation = BadRequest.FieldViolation.newBuilder().setField(field).setDescription(description);
    return BadRequest.newBuilder().addFieldViolations(violation).build();
  }

  private synchronized List<Object> next() {
    List<Object> script = scripts.poll();
    return script == null ? refuse(Status.Code.INTERNAL) : script;
  }

  private final class Registry extends HandlerRegistry {
    @Override
    public ServerMethodDefinition<?, ?> lookupMethod(String name, String authority) {
      return Stream.of(
              DeliveryServiceGrpc.getServiceDescriptor(),
              EventServiceGrpc.getServiceDescriptor(),
              WebhookServiceGrpc.getServiceDescriptor())
          .flatMap(service -> service.getMethods().stream())
          .filter(method -> method.getFullMethodName().equals(name))
          .map(this::define)
          .findFirst()
          .orElse(null);
    }

    private <Q, R> ServerMethodDefinition<Q, R> define(MethodDescriptor<Q, R> method) {
      return ServerMethodDefinition.create(method, new Handler<>(method.getType() == MethodDescriptor.MethodType.BIDI_STREAMING));
    }
  }

  private final class Handler<Q, R> implements ServerCallHandler<Q, R> {
    private final boolean stream;

    Handler(boolean stream) {
      this.stream = stream;
    }

    @Override
    public ServerCall.Listener<Q> startCall(ServerCall<Q, R> call, Metadata metadata) {
      headers.add(metadata);
      call.request(stream ? Integer.MAX_VALUE : 2);
      return new ServerCall.Listener<>() {
        private boolean begun;

        @Override
        public void onMessage(Q message) {
          requests.add((Message) message);
          if (!begun) {
            call.sendHeaders(new Metadata());
            begun = true;
          }
          if (stream) {
            play(call, next());
          }
        }

        @Override
        public void onHalfClose() {
          if (stream || play(call, next())) {
            close(call, Status.OK, new Metadata());
          }
        }
      };
    }

    /** Returns whether the call is still open. */
    @SuppressWarnings("unchecked") // a script answers with messages of the method's own type
    private boolean play(ServerCall<Q, R> call, List<Object> script) {
      for (Object step : script) {
        if (step instanceof StatusRuntimeException status) {
          close(call, status.getStatus(), status.getTrailers());
          return false;
        } else if (step instanceof Duration silence) {
          long until = System.nanoTime() + silence.toNanos();
          while (System.nanoTime() < until && !call.isCancelled()) {
            pause(20);
          }
        } else if (!call.isCancelled()) {
          call.sendMessage((R) step);
        }
      }
      return true;
    }

    private void close(ServerCall<Q, R> call, Status status, Metadata trailers) {
      if (!call.isCancelled()) {
        try {
          call.close(status, trailers);
        } catch (IllegalStateException alreadyClosed) {
          return;
        }
      }
    }
  }

  static void pause(long milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
