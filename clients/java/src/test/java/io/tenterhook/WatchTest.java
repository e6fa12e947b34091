package io.tenterhook;

import static io.tenterhook.Fake.info;
import static io.tenterhook.Fake.refusal;
import static io.tenterhook.Fake.refuse;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status.Code;
import io.tenterhook.v1.Bookmark;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryChange;
import io.tenterhook.v1.DeliveryFilter;
import io.tenterhook.v1.ErrorReason;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesResponse;
import io.tenterhook.v1.WatchPosition;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A watch resumes for ever, from what the program was handed. */
@Timeout(30)
class WatchTest {
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final WatchDeliveriesRequest ALL = WatchDeliveriesRequest.getDefaultInstance();

  private static WatchDeliveriesResponse change(int number) {
    var change = DeliveryChange.newBuilder().setDelivery(Delivery.newBuilder().setId("d" + number));
    return WatchDeliveriesResponse.newBuilder().setResumeToken("t" + number).setChange(change).build();
  }

  private static WatchDeliveriesResponse bookmark(String token) {
    return WatchDeliveriesResponse.newBuilder()
        .setResumeToken(token)
        .setBookmark(Bookmark.getDefaultInstance())
        .build();
  }

  private static WatchDeliveriesRequest within(int milliseconds) {
    var interval = com.google.protobuf.Duration.newBuilder().setNanos(milliseconds * 1_000_000);
    return ALL.toBuilder().setBookmarkInterval(interval).build();
  }

  private static void take(Watch watch, String... wanted) {
    for (String id : wanted) {
      assertEquals(id, watch.next().change().getDelivery().getId());
    }
  }

  private static List<String> tokens(Fake server) {
    return server.requests.stream().map(one -> ((WatchDeliveriesRequest) one).getResumeToken()).toList();
  }

  @Test
  void changesComeWithTheirTokensAndBookmarksDoNotCome() {
    try (Fake server = new Fake(List.of(bookmark("b"), change(1), bookmark("b2"), change(2), LONG));
        Client client = server.builder().build();
        Watch watch = client.watch(ALL)) {
      assertEquals("t1", watch.next().token());
      assertEquals("t1", watch.resumeToken());
      take(watch, "d2");
    }
  }

  @ParameterizedTest
  @EnumSource(value = Code.class, names = {"UNAVAILABLE", "INTERNAL", "UNKNOWN", "CANCELLED"})
  void aCutStreamResumesAfterWhatWasHandedOut(Code code) {
    try (Fake server = new Fake(List.of(bookmark("b"), change(1), refusal(code)), List.of(change(2), LONG));
        Client client = server.builder().build();
        Watch watch = client.watch(ALL)) {
      take(watch, "d1", "d2");
      assertEquals(List.of("", "t1"), tokens(server));
    }
  }

  @Test
  void whatArrivedButWasNotHandedOutIsNotCounted() {
    try (Fake server = new Fake(List.of(change(1), change(2), change(3), LONG));
        Client client = server.builder().build();
        Watch watch = client.watch(ALL)) {
      take(watch, "d1");
      assertTrue(watch.hasNext());
      assertEquals("t1", watch.resumeToken());
    }
  }

  @Test
  void aStreamThatEndsWellIsResumedToo() {
    try (Fake server = new Fake(List.of(change(1)), List.of(), List.of(change(2), LONG));
        Client client = server.builder().build();
        Watch watch = client.watch(ALL)) {
      take(watch, "d1", "d2");
      assertEquals(List.of("", "t1", "t1"), tokens(server));
    }
  }

  @Test
  void aBookmarkMovesThePlaceToResume() {
    var earliest = ALL.toBuilder().setPosition(WatchPosition.WATCH_POSITION_EARLIEST).build();
    try (Fake server = new Fake(List.of(bookmark("quiet"), refusal(Code.UNAVAILABLE)), List.of(change(1), LONG));
        Client client = server.builder().build();
        Watch watch = client.watch(earliest)) {
      take(watch, "d1");
      assertEquals(List.of("", "quiet"), tokens(server));
    }
  }

  @Test
  void silenceOfThreeBookmarkIntervalsMakesANewConnection() {
    try (Fake server = new Fake(List.of(change(1), LONG), List.of(change(2), LONG));
        Client client = server.builder().build();
        Watch watch = client.watch(within(200))) {
      take(watch, "d1");
      long start = System.nanoTime();
      take(watch, "d2");
      long took = Duration.ofNanos(System.nanoTime() - start).toMillis();
      assertTrue(took >= 590 && took < 5000, "took " + took);
    }
  }

  @Test
  void aSlowProgramIsNoSilence() {
    try (Fake server = new Fake(List.of(change(1), change(2), LONG));
        Client client = server.builder().build();
        Watch watch = client.watch(within(100))) {
      take(watch, "d1");
      Fake.pause(600);
      take(watch, "d2");
      assertEquals(1, server.requests.size());
    }
  }

  @Test
  void anExpiredTokenEndsTheWatch() {
    try (Fake server = new Fake(refuse(Code.OUT_OF_RANGE, info("RESUME_TOKEN_EXPIRED")));
        Client client = server.builder().build();
        Watch watch = client.watch(ALL.toBuilder().setResumeToken("old").build())) {
      var failure = assertThrows(TenterhookException.Invalid.class, watch::next);
      assertEquals(ErrorReason.ERROR_REASON_RESUME_TOKEN_EXPIRED, failure.reason());
      assertEquals(List.of("old"), tokens(server));
      assertFalse(watch.hasNext());
    }
  }

  @ParameterizedTest
  @EnumSource(value = Code.class, names = {"INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND"})
  void whatCannotGetBetterEndsTheWatch(Code code) {
    try (Fake server = new Fake(refuse(code));
        Client client = server.builder().build();
        Watch watch = client.watch(ALL)) {
      assertEquals(code, assertThrows(TenterhookException.class, watch::next).code());
    }
  }

  @Test
  void manyCutsLoseAndRepeatNothing() {
    List<?>[] scripts = IntStream.range(0, 20)
        .mapToObj(number -> List.of(bookmark("b"), change(number), refusal(Code.UNAVAILABLE)))
        .toArray(List<?>[]::new);
    try (Fake server = new Fake(scripts);
        Client client = server.builder().build();
        Watch watch = client.watch(ALL)) {
      IntStream.range(0, 20).forEach(number -> take(watch, "d" + number));
    }
  }

  @Test
  void closeFromAnotherThreadEndsTheIteration() {
    try (Fake server = new Fake(List.of(change(1), LONG));
        Client client = server.builder().build();
        Watch watch = client.watch(ALL)) {
      take(watch, "d1");
      new Thread(() -> {
        Fake.pause(100);
        watch.close();
      }).start();
      assertFalse(watch.hasNext());
    }
  }

  @Test
  void filtersAndNamespaceAreKeptOverAReconnect() {
    var request = ALL.toBuilder().setFilter(DeliveryFilter.newBuilder().addWebhookIds("wh")).build();
    try (Fake server = new Fake(refuse(Code.UNAVAILABLE), List.of(change(1), LONG));
        Client client = server.builder().namespace("mine").build();
        Watch watch = client.watch(request)) {
      take(watch, "d1");
      for (var seen : server.requests) {
        assertEquals("mine", ((WatchDeliveriesRequest) seen).getNamespace());
        assertEquals("wh", ((WatchDeliveriesRequest) seen).getFilter().getWebhookIds(0));
      }
    }
  }
}
