package io.tenterhook;

import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.tenterhook.v1.BatchPublishEventsRequest;
import io.tenterhook.v1.BatchPublishEventsResponse;
import io.tenterhook.v1.CreateWebhookResponse;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.GetDeliveryRequest;
import io.tenterhook.v1.GetDeliveryResponse;
import io.tenterhook.v1.GetServerInfoRequest;
import io.tenterhook.v1.ListDeliveriesRequest;
import io.tenterhook.v1.ListEventsRequest;
import io.tenterhook.v1.ListWebhooksRequest;
import io.tenterhook.v1.PublishEventRequest;
import io.tenterhook.v1.PublishEventResponse;
import io.tenterhook.v1.PublishResult;
import io.tenterhook.v1.ServerServiceGrpc;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.Webhook;
import io.tenterhook.v1.WebhookServiceGrpc;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A client whose calls give futures, over the connection of the {@link Client} that made it; safe to share between
 * threads. A future fails with a {@link TenterhookException}; to cancel it gives up its call.
 */
public final class AsyncClient implements AsyncMethods, AutoCloseable {
  private final Client client;
  private final Caller caller;

  AsyncClient(Client client, Caller caller) {
    this.client = client;
    this.caller = caller;
  }

  /** Ends the connection and everything on it, as {@link Client#close} does. */
  @Override
  public void close() {
    client.close();
  }

  /** The client that waits, over the same connection. */
  public Client blocking() {
    return client;
  }

  /** As {@link Client#ping}. */
  public CompletableFuture<@Nullable Void> ping() {
    var request = GetServerInfoRequest.getDefaultInstance();
    var method = ServerServiceGrpc.getGetServerInfoMethod();
    var done = new CompletableFuture<@Nullable Void>();
    var call = AsyncCall.start(caller.withoutRetry(), method, request, Client.PING_TIMEOUT, answer -> answer);
    done.whenComplete((nothing, given) -> call.cancel(false));
    call.whenComplete((answer, thrown) -> {
      // A key that may only publish is known all the same.
      boolean known = thrown instanceof TenterhookException failure && failure.code() == Status.Code.PERMISSION_DENIED;
      if (thrown == null || known) {
        done.complete(null);
      } else {
        done.completeExceptionally(thrown);
      }
    });
    return done;
  }

  @Override
  public <Q, R> CompletableFuture<R> call(MethodDescriptor<Q, R> method, Q request) {
    return call(method, request, caller.timeoutOf(method));
  }

  /** Calls a method within that time, retries included. */
  public <Q, R> CompletableFuture<R> call(MethodDescriptor<Q, R> method, Q request, Duration timeout) {
    return AsyncCall.start(caller, method, request, timeout, Function.identity());
  }

  private <Q, R, T> CompletableFuture<T> call(MethodDescriptor<Q, R> method, Q request, Function<R, T> read) {
    return AsyncCall.start(caller, method, request, caller.timeoutOf(method), read);
  }

  /** Publishes one event, as {@link Client#publish}: when it is done the event is on the server's disk. */
  public CompletableFuture<PublishResult> publish(Event event) {
    var request = PublishEventRequest.newBuilder().setEvent(client.complete(event)).build();
    return call(EventServiceGrpc.getPublishEventMethod(), request, PublishEventResponse::getResult);
  }

  /** Publishes up to 1,000 events, all or none, in order. For many one by one take {@link Client#publisher()}. */
  public CompletableFuture<List<PublishResult>> publishBatch(Iterable<Event> events) {
    BatchPublishEventsRequest request = client.batch(events);
    return call(EventServiceGrpc.getBatchPublishEventsMethod(), request, BatchPublishEventsResponse::getResultsList);
  }

  /** A stream of events, each acknowledged by itself. Close it. */
  public AsyncPublishStream publishStream() {
    return new AsyncPublishStream(caller, client::complete);
  }

  /** Makes a webhook; the response holds its signing secret, which is shown only once. */
  public CompletableFuture<CreateWebhookResponse> createWebhook(Webhook webhook) {
    return createWebhook(webhook, "");
  }

  /** Makes a webhook that signs with this secret. */
  public CompletableFuture<CreateWebhookResponse> createWebhook(Webhook webhook, String signingSecret) {
    return call(WebhookServiceGrpc.getCreateWebhookMethod(), client.creation(webhook, signingSecret));
  }

  /** One delivery with all its attempts. */
  public CompletableFuture<Delivery> getDelivery(String deliveryId) {
    var request = GetDeliveryRequest.newBuilder().setDeliveryId(deliveryId).build();
    return call(DeliveryServiceGrpc.getGetDeliveryMethod(), request, GetDeliveryResponse::getDelivery);
  }

  /** Every webhook that matches, oldest first. */
  public AsyncPages<Webhook> listWebhooks(ListWebhooksRequest request) {
    var scoped = client.scoped(request.toBuilder());
    return new AsyncPages<>(request.getPageToken(), token -> call(
        WebhookServiceGrpc.getListWebhooksMethod(),
        scoped.setPageToken(token).build(),
        page -> new AsyncPages.Page<>(page.getWebhooksList(), page.getNextPageToken(), "")));
  }

  /** Every event that matches, newest first. */
  public AsyncPages<Event> listEvents(ListEventsRequest request) {
    var scoped = client.scoped(request.toBuilder());
    return new AsyncPages<>(request.getPageToken(), token -> call(
        EventServiceGrpc.getListEventsMethod(),
        scoped.setPageToken(token).build(),
        page -> new AsyncPages.Page<>(page.getEventsList(), page.getNextPageToken(), "")));
  }

  /** Every delivery that matches, newest first, and where to watch from then on. */
  public AsyncPages<Delivery> listDeliveries(ListDeliveriesRequest request) {
    var scoped = client.scoped(request.toBuilder());
    return new AsyncPages<>(request.getPageToken(), token -> call(
        DeliveryServiceGrpc.getListDeliveriesMethod(),
        scoped.setPageToken(token).build(),
        page -> new AsyncPages.Page<>(page.getDeliveriesList(), page.getNextPageToken(), page.getResumeToken())));
  }

  /** Every change of every delivery that matches, as {@link Client#watch}. */
  public AsyncWatch watch(WatchDeliveriesRequest request) {
    return new AsyncWatch(caller, client.scoped(request.toBuilder()));
  }
}
