package io.tenterhook;

import static io.tenterhook.Fake.info;
import static io.tenterhook.Fake.published;
import static io.tenterhook.Fake.refusal;
import static io.tenterhook.Fake.refuse;
import static io.tenterhook.Fake.retryInfo;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.ServiceDescriptor;
import io.grpc.Status.Code;
import io.tenterhook.v1.AccessServiceGrpc;
import io.tenterhook.v1.Bookmark;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryChange;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.GetWebhookRequest;
import io.tenterhook.v1.ListWebhooksRequest;
import io.tenterhook.v1.ListWebhooksResponse;
import io.tenterhook.v1.PublishEventRequest;
import io.tenterhook.v1.ServerServiceGrpc;
import io.tenterhook.v1.StreamPublishEventsResponse;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesResponse;
import io.tenterhook.v1.Webhook;
import io.tenterhook.v1.WebhookServiceGrpc;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What gives futures, against a scripted server; the scenarios of Kotlin, which is built on it, try it with a real one. */
@Timeout(30)
class AsyncTest {
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final WatchDeliveriesRequest ALL = WatchDeliveriesRequest.getDefaultInstance();
  private static final Event EVENT = Event.newBuilder().setType("created").build();

  private static WatchDeliveriesResponse change(int number) {
    var change = DeliveryChange.newBuilder().setDelivery(Delivery.newBuilder().setId("d" + number));
    return WatchDeliveriesResponse.newBuilder().setResumeToken("t" + number).setChange(change).build();
  }

  private static Throwable failure(CompletableFuture<?> future) {
    return assertThrows(ExecutionException.class, future::get).getCause();
  }

  private static List<String> tokens(Fake server) {
    return server.requests.stream().map(one -> ((WatchDeliveriesRequest) one).getResumeToken()).toList();
  }

  @ParameterizedTest
  @ValueSource(classes = {Client.class, AsyncClient.class})
  void everyMethodThatIsNoStreamIsThereByItsName(Class<?> client) {
    var ours = Map.of("publishEvent", "publish", "batchPublishEvents", "publishBatch");
    var there = Arrays.stream(client.getMethods()).map(java.lang.reflect.Method::getName).toList();
    var wanted = Stream.of(
            AccessServiceGrpc.getServiceDescriptor(),
            DeliveryServiceGrpc.getServiceDescriptor(),
            EventServiceGrpc.getServiceDescriptor(),
            ServerServiceGrpc.getServiceDescriptor(),
            WebhookServiceGrpc.getServiceDescriptor())
        .map(ServiceDescriptor::getMethods)
        .flatMap(java.util.Collection::stream)
        .filter(method -> method.getType() == MethodType.UNARY)
        .map(MethodDescriptor::getBareMethodName)
        .map(name -> name.substring(0, 1).toLowerCase() + name.substring(1))
        .map(name -> ours.getOrDefault(name, name))
        .toList();
    assertEquals(List.of(), wanted.stream().filter(name -> !there.contains(name)).toList());
    assertTrue(wanted.size() >= 29);
  }

  @Test
  void aCallIsTriedAgainUnderTheSameId() throws Exception {
    try (Fake server = new Fake(refuse(Code.UNAVAILABLE), refuse(Code.UNAVAILABLE), published("e"));
        Client client = server.builder().namespace("ours").build()) {
      assertEquals("e", client.async().publish(EVENT).get().getEventId());
      var events = server.requests.stream().map(one -> ((PublishEventRequest) one).getEvent()).toList();
      assertEquals(3, events.size());
      assertEquals(1, events.stream().map(Event::getId).distinct().count());
      assertEquals("ours", events.get(0).getNamespace());
    }
  }

  @Test
  void aWaitBeyondTheDeadlineIsNotBegun() {
    try (Fake server = new Fake(refuse(Code.RESOURCE_EXHAUSTED, info("LIMIT_EXCEEDED"), retryInfo(60_000)));
        Client client = server.builder().build()) {
      var error = assertInstanceOf(TenterhookException.class, failure(client.async().publish(EVENT)));
      assertEquals(Code.RESOURCE_EXHAUSTED, error.code());
      assertEquals(1, server.requests.size());
    }
  }

  @Test
  void whatTheKeyThrowsComesOut() {
    var away = new IllegalStateException("the key is away");
    try (Fake server = new Fake();
        Client client = server.builder().apiKey(() -> {
          throw away;
        }).build()) {
      assertEquals(away, failure(client.async().publish(EVENT)));
      assertEquals(away, failure(client.async().watch(ALL).next()));
    }
  }

  @Test
  void aFutureThatIsCancelledGivesUpItsCallAndItsRetries() throws Exception {
    try (Fake server = new Fake(List.of(LONG)); Client client = server.builder().build()) {
      var call = client.async().publish(EVENT);
      while (server.requests.isEmpty()) {
        Fake.pause(5);
      }
      assertTrue(call.cancel(false));
      client.close(); // would wait for the call
    }
    try (Client client = Client.to("127.0.0.1:1")) {
      var call = client.async().getWebhook(GetWebhookRequest.getDefaultInstance());
      assertTrue(call.cancel(false));
    }
  }

  @Test
  void closingFailsWhatIsInFlight() {
    try (Fake server = new Fake(List.of(LONG), List.of(LONG)); Client client = server.builder().build()) {
      var async = client.async();
      var call = async.publish(EVENT);
      var watch = async.watch(ALL).next();
      var waits = Client.to("127.0.0.1:1");
      var retried = waits.async().publish(EVENT);
      async.close();
      waits.close();
      for (var one : List.of(call, watch, retried, async.publish(EVENT), async.watch(ALL).next(), async.ping())) {
        assertInstanceOf(TenterhookException.Closed.class, failure(one));
      }
    }
  }

  @Test
  void aListTurnsItsPagesAndSkipsEmptyOnes() throws Exception {
    var first = ListWebhooksResponse.newBuilder().addWebhooks(Webhook.newBuilder().setId("w1")).setNextPageToken("2");
    var empty = ListWebhooksResponse.newBuilder().setNextPageToken("3");
    var last = ListWebhooksResponse.newBuilder().addWebhooks(Webhook.newBuilder().setId("w2"));
    try (Fake server = new Fake(List.of(first.build()), List.of(empty.build()), List.of(last.build()));
        Client client = server.builder().build()) {
      var pages = client.async().listWebhooks(ListWebhooksRequest.getDefaultInstance());
      List<String> ids = new ArrayList<>();
      for (var page = pages.next().get(); !page.isEmpty(); page = pages.next().get()) {
        page.forEach(webhook -> ids.add(webhook.getId()));
      }
      assertEquals(List.of("w1", "w2"), ids);
    }
  }

  @Test
  void aWatchResumesAfterWhatWasHandedOut() throws Exception {
    var bookmark = WatchDeliveriesResponse.newBuilder().setResumeToken("b").setBookmark(Bookmark.getDefaultInstance());
    List<Boolean> told = new ArrayList<>();
    try (Fake server = new Fake(
            List.of(bookmark.build(), refusal(Code.UNAVAILABLE)),
            List.of(change(1), refusal(Code.INTERNAL)),
            List.of(change(2), LONG));
        Client client = server.builder().build();
        AsyncWatch watch = client.async().watch(ALL).onConnectivity(state -> told.add(state.connected()))) {
      assertEquals("t1", watch.next().get().token());
      assertEquals("t2", watch.next().get().token());
      assertEquals(List.of("", "b", "t1"), tokens(server));
      assertEquals(List.of(true, false, true, false, true), told);
    }
  }

  @Test
  void aWaitThatIsGivenUpLosesNothingAndAChangePutBackComesAgain() throws Exception {
    try (Fake server = new Fake(List.of(Duration.ofMillis(100), change(1), change(2), LONG));
        Client client = server.builder().build();
        AsyncWatch watch = client.async().watch(ALL)) {
      var given = watch.next();
      assertTrue(given.cancel(false));
      var replaced = watch.ready();
      var first = watch.next().get();
      assertTrue(replaced.isCancelled());
      assertEquals("t1", first.token());
      watch.putBack(first);
      assertEquals(first, watch.next().get());
      assertEquals("t2", watch.next().get().token());
      assertEquals(1, server.requests.size());
    }
  }

  @Test
  void aSilentWatchTakesAnotherConnection() throws Exception {
    var interval = com.google.protobuf.Duration.newBuilder().setNanos(100_000_000);
    try (Fake server = new Fake(List.of(change(1), LONG), List.of(change(2), LONG));
        Client client = server.builder().build();
        AsyncWatch watch = client.async().watch(ALL.toBuilder().setBookmarkInterval(interval).build())) {
      assertEquals("t1", watch.next().get().token());
      assertEquals("t2", watch.next().get().token());
      assertEquals(List.of("", "t1"), tokens(server));
    }
  }

  @Test
  void aWatchEndsWithWhatWouldComeAgainAndWhenItIsClosed() {
    try (Fake server = new Fake(refuse(Code.FAILED_PRECONDITION, info("RESUME_TOKEN_EXPIRED")), List.of(LONG));
        Client client = server.builder().build()) {
      var expired = client.async().watch(ALL);
      assertInstanceOf(TenterhookException.Conflict.class, failure(expired.next()));
      assertInstanceOf(TenterhookException.Conflict.class, failure(expired.next()));
      var closed = client.async().watch(ALL);
      var wait = closed.next();
      closed.close();
      assertInstanceOf(NoSuchElementException.class, failure(wait));
      assertInstanceOf(NoSuchElementException.class, failure(closed.next()));
    }
  }

  @Test
  void aStreamAcknowledgesEachAndFailsWhatItDoesNot() throws Exception {
    var acknowledged = List.of(StreamPublishEventsResponse.getDefaultInstance());
    try (Fake server = new Fake(acknowledged, List.of(refusal(Code.UNAVAILABLE)));
        Client client = server.builder().build()) {
      var stream = client.async().publishStream();
      assertTrue(stream.publish(EVENT).get().result().isPresent());
      assertFalse(stream.ended().isDone());
      assertInstanceOf(TenterhookException.Unavailable.class, failure(stream.publish(EVENT)));
      assertInstanceOf(TenterhookException.Unavailable.class, failure(stream.ended()));
      assertInstanceOf(TenterhookException.Unavailable.class, failure(stream.publish(EVENT)));
      stream.ready().get();
    }
    try (Fake server = new Fake(acknowledged); Client client = server.builder().build()) {
      var stream = client.async().publishStream();
      stream.publish(EVENT).get();
      stream.finish();
      stream.ended().get();
      assertThrows(IllegalStateException.class, () -> stream.publish(EVENT));
    }
  }
}
