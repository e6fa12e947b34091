package io.tenterhook;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.tenterhook.v1.Bookmark;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryChange;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A watch with a checkpoint goes on after what the program has handled, also in another process. */
@Timeout(30)
class CheckpointTest {
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final WatchDeliveriesRequest ALL = WatchDeliveriesRequest.getDefaultInstance();

  /** A checkpoint that notes what is saved, and fails when it is told to. */
  private static final class Notes implements Checkpoint {
    final List<String> saved = new CopyOnWriteArrayList<>();
    final AtomicInteger failures = new AtomicInteger();
    private final String token;

    Notes(String token) {
      this.token = token;
    }

    @Override
    public Optional<String> load() {
      return Optional.of(token).filter(one -> !one.isEmpty());
    }

    @Override
    public void save(String token) throws IOException {
      if (failures.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
        throw new IOException("the disk is read only");
      }
      saved.add(token);
    }
  }

  private static WatchDeliveriesResponse change(int number) {
    var change = DeliveryChange.newBuilder().setDelivery(Delivery.newBuilder().setId("d" + number));
    return WatchDeliveriesResponse.newBuilder().setResumeToken("t" + number).setChange(change).build();
  }

  private static WatchDeliveriesResponse bookmark() {
    var bookmark = Bookmark.getDefaultInstance();
    return WatchDeliveriesResponse.newBuilder().setResumeToken("b").setBookmark(bookmark).build();
  }

  private static List<String> tokens(Fake server) {
    return server.requests.stream().map(one -> ((WatchDeliveriesRequest) one).getResumeToken()).toList();
  }

  @Test
  void aChangeCountsAsHandledWhenTheNextIsAskedFor() throws Exception {
    List<Object> script = List.of(change(1), bookmark(), change(2), LONG);
    try (Fake server = new Fake(script, script); Client client = server.builder().build()) {
      Notes notes = new Notes("");
      try (Watch watch = client.watch(ALL).checkpoint(notes)) {
        watch.next();
        assertEquals(List.of(), notes.saved);
        assertEquals("t2", watch.next().token());
        assertEquals(List.of("t1", "b"), notes.saved);
      }
      Notes others = new Notes("");
      try (AsyncWatch watch = client.async().watch(ALL).checkpoint(others)) {
        watch.next().get();
        assertEquals(List.of(), others.saved);
        assertEquals("t2", watch.next().get().token());
        assertEquals(List.of("t1", "b"), others.saved);
      }
    }
  }

  @Test
  void whatWasSavedWinsOverWhereTheWatchWouldBegin() throws Exception {
    List<Object> script = List.of(change(8), LONG);
    try (Fake server = new Fake(script, script, script); Client client = server.builder().build()) {
      try (Watch watch = client.watch(ALL).checkpoint(new Notes("t7"))) {
        watch.next();
      }
      try (AsyncWatch watch = client.async().watch(ALL).checkpoint(new Notes("t7"))) {
        watch.next().get();
      }
      try (Watch watch = client.watch(ALL).checkpoint(new Notes(""))) {
        watch.next();
      }
      assertEquals(List.of("t7", "t7", ""), tokens(server));
    }
  }

  @Test
  void aSaveThatFailsIsThrownAndTriedAgain() throws Exception {
    List<Object> script = List.of(change(1), change(2), LONG);
    try (Fake server = new Fake(script, script); Client client = server.builder().build()) {
      Notes notes = new Notes("");
      try (Watch watch = client.watch(ALL).checkpoint(notes)) {
        watch.next();
        notes.failures.set(1);
        assertThrows(UncheckedIOException.class, watch::next);
        assertEquals("t2", watch.next().token());
      }
      try (AsyncWatch watch = client.async().watch(ALL).checkpoint(notes)) {
        watch.next().get();
        notes.failures.set(1);
        var error = assertThrows(ExecutionException.class, () -> watch.next().get());
        assertInstanceOf(UncheckedIOException.class, error.getCause());
        assertEquals("t2", watch.next().get().token());
      }
      assertEquals(List.of("t1", "t1"), notes.saved);
    }
  }

  @Test
  void aFileKeepsTheLastToken(@TempDir Path folder) throws IOException {
    Path place = folder.resolve("deliveries.token");
    assertEquals(Optional.empty(), new FileCheckpoint(place).load());
    new FileCheckpoint(place).save("t1");
    new FileCheckpoint(place).save("t2");
    assertEquals(Optional.of("t2"), new FileCheckpoint(place).load());
    try (var names = Files.list(folder)) {
      assertEquals(List.of(place), names.toList());
    }
  }

  @Test
  void aPlaceWhereNothingCanBeWrittenIsFoundAtTheStart(@TempDir Path folder) {
    var checkpoint = new FileCheckpoint(folder.resolve("missing").resolve("token"));
    assertThrows(NoSuchFileException.class, checkpoint::load);
  }
}
