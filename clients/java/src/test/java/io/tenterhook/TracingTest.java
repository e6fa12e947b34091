package io.tenterhook;

import static io.tenterhook.Fake.one;
import static io.tenterhook.Fake.published;
import static io.tenterhook.Fake.refusal;
import static io.tenterhook.Fake.refuse;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Metadata;
import io.grpc.Status.Code;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Scope;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.instrumentation.grpc.v1_6.GrpcTelemetry;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.tenterhook.testing.RecordingReceiver;
import io.tenterhook.testing.TestServer;
import io.tenterhook.v1.DeliveryChange;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.PublishResult;
import io.tenterhook.v1.RequestTemplate;
import io.tenterhook.v1.StreamPublishEventsResponse;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesResponse;
import io.tenterhook.v1.Webhook;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Spans of calls, by the interceptor and the SDK of OpenTelemetry. */
@Timeout(30)
class TracingTest {
  private static final Event EVENT = Event.newBuilder().setType("created").build();
  private static final WatchDeliveriesRequest ALL = WatchDeliveriesRequest.getDefaultInstance();
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final List<Object> UNAVAILABLE = refuse(Code.UNAVAILABLE);

  private final InMemorySpanExporter spans = InMemorySpanExporter.create();
  private final OpenTelemetrySdk openTelemetry = OpenTelemetrySdk.builder()
      .setTracerProvider(SdkTracerProvider.builder().addSpanProcessor(SimpleSpanProcessor.create(spans)).build())
      .setPropagators(ContextPropagators.create(W3CTraceContextPropagator.getInstance()))
      .build();

  private Client traced(ClientBuilder builder) {
    return builder.interceptors(GrpcTelemetry.create(openTelemetry).createClientInterceptor()).build();
  }

  private Client client(Fake server) {
    return traced(server.builder());
  }

  /** Spans end in threads of gRPC: waits for as many as there must be. */
  private List<SpanData> ended(int count) {
    long until = System.nanoTime() + LONG.toNanos();
    while (spans.getFinishedSpanItems().size() < count && System.nanoTime() < until) {
      Fake.pause(1);
    }
    List<SpanData> ended = spans.getFinishedSpanItems();
    assertEquals(count, ended.size());
    return ended;
  }

  private static WatchDeliveriesResponse change(String token) {
    var payload = DeliveryChange.getDefaultInstance();
    return WatchDeliveriesResponse.newBuilder().setResumeToken(token).setChange(payload).build();
  }

  private static List<String> traceparents(Fake server) {
    var name = Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);
    return server.headers.stream().map(one -> one.get(name)).toList();
  }

  private static String traceparent(SpanData span) {
    return String.join("-", "00", span.getTraceId(), span.getSpanId(), span.getSpanContext().getTraceFlags().asHex());
  }

  private static Long code(SpanData span) {
    return span.getAttributes().get(AttributeKey.longKey("rpc.grpc.status_code"));
  }

  private Span parent() {
    return openTelemetry.getTracer("test").spanBuilder("parent").startSpan();
  }

  private static void assertParent(Span parent, List<SpanData> spans) {
    String id = parent.getSpanContext().getSpanId();
    assertEquals(Collections.nCopies(spans.size(), id), spans.stream().map(SpanData::getParentSpanId).toList());
  }

  @Test
  void eachTryIsASpanWhoseContextGoesAlong() {
    Span parent = parent();
    try (Fake server = new Fake(UNAVAILABLE, published("e")); Client client = client(server)) {
      try (Scope scope = parent.makeCurrent()) {
        client.publish(EVENT);
      }
      List<SpanData> tries = ended(2);
      SpanData refused = tries.get(0);
      assertEquals("tenterhook.v1.EventService/PublishEvent", refused.getName());
      assertEquals(SpanKind.CLIENT, refused.getKind());
      assertEquals(StatusCode.ERROR, refused.getStatus().getStatusCode());
      assertEquals(List.of(14L, 0L), tries.stream().map(TracingTest::code).toList());
      assertEquals(tries.stream().map(TracingTest::traceparent).toList(), traceparents(server));
      assertParent(parent, tries);
    }
  }

  @Test
  void theTriesOfAFutureHaveTheParentOfItsCaller() throws Exception {
    Span parent = parent();
    try (Fake server = new Fake(UNAVAILABLE, UNAVAILABLE, published("e")); Client client = client(server)) {
      CompletableFuture<PublishResult> result;
      try (Scope scope = parent.makeCurrent()) {
        result = client.async().publish(EVENT);
      }
      result.get();
      assertParent(parent, ended(3));
    }
  }

  @Test
  void anErrorOfTheServerReachesTheCallerAndTheSpan() {
    try (Fake server = new Fake(refuse(Code.NOT_FOUND)); Client client = client(server)) {
      assertThrows(TenterhookException.NotFound.class, () -> client.publish(EVENT));
      assertEquals(5, code(ended(1).get(0)));
    }
  }

  @Test
  void aWatchIsASpanUntilItEnds() {
    try (Fake server = new Fake(List.of(change("t"), LONG)); Client client = client(server)) {
      Watch watch = client.watch(ALL);
      assertEquals("t", watch.next().token());
      assertEquals(List.of(), spans.getFinishedSpanItems());
      watch.close();
      SpanData span = ended(1).get(0);
      assertEquals("tenterhook.v1.DeliveryService/WatchDeliveries", span.getName());
      assertEquals(1, code(span)); // cancelled
      assertEquals(List.of(traceparent(span)), traceparents(server));
    }
  }

  @Test
  void closingTheClientEndsTheSpansOfItsStreams() {
    var ack = StreamPublishEventsResponse.newBuilder().setResult(PublishResult.getDefaultInstance());
    Fake server = new Fake(List.of(change("t"), LONG), one(ack.build()), List.of(LONG));
    Client client = client(server);
    client.watch(ALL).next();
    PublishStream acks = client.publishStream(List.of(EVENT, EVENT).iterator());
    acks.next();
    client.close();
    ended(2);
    assertThrows(TenterhookException.Closed.class, () -> acks.forEachRemaining(each -> {}));
    server.close();
  }

  @Test
  void theConnectionsOfAWatchWithFuturesHaveTheParentOfWhoOpenedIt() throws Exception {
    Span parent = parent();
    var lost = List.of(change("a"), refusal(Code.UNAVAILABLE));
    try (Fake server = new Fake(lost, List.of(change("b"), LONG)); Client client = client(server)) {
      AsyncWatch watch;
      try (Scope scope = parent.makeCurrent()) {
        watch = client.async().watch(ALL);
      }
      assertEquals("a", watch.next().get().token());
      assertEquals("b", watch.next().get().token());
      watch.close();
      assertParent(parent, ended(2));
    }
  }

  @Test
  void aStreamOfEventsIsASpan() {
    var ack = StreamPublishEventsResponse.newBuilder().setResult(PublishResult.getDefaultInstance());
    try (Fake server = new Fake(one(ack.build())); Client client = client(server)) {
      client.publishStream(List.of(EVENT).iterator()).forEachRemaining(each -> {});
      assertEquals(0, code(ended(1).get(0)));
    }
  }

  @Test
  void aStreamThatIsLeftIsASpanThatEndsAlsoInAnInterruptedThread() {
    var ack = StreamPublishEventsResponse.newBuilder().setResult(PublishResult.getDefaultInstance());
    try (Fake server = new Fake(one(ack.build()), List.of(LONG)); Client client = client(server)) {
      try (PublishStream acks = client.publishStream(List.of(EVENT, EVENT).iterator())) {
        acks.next();
        Thread.currentThread().interrupt();
      }
      assertTrue(Thread.interrupted());
      assertEquals(1, code(ended(1).get(0)));
    }
  }

  @Test
  void theTraceGoesOnInWhatTheServerDelivers() {
    try (TestServer server = TestServer.start();
        RecordingReceiver receiver = new RecordingReceiver();
        Client client = traced(Client.builder(server.target()))) {
      client.createWebhook(Webhook.newBuilder()
          .setDisplayName("hook")
          .setRequest(RequestTemplate.newBuilder().setUrl(receiver.url()))
          .build());
      client.publish(EVENT);
      String delivered = receiver.await(1).get(0).headers().get("traceparent");
      SpanData publish = ended(2).get(1);
      assertEquals(publish.getTraceId(), delivered.split("-")[1]);
    }
  }
}
