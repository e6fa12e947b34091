import com.google.gson.Gson;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import io.tenterhook.Ack;
import io.tenterhook.Client;
import io.tenterhook.Json;
import io.tenterhook.v1.BatchPublishEventsRequest;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.JsonDocument;
import io.tenterhook.v1.PublishEventRequest;
import io.tenterhook.v1.StreamPublishEventsRequest;
import io.tenterhook.v1.StreamPublishEventsResponse;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * How fast the client publishes, beside the bare generated stub: see docs/BENCHMARKS.md.
 * {@code java -cp CLASSPATH bench/Publish.java TARGET ROUNDS SLICE_MS} prints a line for each slice:
 * way, who, events, seconds.
 */
public final class Publish {
  private static final int IN_FLIGHT = 64;
  private static final AtomicInteger NUMBERS = new AtomicInteger();
  private static final String COMMENTS = "x".repeat(1000);
  private static final Gson GSON = new Gson();

  private record Site(int id, String name, String comments) {}

  private static Site value() {
    return new Site(NUMBERS.incrementAndGet(), "Zürich", COMMENTS);
  }

  /** An event as a user of the client makes it. */
  private static Event event() {
    return Event.newBuilder().setType("updated").setObjectType("dcim.site").setData(Json.of(value())).build();
  }

  /** An event as a user of the generated code makes it. */
  private static Event message() {
    return Event.newBuilder()
        .setId(UUID.randomUUID().toString())
        .setType("updated")
        .setObjectType("dcim.site")
        .setData(JsonDocument.newBuilder().setJson(GSON.toJson(value())))
        .build();
  }

  private interface Publisher {
    String name();

    void unary() throws Exception;

    void batch() throws Exception;

    int stream(long end) throws Exception;
  }

  private record OfClient(Client client) implements Publisher {
    @Override
    public String name() {
      return "client";
    }

    @Override
    public void unary() {
      client.publish(event());
    }

    @Override
    public void batch() {
      client.publishBatch(Stream.generate(Publish::event).limit(IN_FLIGHT).toList());
    }

    @Override
    public int stream(long end) {
      Iterator<Ack> acks = client.publishStream(new Iterator<>() {
        @Override
        public boolean hasNext() {
          return System.nanoTime() < end;
        }

        @Override
        public Event next() {
          return event();
        }
      });
      int count = 0;
      for (; acks.hasNext(); count++) {
        acks.next();
      }
      return count;
    }
  }

  private record OfStub(EventServiceGrpc.EventServiceBlockingV2Stub stub) implements Publisher {
    @Override
    public String name() {
      return "stub";
    }

    @Override
    public void unary() throws StatusException {
      stub.publishEvent(PublishEventRequest.newBuilder().setEvent(message()).build());
    }

    @Override
    public void batch() throws StatusException {
      List<Event> events = Stream.generate(Publish::message).limit(IN_FLIGHT).toList();
      stub.batchPublishEvents(BatchPublishEventsRequest.newBuilder().addAllEvents(events).build());
    }

    @Override
    public int stream(long end) throws Exception {
      BlockingClientCall<StreamPublishEventsRequest, StreamPublishEventsResponse> call = stub.streamPublishEvents();
      int sent = 0;
      int count = 0;
      while (System.nanoTime() < end) {
        if (sent - count < 256) {
          try {
            call.read(0, TimeUnit.NANOSECONDS);
            count++;
          } catch (TimeoutException nothingYet) {
            call.write(StreamPublishEventsRequest.newBuilder().setSequence(sent++).setEvent(message()).build());
          }
        } else {
          call.read();
          count++;
        }
      }
      call.halfClose();
      for (; call.read() != null; count++) {}
      return count;
    }
  }

  /** Publishes until the end and tells how many events. */
  private static int slice(Publisher publisher, String way, long end, ExecutorService pool) throws Exception {
    int count = 0;
    switch (way) {
      case "unary":
        Callable<Integer> work = () -> {
          int published = 0;
          for (; System.nanoTime() < end; published++) {
            publisher.unary();
          }
          return published;
        };
        List<Future<Integer>> workers = new ArrayList<>();
        for (int i = 0; i < IN_FLIGHT; i++) {
          workers.add(pool.submit(work));
        }
        for (Future<Integer> worker : workers) {
          count += worker.get();
        }
        return count;
      case "batch":
        for (; System.nanoTime() < end; count += IN_FLIGHT) {
          publisher.batch();
        }
        return count;
      default:
        return publisher.stream(end);
    }
  }

  public static void main(String[] arguments) throws Exception {
    int rounds = Integer.parseInt(arguments[1]);
    long time = TimeUnit.MILLISECONDS.toNanos(Long.parseLong(arguments[2]));
    var channel = Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create()).build();
    var client = new OfClient(Client.to(arguments[0]));
    var stub = new OfStub(EventServiceGrpc.newBlockingV2Stub(channel));
    ExecutorService pool = Executors.newFixedThreadPool(IN_FLIGHT);
    for (String way : List.of("unary", "batch", "stream")) {
      for (int round = 0; round <= rounds; round++) {
        // Each is first as often as the other; the first round only warms up.
        for (Publisher publisher : round % 2 == 0 ? List.of(client, stub) : List.of(stub, client)) {
          long start = System.nanoTime();
          int count = slice(publisher, way, start + time, pool);
          if (round > 0) {
            System.out.println(way + " " + publisher.name() + " " + count + " " + (System.nanoTime() - start) / 1e9);
          }
        }
      }
    }
    System.exit(0);
  }
}
