package io.tenterhook;

import io.grpc.Channel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.tenterhook.v1.BatchPublishEventsRequest;
import io.tenterhook.v1.CreateWebhookRequest;
import io.tenterhook.v1.CreateWebhookResponse;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.GetDeliveryRequest;
import io.tenterhook.v1.GetServerInfoRequest;
import io.tenterhook.v1.ListDeliveriesRequest;
import io.tenterhook.v1.ListEventsRequest;
import io.tenterhook.v1.ListWebhooksRequest;
import io.tenterhook.v1.PublishEventRequest;
import io.tenterhook.v1.PublishResult;
import io.tenterhook.v1.ServerServiceGrpc;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.Webhook;
import io.tenterhook.v1.WebhookServiceGrpc;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;

/** A client of one Tenterhook server; safe to share between threads. */
public final class Client implements Methods, AutoCloseable {
  static final Duration PING_TIMEOUT = Duration.ofSeconds(5);

  private final Caller caller;
  private final String namespace;

  Client(Caller caller, String namespace) {
    this.caller = caller;
    this.namespace = namespace;
  }

  /**
   * A client of the server at {@code target}, {@code host:port} or a URL such as
   * {@code https://hooks.example.com}. TLS is used unless the host is this
   * machine or the target begins with {@code http://}. It connects at its first call.
   */
  public static Client to(String target) {
    return builder(target).build();
  }

  /** A client with a key, certificates or other options. */
  public static ClientBuilder builder(String target) {
    return new ClientBuilder(target);
  }

  /**
   * A client with the settings of the environment: {@code TENTERHOOK_ADDRESS}, {@code TENTERHOOK_API_KEY} or
   * {@code TENTERHOOK_API_KEY_FILE}, {@code TENTERHOOK_NAMESPACE}, and the files of {@code TENTERHOOK_CA},
   * {@code TENTERHOOK_CLIENT_CERT} and {@code TENTERHOOK_CLIENT_KEY}. A variable that is empty counts as unset.
   *
   * @throws IllegalArgumentException that names every variable at fault
   */
  public static Client fromEnv() {
    return builder(System.getenv()).build();
  }

  /** As {@link #fromEnv}, but with options that may be changed, and variables from wherever. */
  public static ClientBuilder builder(Map<String, String> environment) {
    return new Environment(environment).builder();
  }

  /**
   * Ends the connection and everything on it: calls, streams and watches fail with
   * {@link TenterhookException.Closed}, those in flight and later ones. May be called again, from any thread.
   */
  @Override
  public void close() {
    caller.life().close();
  }

  /**
   * Returns when the server can be reached and knows the key, without a second try: for the start of a program,
   * and for its health check. It takes at most 5 seconds.
   *
   * @throws TenterhookException what is in the way
   */
  public void ping() {
    var once = caller.withoutRetry();
    try {
      once.call(ServerServiceGrpc.getGetServerInfoMethod(), GetServerInfoRequest.getDefaultInstance(), PING_TIMEOUT);
    } catch (TenterhookException failure) {
      // A key that may only publish is known all the same.
      if (failure.code() != Status.Code.PERMISSION_DENIED) {
        throw failure;
      }
    }
  }

  /** A client whose calls give futures, over the same connection. */
  public AsyncClient async() {
    return new AsyncClient(this, caller);
  }

  /** The connection, with the key and headers: for generated stubs of your own. */
  public Channel channel() {
    return caller.channel();
  }

  @Override
  public <Q, R> R call(MethodDescriptor<Q, R> method, Q request) {
    return caller.call(method, request, caller.timeoutOf(method));
  }

  /** Calls a method within that time, retries included. */
  public <Q, R> R call(MethodDescriptor<Q, R> method, Q request, Duration timeout) {
    return caller.call(method, request, timeout);
  }

  /**
   * Publishes one event. When this returns the event is on the server's disk. An event without an id
   * gets one here, so that a retry makes no second event.
   */
  public PublishResult publish(Event event) {
    var request = PublishEventRequest.newBuilder().setEvent(complete(event)).build();
    return call(EventServiceGrpc.getPublishEventMethod(), request).getResult();
  }

  /** Publishes up to 1,000 events, all or none, in order. */
  public List<PublishResult> publishBatch(Iterable<Event> events) {
    return call(EventServiceGrpc.getBatchPublishEventsMethod(), batch(events)).getResultsList();
  }

  /**
   * Publishes events as they come and gives what became of each, in order; one bad event does not end
   * it. When the iterator throws, events without an acknowledgement may be published again under their
   * ids. What {@code events} itself throws is thrown after the acknowledgements of what came before it.
   * Close the stream if you leave it before its end.
   */
  public PublishStream publishStream(Iterator<Event> events) {
    caller.life().check();
    return new PublishStream(caller, events, this::complete);
  }

  /** A publisher that gathers events into batches by itself, which is many times faster. Close it. */
  public Publisher publisher() {
    return publisher(Publisher.Settings.DEFAULT);
  }

  /** A publisher with these settings. */
  public Publisher publisher(Publisher.Settings settings) {
    caller.life().check();
    return new Publisher(caller, this::complete, settings);
  }

  /** Makes a webhook; the response holds its signing secret, which is shown only once. */
  public CreateWebhookResponse createWebhook(Webhook webhook) {
    return createWebhook(webhook, "");
  }

  /** Makes a webhook that signs with this secret. */
  public CreateWebhookResponse createWebhook(Webhook webhook, String signingSecret) {
    return call(WebhookServiceGrpc.getCreateWebhookMethod(), creation(webhook, signingSecret));
  }

  /** One delivery with all its attempts. */
  public Delivery getDelivery(String deliveryId) {
    var request = GetDeliveryRequest.newBuilder().setDeliveryId(deliveryId).build();
    return call(DeliveryServiceGrpc.getGetDeliveryMethod(), request).getDelivery();
  }

  /** Every webhook that matches, oldest first, page by page as it is asked for. */
  public Iterable<Webhook> listWebhooks(ListWebhooksRequest request) {
    var builder = scoped(request.toBuilder());
    return Pages.of(request.getPageToken(), token -> {
      var response = call(WebhookServiceGrpc.getListWebhooksMethod(), builder.setPageToken(token).build());
      return new Pages.Page<>(response.getWebhooksList(), response.getNextPageToken());
    });
  }

  /** Every event that matches, newest first, page by page as it is asked for. */
  public Iterable<Event> listEvents(ListEventsRequest request) {
    var builder = scoped(request.toBuilder());
    return Pages.of(request.getPageToken(), token -> {
      var response = call(EventServiceGrpc.getListEventsMethod(), builder.setPageToken(token).build());
      return new Pages.Page<>(response.getEventsList(), response.getNextPageToken());
    });
  }

  /** Every delivery that matches, newest first, and where to watch from then on. */
  public DeliveryList listDeliveries(ListDeliveriesRequest request) {
    var builder = scoped(request.toBuilder());
    return new DeliveryList(this, builder);
  }

  /**
   * Every change of every delivery that matches, in order, without a gap and without an end: broken
   * and silent connections are made again, and the watch resumes after the last change that the
   * program was handed. It throws only what would come again, such as a token that is no longer kept, or a first
   * connection that can never be made ({@link TenterhookException#isPermanent}).
   */
  public Watch watch(WatchDeliveriesRequest request) {
    var builder = scoped(request.toBuilder());
    return new Watch(caller, builder);
  }

  /** The event with an id, in the client's namespace if it names none. */
  Event complete(Event event) {
    Event identified = Identity.event(event);
    return inOurs(event.getNamespace()) ? identified.toBuilder().setNamespace(namespace).build() : identified;
  }

  BatchPublishEventsRequest batch(Iterable<Event> events) {
    var made = StreamSupport.stream(events.spliterator(), false).map(this::complete).toList();
    return BatchPublishEventsRequest.newBuilder().addAllEvents(made).build();
  }

  CreateWebhookRequest creation(Webhook webhook, String signingSecret) {
    var scoped = inOurs(webhook.getNamespace()) ? webhook.toBuilder().setNamespace(namespace).build() : webhook;
    return CreateWebhookRequest.newBuilder().setWebhook(scoped).setSigningSecret(signingSecret).build();
  }

  ListWebhooksRequest.Builder scoped(ListWebhooksRequest.Builder request) {
    return inOurs(request.getNamespace()) ? request.setNamespace(namespace) : request;
  }

  ListEventsRequest.Builder scoped(ListEventsRequest.Builder request) {
    return inOurs(request.getNamespace()) ? request.setNamespace(namespace) : request;
  }

  ListDeliveriesRequest.Builder scoped(ListDeliveriesRequest.Builder request) {
    return inOurs(request.getNamespace()) ? request.setNamespace(namespace) : request;
  }

  WatchDeliveriesRequest.Builder scoped(WatchDeliveriesRequest.Builder request) {
    return inOurs(request.getNamespace()) ? request.setNamespace(namespace) : request;
  }

  /** Whether what names this namespace is in the client's: it names none, and the client has one. */
  private boolean inOurs(String named) {
    return named.isEmpty() && !namespace.isEmpty();
  }
}
