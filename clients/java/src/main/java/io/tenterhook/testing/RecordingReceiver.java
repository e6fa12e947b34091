package io.tenterhook.testing;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** An HTTP server on a free port of this machine that notes each request. */
public final class RecordingReceiver implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /**
   * A request that came.
   *
   * @param headers their names are without case
   */
  public record Request(String path, Map<String, String> headers, byte[] body) {
    /** The body as text. */
    public String text() {
      return new String(body, StandardCharsets.UTF_8);
    }
  }

  private final HttpServer server;
  private final List<Request> requests = new ArrayList<>();
  private final Deque<Integer> statuses = new ArrayDeque<>();

  /** Answers with these statuses, one after the other, and then with 204. */
  public RecordingReceiver(int... statuses) {
    IntStream.of(statuses).forEach(this.statuses::add);
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException thrown) {
      throw new UncheckedIOException(thrown);
    }
    server.createContext("/", this::note);
    server.start();
  }

  private void note(HttpExchange exchange) throws IOException {
    Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    exchange.getRequestHeaders().forEach((name, values) -> headers.put(name, values.get(0)));
    var request = new Request(exchange.getRequestURI().toString(), headers, exchange.getRequestBody().readAllBytes());
    int status;
    synchronized (requests) {
      requests.add(request);
      requests.notifyAll();
      status = statuses.isEmpty() ? 204 : statuses.remove();
    }
    exchange.sendResponseHeaders(status, -1);
    exchange.close();
  }

  /** Where it listens. */
  public String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/";
  }

  /** What came so far, in order. */
  public List<Request> requests() {
    synchronized (requests) {
      return List.copyOf(requests);
    }
  }

  /** The requests, when so many have come, within 10 seconds. */
  public List<Request> await(int count) {
    return await(count, PATIENCE);
  }

  /**
   * The requests, when so many have come.
   *
   * @throws AssertionError when it takes longer than that
   */
  public List<Request> await(int count, Duration within) {
    long deadline = System.nanoTime() + within.toNanos();
    synchronized (requests) {
      while (requests.size() < count) {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (left <= 0) {
          throw new AssertionError(
              requests.size() + " of " + count + " requests came within " + within.toMillis() + " ms");
        }
        try {
          requests.wait(left);
        } catch (InterruptedException interrupted) {
          Thread.currentThread().interrupt();
          throw new IllegalStateException("the thread was interrupted", interrupted);
        }
      }
      return List.copyOf(requests);
    }
  }

  /** Stops it. */
  @Override
  public void close() {
    server.stop(0);
  }
}
