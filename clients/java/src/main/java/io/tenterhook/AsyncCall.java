package io.tenterhook;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Context;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** One call with its deadline and retries, without a thread that waits. */
final class AsyncCall<Q, R, T> {
  private final Caller caller;
  private final MethodDescriptor<Q, R> method;
  private final Q request;
  private final Function<R, T> read;
  private final long deadline;
  /** That of the caller, which the further tries have too, and with it a trace. */
  private final Context context = Context.current();
  private final CompletableFuture<T> result = new CompletableFuture<>();
  private volatile @Nullable ClientCall<Q, R> call;
  private int failures;

  private AsyncCall(Caller caller, MethodDescriptor<Q, R> method, Q request, Duration within, Function<R, T> read) {
    this.caller = caller;
    this.method = method;
    this.request = Identity.request(request);
    this.read = read;
    deadline = System.nanoTime() + within.toNanos();
  }

  /** What {@code read} makes of the response. To cancel the future gives up the call. */
  static <Q, R, T> CompletableFuture<T> start(
      Caller caller, MethodDescriptor<Q, R> method, Q request, Duration within, Function<R, T> read) {
    var made = new AsyncCall<>(caller, method, request, within, read);
    Runnable ending = () -> made.result.completeExceptionally(new TenterhookException.Closed());
    made.result.whenComplete((answer, failure) -> {
      caller.life().forget(ending);
      var current = made.call;
      if (failure != null && current != null) {
        current.cancel("given up", null);
      }
    });
    made.attempt();
    caller.life().whenClosed(ending);
    if (made.result.isDone()) {
      caller.life().forget(ending);
    }
    return made.result;
  }

  private void attempt() {
    if (result.isDone()) {
      return;
    }
    try {
      caller.life().check();
      long left = Math.max(1, deadline - System.nanoTime());
      call = caller.channel().newCall(method, CallOptions.DEFAULT.withDeadlineAfter(left, TimeUnit.NANOSECONDS));
      ClientCalls.asyncUnaryCall(call, request, new Answer());
    } catch (RuntimeException thrown) { // also what the function of the key or of the headers threw
      result.completeExceptionally(thrown);
    }
    var started = call;
    if (result.isDone() && started != null) { // given up while it was started
      started.cancel("given up", null);
    }
  }

  private void failed(TenterhookException failure) {
    if (caller.life().isClosed()) {
      result.completeExceptionally(new TenterhookException.Closed());
      return;
    }
    caller.next(method, failure, failures++, deadline).ifPresentOrElse(
        wait -> CompletableFuture.delayedExecutor(wait.toNanos(), TimeUnit.NANOSECONDS).execute(() -> {
          caller.managed().resetConnectBackoff();
          context.run(this::attempt);
        }),
        () -> result.completeExceptionally(failure));
  }

  private final class Answer implements StreamObserver<R> {
    @Override
    public void onNext(R response) {
      try {
        result.complete(read.apply(response));
      } catch (RuntimeException broken) {
        result.completeExceptionally(broken);
      }
    }

    @Override
    public void onError(Throwable thrown) {
      failed(TenterhookException.of(thrown));
    }

    @Override
    public void onCompleted() {
      // The answer has come.
    }
  }
}
