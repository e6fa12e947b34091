package io.tenterhook;

import static io.tenterhook.Fake.badField;
import static io.tenterhook.Fake.info;
import static io.tenterhook.Fake.one;
import static io.tenterhook.Fake.published;
import static io.tenterhook.Fake.refuse;
import static io.tenterhook.Fake.retryInfo;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.ErrorInfo;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.Status.Code;
import io.tenterhook.v1.BatchPublishEventsRequest;
import io.tenterhook.v1.BatchPublishEventsResponse;
import io.tenterhook.v1.CreateWebhookRequest;
import io.tenterhook.v1.CreateWebhookResponse;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryChange;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.ErrorReason;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.ListDeliveriesRequest;
import io.tenterhook.v1.ListDeliveriesResponse;
import io.tenterhook.v1.ListEventsRequest;
import io.tenterhook.v1.ListEventsResponse;
import io.tenterhook.v1.ListWebhooksRequest;
import io.tenterhook.v1.ListWebhooksResponse;
import io.tenterhook.v1.PublishError;
import io.tenterhook.v1.PublishEventRequest;
import io.tenterhook.v1.PublishResult;
import io.tenterhook.v1.ReplayEventsRequest;
import io.tenterhook.v1.RetryDeliveryRequest;
import io.tenterhook.v1.RetryDeliveryResponse;
import io.tenterhook.v1.RotateSigningKeyRequest;
import io.tenterhook.v1.StreamPublishEventsResponse;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesResponse;
import io.tenterhook.v1.Webhook;
import io.tenterhook.v1.WebhookServiceGrpc;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Deadlines, retries, errors and headers of single calls, against a scripted server. */
@Timeout(30)
class CallsTest {
  private static final List<Object> UNAVAILABLE = refuse(Code.UNAVAILABLE);
  private static final Event CREATED = Event.newBuilder().setType("created").build();

  private static <T> List<T> all(Iterable<T> items) {
    List<T> found = new ArrayList<>();
    items.forEach(found::add);
    return found;
  }

  private static Duration since(long start) {
    return Duration.ofNanos(System.nanoTime() - start);
  }

  @Test
  void interceptorsSeeEveryTryAndNotTheKey() {
    List<String> seen = new CopyOnWriteArrayList<>();
    var name = Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);
    class Tracing implements ClientInterceptor {
      @Override
      public <Q, R> ClientCall<Q, R> interceptCall(
          MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
        return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
          @Override
          public void start(Listener<R> listener, Metadata metadata) {
            seen.add(method.getBareMethodName() + " " + metadata.keys());
            metadata.put(name, "00-1");
            super.start(listener, metadata);
          }
        };
      }
    }
    var payload = DeliveryChange.getDefaultInstance();
    var change = WatchDeliveriesResponse.newBuilder().setResumeToken("t").setChange(payload).build();
    try (Fake server = new Fake(UNAVAILABLE, published("e"), List.of(change, Duration.ofSeconds(20)));
        Client client = server.builder().apiKey("th_x").interceptors(new Tracing()).build();
        Watch watch = client.watch(WatchDeliveriesRequest.getDefaultInstance())) {
      client.publish(Event.newBuilder().setType("created").build());
      watch.next();
      assertEquals(List.of("PublishEvent []", "PublishEvent []", "WatchDeliveries []"), seen);
      assertEquals(3, server.headers.stream().filter(one -> "00-1".equals(one.get(name))).count());
      var key = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
      assertTrue(server.headers.stream().allMatch(one -> "Bearer th_x".equals(one.get(key))));
    }
  }

  @Test
  void publishRetriesUnderOneId() {
    try (Fake server = new Fake(UNAVAILABLE, UNAVAILABLE, published("e")); Client client = server.builder().build()) {
      assertEquals("e", client.publish(CREATED).getEventId());
      var ids = server.requests.stream().map(one -> ((PublishEventRequest) one).getEvent().getId()).collect(Collectors.toSet());
      assertEquals(3, server.requests.size());
      assertEquals(1, ids.size());
      assertFalse(ids.contains(""));
    }
  }

  @Test
  void unavailableIsRetriedEvenWhereNothingIsIdempotent() {
    try (Fake server = new Fake(UNAVAILABLE, one(RetryDeliveryResponse.getDefaultInstance()));
        Client client = server.builder().build()) {
      client.call(DeliveryServiceGrpc.getRetryDeliveryMethod(), RetryDeliveryRequest.getDefaultInstance());
      assertEquals(2, server.requests.size());
    }
  }

  @Test
  void retryInfoIsObeyed() {
    var slow = refuse(Code.RESOURCE_EXHAUSTED, info("RATE_LIMITED"), retryInfo(300));
    try (Fake server = new Fake(slow, published("e")); Client client = server.builder().build()) {
      long start = System.nanoTime();
      client.publish(CREATED);
      assertTrue(since(start).toMillis() >= 300);
    }
  }

  @Test
  void retryInfoAloneRepeatsNoCallThatIsNotIdempotent() {
    try (Fake server = new Fake(refuse(Code.RESOURCE_EXHAUSTED, retryInfo(10))); Client client = server.builder().build()) {
      var failure = assertThrows(
          TenterhookException.class,
          () -> client.call(DeliveryServiceGrpc.getRetryDeliveryMethod(), RetryDeliveryRequest.getDefaultInstance()));
      assertEquals(Duration.ofMillis(10), failure.retryAfter().orElseThrow());
      assertEquals(1, server.requests.size());
    }
  }

  @Test
  void aWaitBeyondTheDeadlineIsNotBegun() {
    try (Fake server = new Fake(refuse(Code.UNAVAILABLE, retryInfo(60_000))); Client client = server.builder().build()) {
      long start = System.nanoTime();
      assertThrows(TenterhookException.Unavailable.class, () -> client.publish(CREATED));
      assertTrue(since(start).toSeconds() < 5);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Code.class, names = {"INTERNAL", "INVALID_ARGUMENT", "PERMISSION_DENIED"})
  void otherErrorsAreToldAtOnce(Status.Code code) {
    try (Fake server = new Fake(refuse(code)); Client client = server.builder().build()) {
      assertEquals(code, assertThrows(TenterhookException.class, () -> client.publish(CREATED)).code());
      assertEquals(1, server.requests.size());
    }
  }

  @Test
  void retriesCanBeTurnedOff() {
    try (Fake server = new Fake(UNAVAILABLE); Client client = server.builder().retry(RetryPolicy.DISABLED).build()) {
      assertThrows(TenterhookException.Unavailable.class, () -> client.publish(CREATED));
      assertEquals(1, server.requests.size());
    }
  }

  @Test
  void theDeadlineCoversAllTries() {
    List<?>[] many = Collections.nCopies(500, UNAVAILABLE).toArray(List<?>[]::new);
    try (Fake server = new Fake(many); Client client = server.builder().timeout(Duration.ofMillis(500)).build()) {
      long start = System.nanoTime();
      assertThrows(TenterhookException.class, () -> client.publish(CREATED));
      assertTrue(since(start).toMillis() < 2000);
      assertTrue(server.requests.size() > 2);
    }
  }

  @Test
  void aTimeoutOfOneCallWins() {
    try (Fake server = new Fake(one(Duration.ofSeconds(5))); Client client = server.builder().build()) {
      var request = PublishEventRequest.newBuilder().setEvent(CREATED).build();
      var failure = assertThrows(
          TenterhookException.class,
          () -> client.call(EventServiceGrpc.getPublishEventMethod(), request, Duration.ofMillis(100)));
      assertEquals(Code.DEADLINE_EXCEEDED, failure.code());
    }
  }

  @Test
  void codesHaveTypes() {
    Map<Code, Class<? extends TenterhookException>> types = Map.of(
        Code.NOT_FOUND, TenterhookException.NotFound.class,
        Code.ALREADY_EXISTS, TenterhookException.Conflict.class,
        Code.ABORTED, TenterhookException.Conflict.class,
        Code.FAILED_PRECONDITION, TenterhookException.Conflict.class,
        Code.INVALID_ARGUMENT, TenterhookException.Invalid.class,
        Code.OUT_OF_RANGE, TenterhookException.Invalid.class);
    types.forEach((code, type) -> {
      try (Fake server = new Fake(refuse(code)); Client client = server.builder().build()) {
        assertThrows(type, () -> client.getDelivery("dlv"));
      }
    });
  }

  @Test
  void anErrorTellsReasonFieldsAndMetadata() {
    ErrorInfo info = info("URL_FORBIDDEN").toBuilder().putMetadata("host", "10.0.0.1").build();
    var refused = refuse(Code.INVALID_ARGUMENT, info, badField("webhook.request.url", "is not absolute"));
    try (Fake server = new Fake(refused); Client client = server.builder().build()) {
      var failure = assertThrows(
          TenterhookException.Invalid.class, () -> client.createWebhook(Webhook.getDefaultInstance()));
      assertEquals(ErrorReason.ERROR_REASON_URL_FORBIDDEN, failure.reason());
      assertEquals("URL_FORBIDDEN", failure.reasonName());
      assertEquals("10.0.0.1", failure.metadata().get("host"));
      assertEquals("webhook.request.url", failure.fieldViolations().get(0).field());
      assertEquals("is not absolute", failure.fieldViolations().get(0).description());
      assertEquals("INVALID_ARGUMENT URL_FORBIDDEN: refused", failure.getMessage());
    }
  }

  @Test
  void aReasonOfAnotherDomainOrANewerServerIsUnspecified() {
    ErrorInfo foreign = ErrorInfo.newBuilder().setDomain("else").setReason("EVENT_NOT_FOUND").build();
    for (ErrorInfo detail : List.of(foreign, info("NEW"))) {
      try (Fake server = new Fake(refuse(Code.NOT_FOUND, detail)); Client client = server.builder().build()) {
        var failure = assertThrows(TenterhookException.NotFound.class, () -> client.getDelivery("dlv"));
        assertEquals("", failure.reasonName());
      }
    }
  }

  @Test
  void theKeyAndTheProgramsHeadersAreSent() {
    try (Fake server = new Fake(published("e"));
        Client client = server.builder().apiKey("th_x").headers(() -> Map.of("traceparent", "00-1-2-01")).build()) {
      client.publish(CREATED);
      var sent = server.headers.get(0);
      assertEquals("Bearer th_x", sent.get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER)));
      assertEquals("00-1-2-01", sent.get(Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER)));
    }
  }

  @Test
  void theClientsNamespaceIsUsedWhereNoneIsGiven() {
    try (Fake server = new Fake(published("e"), published("e"), one(BatchPublishEventsResponse.getDefaultInstance()));
        Client client = server.builder().namespace("mine").build()) {
      client.publish(CREATED);
      client.publish(CREATED.toBuilder().setNamespace("other").build());
      client.publishBatch(List.of(CREATED));
      assertEquals("mine", ((PublishEventRequest) server.requests.get(0)).getEvent().getNamespace());
      assertEquals("other", ((PublishEventRequest) server.requests.get(1)).getEvent().getNamespace());
      assertEquals("mine", ((BatchPublishEventsRequest) server.requests.get(2)).getEvents(0).getNamespace());
    }
  }

  @Test
  void requestsWithoutAnIdGetOne() {
    assertNotEquals("", Identity.request(CreateWebhookRequest.getDefaultInstance()).getRequestId());
    assertNotEquals("", Identity.request(RotateSigningKeyRequest.getDefaultInstance()).getRequestId());
    assertNotEquals("", Identity.request(ReplayEventsRequest.getDefaultInstance()).getRequestId());
    var batch = BatchPublishEventsRequest.newBuilder().addEvents(CREATED).addEvents(CREATED.toBuilder().setId("mine"));
    var sent = Identity.request(batch.build());
    assertNotEquals("", sent.getEvents(0).getId());
    assertEquals("mine", sent.getEvents(1).getId());
    var kept = CreateWebhookRequest.newBuilder().setRequestId("mine").build();
    assertEquals(kept, Identity.request(kept));
  }

  @Test
  void createWebhookTellsTheSecret() {
    try (Fake server = new Fake(one(CreateWebhookResponse.newBuilder().setSigningSecret("whsec_x").build()));
        Client client = server.builder().build()) {
      assertEquals("whsec_x", client.createWebhook(Webhook.getDefaultInstance()).getSigningSecret());
    }
  }

  @Test
  void listsTurnThePages() {
    var first = ListWebhooksResponse.newBuilder().setNextPageToken("2");
    first.addWebhooks(Webhook.newBuilder().setId("a")).addWebhooks(Webhook.newBuilder().setId("b"));
    var second = ListWebhooksResponse.newBuilder().addWebhooks(Webhook.newBuilder().setId("c"));
    try (Fake server = new Fake(one(first.build()), one(second.build())); Client client = server.builder().build()) {
      var webhooks = all(client.listWebhooks(ListWebhooksRequest.newBuilder().setPageSize(2).build()));
      assertEquals(List.of("a", "b", "c"), webhooks.stream().map(Webhook::getId).toList());
      assertEquals("2", ((ListWebhooksRequest) server.requests.get(1)).getPageToken());
    }
  }

  @Test
  void aListThatFailsThrows() {
    var first = ListEventsResponse.newBuilder().addEvents(CREATED).setNextPageToken("2").build();
    try (Fake server = new Fake(one(first), refuse(Code.INVALID_ARGUMENT)); Client client = server.builder().build()) {
      var events = client.listEvents(ListEventsRequest.getDefaultInstance());
      assertThrows(TenterhookException.Invalid.class, () -> all(events));
    }
  }

  @Test
  void aListOfDeliveriesTellsWhereToWatch() {
    var first = ListDeliveriesResponse.newBuilder().setResumeToken("r").setNextPageToken("2");
    first.addDeliveries(Delivery.newBuilder().setId("a"));
    try (Fake server = new Fake(one(first.build()), one(ListDeliveriesResponse.getDefaultInstance()));
        Client client = server.builder().build()) {
      DeliveryList list = client.listDeliveries(ListDeliveriesRequest.getDefaultInstance());
      assertEquals(1, all(list).size());
      assertEquals("r", list.resumeToken());
    }
  }

  @Test
  void aStreamAcknowledgesEachEvent() {
    var good = StreamPublishEventsResponse.newBuilder().setResult(PublishResult.newBuilder().setEventId("a")).build();
    var error = PublishError.newBuilder().setCode(3).setMessage("event.type: is required").setField("event.type");
    var bad = StreamPublishEventsResponse.newBuilder().setSequence(1).setError(error).build();
    try (Fake server = new Fake(one(good), one(bad)); Client client = server.builder().build()) {
      List<Ack> acks = new ArrayList<>();
      client.publishStream(List.of(CREATED, Event.getDefaultInstance()).iterator()).forEachRemaining(acks::add);
      assertEquals("a", acks.get(0).result().orElseThrow().getEventId());
      assertEquals(1, acks.get(1).sequence());
      var refused = acks.get(1).error().orElseThrow();
      assertTrue(refused instanceof TenterhookException.Invalid);
      assertEquals("event.type", refused.fieldViolations().get(0).field());
    }
  }

  @Test
  void aLongStreamIsAcknowledgedWhole() {
    List<?>[] answers = Collections.nCopies(2000, one(StreamPublishEventsResponse.getDefaultInstance())).toArray(List<?>[]::new);
    try (Fake server = new Fake(answers); Client client = server.builder().build()) {
      int[] count = {0};
      client.publishStream(Collections.nCopies(2000, CREATED).iterator()).forEachRemaining(ack -> count[0]++);
      assertEquals(2000, count[0]);
    }
  }

  @Test
  void aStreamThatBreaksThrows() {
    try (Fake server = new Fake(refuse(Code.RESOURCE_EXHAUSTED)); Client client = server.builder().build()) {
      var acks = client.publishStream(List.of(CREATED).iterator());
      assertEquals(Code.RESOURCE_EXHAUSTED, assertThrows(TenterhookException.class, acks::hasNext).code());
    }
  }

  @Test
  void nativeValuesBecomeDocumentsAndTimes() {
    record Site(int id, String name) {}
    assertEquals("{\"id\":7,\"name\":\"Zürich\"}", Json.of(new Site(7, "Zürich")).getJson());
    assertEquals("null", Json.of(null).getJson());
    record Times(Instant at, LocalDate day, Duration took, Date old) {}
    var times = new Times(Instant.EPOCH, LocalDate.EPOCH, Duration.ofSeconds(90), new Date(0));
    String written = "{'at':'1970-01-01T00:00:00Z','day':'1970-01-01','took':'PT1M30S','old':'1970-01-01T00:00:00Z'}";
    assertEquals(written.replace('\'', '"'), Json.of(times).getJson());
    assertEquals(times, Json.read(Json.of(times), Times.class));
    assertThrows(IllegalArgumentException.class, () -> Json.of(Map.of("x", Double.NaN)));
    var thread = assertThrows(IllegalArgumentException.class, () -> Json.of(Thread.currentThread()));
    assertTrue(thread.getMessage().startsWith("the value has no JSON"), thread.getMessage());
    assertEquals("1E5", Json.text("1E5").getJson());
    assertEquals(7, Json.read(Json.of(Map.of("id", 7)), Site.class).id());
    assertEquals(5, Json.time(Instant.ofEpochSecond(5, 6)).getSeconds());
  }

  @Test
  void aServerThatComesLateIsReached() {
    Fake first = new Fake();
    int port = first.port();
    try (Client client = first.builder().build()) {
      first.close();
      Fake[] late = new Fake[1];
      Thread starter = new Thread(() -> {
        Fake.pause(400);
        late[0] = new Fake(port, published("e"));
      });
      starter.start();
      assertEquals("e", client.publish(CREATED).getEventId());
      late[0].close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"localhost", "ftp://a:1", "host:port", "", ":1"})
  void badTargetsAreRefused(String target) {
    assertThrows(IllegalArgumentException.class, () -> Client.to(target));
  }

  @Test
  void aKeyIsNotSentInTheClear() {
    var remote = Client.builder("http://example.com:80").apiKey("th_x");
    assertThrows(IllegalArgumentException.class, remote::build);
    Client.builder("http://127.0.0.1:80").apiKey("th_x").build().close();
  }

  @Test
  void theTableOfIdempotentMethodsComesFromTheProto() {
    assertTrue(Caller.isIdempotent(EventServiceGrpc.getPublishEventMethod()));
    assertFalse(Caller.isIdempotent(WebhookServiceGrpc.getUpdateWebhookMethod()));
    assertFalse(Caller.isIdempotent(DeliveryServiceGrpc.getRetryDeliveryMethod()));
  }

  @Test
  void waitsDoubleUpToTheLongest() {
    var still = new RetryPolicy(Duration.ofSeconds(1), 2, Duration.ofSeconds(5), 0, true);
    for (int failures = 0; failures < 5; failures++) {
      assertEquals(Math.min(1 << failures, 5), still.waitAfter(failures).toSeconds());
    }
    assertTrue(RetryPolicy.DEFAULT.waitAfter(5000).toSeconds() <= 6);
  }
}
