package io.tenterhook.testing;

import com.google.gson.JsonParser;
import io.tenterhook.Client;
import io.tenterhook.DeliveryList;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryFilter;
import io.tenterhook.v1.DeliveryState;
import io.tenterhook.v1.ListDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesRequest;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A server on a free port of this machine, with its store in memory: it starts in a fraction of a second. */
public final class TestServer implements AutoCloseable {
  private static final String BINARY = "TENTERHOOK_BIN";
  /** The line of the server's log that says where it listens. */
  private static final String STARTED = "tenterhook::started";
  private static final int LOG_LINES = 100;
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration START_PATIENCE = Duration.ofSeconds(20);

  private final Process process;
  private final Deque<String> lines = new ArrayDeque<>();
  private final String target;

  /** Starts the program of {@code TENTERHOOK_BIN}, or else {@code tenterhook} in the PATH. */
  public static TestServer start() {
    return start(find(System.getenv(BINARY), System.getenv("PATH")));
  }

  /**
   * Starts a program.
   *
   * @param flags further ones of {@code tenterhook serve}; its settings come from them alone, not from the environment
   * @throws IllegalStateException with what the server wrote, if it does not start
   */
  public static TestServer start(Path program, String... flags) {
    return start(program, START_PATIENCE, flags);
  }

  /**
   * Starts a program.
   *
   * @param within how long it may take until it listens; 20 seconds unless given
   * @param flags further ones of {@code tenterhook serve}; its settings come from them alone, not from the environment
   * @throws IllegalStateException with what the server wrote, if it does not start
   */
  public static TestServer start(Path program, Duration within, String... flags) {
    return new TestServer(program, within, flags);
  }

  private TestServer(Path program, Duration within, String... flags) {
    List<String> command = new ArrayList<>(List.of(program.toString(), "serve", "--dev", "--store", "memory:"));
    command.addAll(List.of("--listen", "127.0.0.1:0", "--ops-listen", "off", "--log-format", "json"));
    command.addAll(List.of(flags));
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().keySet().removeIf(name -> name.startsWith("TENTERHOOK_"));
    try {
      process = builder.start();
    } catch (IOException thrown) {
      String advice = " is no program: install it, or set " + BINARY + " to its path";
      throw new IllegalStateException(program + advice, thrown);
    }
    // So that no program outlives the tests.
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    var listens = new CompletableFuture<String>();
    Thread reader = new Thread(() -> read(listens), "tenterhook-test-server");
    reader.setDaemon(true);
    reader.start();
    // Null is that it is late, empty that it ended.
    target = listens.completeOnTimeout(null, within.toMillis(), TimeUnit.MILLISECONDS).join();
    if (target == null || target.isEmpty()) {
      close();
      String late = target == null ? " within " + within.toMillis() + " ms" : "";
      throw new IllegalStateException(
          "the server did not start" + late + ": " + String.join(" ", command) + "\n" + log());
    }
  }

  static Path find(@Nullable String given, String path) {
    if (given != null && !given.isEmpty()) {
      return Path.of(given);
    }
    return Stream.of(path.split(File.pathSeparator))
        .map(folder -> Path.of(folder, "tenterhook"))
        .filter(Files::isExecutable)
        .findFirst()
        .orElseThrow(() -> new IllegalStateException(
            "there is no program tenterhook in the PATH: install it, or set " + BINARY + " to its path"));
  }

  /** Keeps what the server writes, and completes the future with where it listens, or empty if it ends before. */
  private void read(CompletableFuture<String> listens) {
    try (BufferedReader output = process.inputReader()) {
      for (String line = output.readLine(); line != null; line = output.readLine()) {
        synchronized (lines) {
          lines.add(line);
          if (lines.size() > LOG_LINES) {
            lines.remove();
          }
        }
        if (line.contains(STARTED)) {
          listens.complete(JsonParser.parseString(line).getAsJsonObject().get("listen").getAsString());
        }
      }
    } catch (IOException | UncheckedIOException stopped) {
      // The program was stopped.
    } finally {
      listens.complete("");
    }
  }

  /** Where it listens: {@code 127.0.0.1:PORT}. */
  public String target() {
    return target;
  }

  /** The last 100 lines that the server wrote. */
  public String log() {
    synchronized (lines) {
      return String.join("\n", lines);
    }
  }

  /** A client in a namespace of its own, so that tests do not see each other. Close it. */
  public Client client() {
    String namespace = "test-" + UUID.randomUUID().toString().replace("-", "").substring(0, 12);
    return Client.builder(target).namespace(namespace).build();
  }

  /** Stops the server. */
  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }

  /** The deliveries of the event, with their attempts, when there are some and all have succeeded; within 10 seconds. */
  public static List<Delivery> waitFor(Client client, String eventId) {
    return waitFor(client, eventId, DeliveryState.DELIVERY_STATE_SUCCEEDED, PATIENCE);
  }

  /**
   * The deliveries of the event, with their attempts, when there are some and all are in the state.
   *
   * @throws AssertionError at once when one ends in another state, and when it takes longer than that
   */
  public static List<Delivery> waitFor(Client client, String eventId, DeliveryState state, Duration within) {
    long deadline = System.nanoTime() + within.toNanos();
    var filter = DeliveryFilter.newBuilder().addEventIds(eventId);
    DeliveryList list = client.listDeliveries(ListDeliveriesRequest.newBuilder().setFilter(filter).build());
    Map<String, DeliveryState> states = new LinkedHashMap<>();
    list.forEach(delivery -> states.put(delivery.getId(), delivery.getState()));
    var later = WatchDeliveriesRequest.newBuilder().setFilter(filter).setResumeToken(list.resumeToken()).build();
    try (var watch = client.watch(later)) {
      while (states.isEmpty() || states.values().stream().anyMatch(one -> one != state)) {
        checkEnded(client, eventId, states, state);
        var change = watch.poll(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
        Delivery delivery = change.orElseThrow(() -> late(eventId, states, state, within)).change().getDelivery();
        states.put(delivery.getId(), delivery.getState());
      }
    }
    return states.keySet().stream().map(client::getDelivery).toList();
  }

  private static AssertionError late(
      String eventId, Map<String, DeliveryState> states, DeliveryState state, Duration within) {
    String told = states.isEmpty() ? "it has no delivery" : states.toString();
    return new AssertionError(
        "event " + eventId + " is not " + name(state) + " within " + within.toMillis() + " ms: " + told);
  }

  private static void checkEnded(
      Client client, String eventId, Map<String, DeliveryState> states, DeliveryState wanted) {
    states.forEach((id, state) -> {
      if (isFinal(wanted) && isFinal(state) && state != wanted) {
        Delivery delivery = client.getDelivery(id);
        int attempts = delivery.getAttemptsCount();
        String why = attempts == 0 ? "it was not tried" : delivery.getAttempts(attempts - 1).getError();
        throw new AssertionError(
            "delivery " + id + " of event " + eventId + " is " + name(delivery.getState()) + ": " + why);
      }
    });
  }

  private static boolean isFinal(DeliveryState state) {
    return switch (state) {
      case DELIVERY_STATE_SUCCEEDED, DELIVERY_STATE_FAILED, DELIVERY_STATE_CANCELLED -> true;
      default -> false;
    };
  }

  private static String name(DeliveryState state) {
    return state.name().replace("DELIVERY_STATE_", "");
  }
}
