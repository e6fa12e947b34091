package io.tenterhook;

import com.google.protobuf.DescriptorProtos.MethodOptions.IdempotencyLevel;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import io.grpc.stub.ClientCalls;
import io.tenterhook.v1.WebhookServiceGrpc;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** What every call goes through: the deadline, retries, one kind of exception. */
record Caller(
    Supplier<ManagedChannel> connect,
    UnaryOperator<Channel> headers,
    ManagedChannel managed,
    Channel channel,
    @Nullable Duration timeout,
    RetryPolicy retry,
    Life life) {
  private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(10);
  /** TestWebhook returns when an attempt has ended: 60 seconds at most. */
  private static final Duration TEST_TIMEOUT = Duration.ofSeconds(70);

  static Caller of(
      Supplier<ManagedChannel> connect, UnaryOperator<Channel> headers, @Nullable Duration timeout, RetryPolicy retry) {
    return of(connect, headers, timeout, retry, new Life());
  }

  private static Caller of(
      Supplier<ManagedChannel> connect,
      UnaryOperator<Channel> headers,
      @Nullable Duration timeout,
      RetryPolicy retry,
      Life life) {
    ManagedChannel managed = connect.get();
    life.add(managed);
    return new Caller(connect, headers, managed, headers.apply(managed), timeout, retry, life);
  }

  /** The same over another connection, which ends with the client too. */
  Caller reconnected() {
    return of(connect, headers, timeout, retry, life);
  }

  /** The same over the same connection, but each call is tried once. */
  Caller withoutRetry() {
    return new Caller(connect, headers, managed, channel, timeout, RetryPolicy.DISABLED, life);
  }

  /** Time for a call that names none. */
  Duration timeoutOf(MethodDescriptor<?, ?> method) {
    if (timeout != null) {
      return timeout;
    }
    return method == WebhookServiceGrpc.getTestWebhookMethod() ? TEST_TIMEOUT : DEFAULT_TIMEOUT;
  }

  /** Ends this connection. */
  void disconnect() {
    life.remove(managed);
  }

  <Q, R> R call(MethodDescriptor<Q, R> method, Q request, Duration within) {
    long deadline = System.nanoTime() + within.toNanos();
    Q identified = Identity.request(request);
    for (int failures = 0; ; failures++) {
      long left = Math.max(1, deadline - System.nanoTime());
      CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(left, TimeUnit.NANOSECONDS);
      TenterhookException failure;
      life.check();
      try {
        return ClientCalls.blockingUnaryCall(channel, method, options, identified);
      } catch (StatusRuntimeException thrown) {
        life.check();
        failure = TenterhookException.of(thrown);
      }
      Optional<Duration> wait = next(method, failure, failures, deadline);
      if (wait.isEmpty()) {
        throw failure;
      }
      try {
        pause(wait.get());
      } catch (InterruptedException interrupted) {
        throw TenterhookException.interrupted();
      }
    }
  }

  /**
   * The wait before the next try; empty when there is to be none. UNAVAILABLE is tried again unless it is
   * permanent; another error that carries RetryInfo where the method is marked idempotent in the proto.
   * RetryInfo is the least wait. The deadline, by {@link System#nanoTime}, must come after it.
   */
  Optional<Duration> next(MethodDescriptor<?, ?> method, TenterhookException failure, int failures, long deadline) {
    boolean unavailable = failure.code() == Status.Code.UNAVAILABLE && !failure.isPermanent();
    boolean told = failure.retryAfter().isPresent() && isIdempotent(method);
    if (!retry.enabled() || !(unavailable || told)) {
      return Optional.empty();
    }
    Duration wait = retry.waitAfter(failures);
    Duration least = failure.retryAfter().orElse(Duration.ZERO);
    Duration longer = wait.compareTo(least) < 0 ? least : wait;
    if (longer.toNanos() >= deadline - System.nanoTime()) {
      return Optional.empty();
    }
    String next = " is tried again in " + longer.toMillis() + " ms: ";
    Follower.LOG.log(Level.DEBUG, method.getFullMethodName() + next + failure.getMessage());
    return Optional.of(longer);
  }

  /** Waits before the next try. gRPC itself would wait up to 120 s to reconnect. */
  void pause(Duration wait) throws InterruptedException {
    life.pause(wait);
    managed.resetConnectBackoff();
  }

  static boolean isIdempotent(MethodDescriptor<?, ?> method) {
    return method.getSchemaDescriptor() instanceof ProtoMethodDescriptorSupplier supplier
        && supplier.getMethodDescriptor().getOptions().getIdempotencyLevel() != IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
  }
}
