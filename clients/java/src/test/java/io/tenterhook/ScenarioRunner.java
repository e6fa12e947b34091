package io.tenterhook;

import static io.tenterhook.Contains.at;
import static io.tenterhook.Contains.require;
import static io.tenterhook.Contains.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.tenterhook.v1.AccessServiceGrpc;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.ListDeliveriesRequest;
import io.tenterhook.v1.ListEventsRequest;
import io.tenterhook.v1.ListWebhooksRequest;
import io.tenterhook.v1.Snapshots;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WebhookServiceGrpc;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** Runs the steps of one scenario; clients/conformance/README.md says what a step means. */
final class ScenarioRunner implements AutoCloseable {
  private static final Pattern VARIABLE = Pattern.compile("\\$([a-z]+[0-9]*)");
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private record OpenWatch(Watch watch, Set<String> known, Set<String> seen) {}

  private final String control;
  private final JsonObject given;
  private final Map<String, String> variables = new HashMap<>();
  private final Map<String, Client> clients = new HashMap<>();
  private final Map<String, OpenWatch> watches = new HashMap<>();
  private final Map<String, AtomicInteger> attempts = new HashMap<>();
  /** What each watch told of its connection. */
  private final Map<String, List<String>> connectivity = new HashMap<>();
  private Path folder;

  ScenarioRunner(String control, JsonObject given) throws IOException, InterruptedException {
    this.control = control;
    this.given = given;
    ask("/").entrySet().forEach(one -> variables.put(one.getKey(), text(one.getValue())));
    String uuid = UUID.randomUUID().toString();
    variables.put("uuid", uuid);
    variables.put("ns", "java-" + uuid.replace("-", "").substring(0, 12));
    JsonObject main = new JsonObject();
    main.addProperty("target", variables.get("target"));
    connect("main", main);
  }

  @Override
  public void close() {
    watches.values().forEach(open -> open.watch().close());
    clients.values().forEach(Client::close);
    if (folder != null) {
      for (File file : folder.toFile().listFiles()) {
        file.delete();
      }
      folder.toFile().delete();
    }
  }

  void run(JsonArray steps) throws Exception {
    for (JsonElement raw : steps) {
      JsonObject step = raw.getAsJsonObject();
      if (step.has("given")) {
        run(given.getAsJsonArray(step.get("given").getAsString()));
      } else if (step.has("repeat")) {
        for (int index = 0; index < step.get("repeat").getAsInt(); index++) {
          variables.put("i", String.valueOf(index));
          run(step.getAsJsonArray("steps"));
        }
      } else {
        JsonObject filled = fill(step).getAsJsonObject();
        try {
          step(filled);
        } catch (AssertionError | TenterhookException failure) {
          throw new AssertionError(filled + "\n  " + failure.getMessage(), failure);
        }
      }
    }
  }

  private void step(JsonObject step) throws Exception {
    long start = System.nanoTime();
    long patience = step.has("within_ms") ? step.get("within_ms").getAsLong() : 30_000;
    boolean patient = step.has("expect") && step.has("within_ms");
    while (true) {
      try {
        attempt(step, patience);
        break;
      } catch (AssertionError failure) {
        if (!patient || Duration.ofNanos(System.nanoTime() - start).toMillis() > patience) {
          throw failure;
        }
        TimeUnit.MILLISECONDS.sleep(50);
      }
    }
    long took = Duration.ofNanos(System.nanoTime() - start).toMillis();
    require(!step.has("at_least_ms") || took >= step.get("at_least_ms").getAsLong(), "too early");
  }

  /** Interrupts the thread that waits. */
  private void giveUp(JsonObject step, long patience) throws Exception {
    long giveUpAfter = step.get("give_up_ms").getAsLong();
    FutureTask<JsonElement> acting = new FutureTask<>(() -> {
      try {
        return act(step);
      } finally {
        require(Thread.currentThread().isInterrupted(), "the interrupt is forgotten");
      }
    });
    Thread thread = new Thread(acting);
    thread.start();
    TimeUnit.MILLISECONDS.sleep(giveUpAfter);
    thread.interrupt();
    try {
      throw new AssertionError("not given up but " + acting.get(patience - giveUpAfter, TimeUnit.MILLISECONDS));
    } catch (ExecutionException ended) {
      boolean cancelled = ended.getCause() instanceof TenterhookException e && e.code() == Status.Code.CANCELLED;
      require(cancelled, "not cancelled but " + ended.getCause());
    } catch (TimeoutException late) {
      throw new AssertionError("not within " + patience + " ms", late);
    }
  }

  private void attempt(JsonObject step, long patience) throws Exception {
    if (step.has("give_up_ms")) {
      giveUp(step, patience);
      return;
    }
    if (step.has("close_client_ms")) {
      var later = CompletableFuture.delayedExecutor(step.get("close_client_ms").getAsLong(), TimeUnit.MILLISECONDS);
      later.execute(clients.get(text(step.get("client")))::close);
    }
    JsonElement answer;
    try {
      answer = CompletableFuture.supplyAsync(() -> act(step)).get(patience, TimeUnit.MILLISECONDS);
      require(!step.has("error"), "no error but " + answer);
    } catch (TimeoutException late) {
      throw new AssertionError("not within " + patience + " ms", late);
    } catch (ExecutionException failed) {
      if (failed.getCause() instanceof TenterhookException error && step.has("error")) {
        checkError(error, step.getAsJsonObject("error"));
        return;
      }
      throw new AssertionError(failed.getCause().getMessage(), failed.getCause());
    }
    if (step.has("expect")) {
      Contains.check(answer, step.get("expect"), "answer");
    }
    if (step.has("count")) {
      Contains.check(at(answer, "count"), step.get("count"), "count");
    }
    if (step.has("save")) {
      step.getAsJsonObject("save").entrySet()
          .forEach(one -> variables.put(one.getKey(), text(at(answer, text(one.getValue())))));
    }
  }

  private JsonElement act(JsonObject step) {
    Client client = clients.get(step.has("client") ? text(step.get("client")) : "main");
    JsonObject request = step.has("request") ? step.getAsJsonObject("request") : new JsonObject();
    if (step.has("ping")) {
      client.ping();
      return new JsonObject();
    } else if (step.has("write")) {
      return write(text(step.get("write")), text(step.get("text")));
    } else if (step.has("refuse")) {
      return refuse(step);
    } else if (step.has("connectivity")) {
      JsonArray told = new JsonArray();
      connectivity.get(text(step.get("connectivity"))).forEach(told::add);
      return told;
    } else if (step.has("call")) {
      return call(client, text(step.get("call")), request);
    } else if (step.has("publish")) {
      return json(client.publish(toEvent(step.getAsJsonObject("publish"))));
    } else if (step.has("publish_batch")) {
      JsonArray results = new JsonArray();
      client.publishBatch(toEvents(step.getAsJsonArray("publish_batch"))).forEach(one -> results.add(json(one)));
      return results;
    } else if (step.has("leave")) {
      return leave(client, step);
    } else if (step.has("fail_at")) {
      return failAt(client, step);
    } else if (step.has("publish_stream")) {
      return stream(client, events(step));
    } else if (step.has("publish_each")) {
      return publishEach(client, step);
    } else if (step.has("ordered")) {
      return ordered(client, step.get("ordered").getAsInt());
    } else if (step.has("list")) {
      return list(client, text(step.get("list")), request);
    } else if (step.has("watch")) {
      Watch watch = client.watch((WatchDeliveriesRequest) message(WatchDeliveriesRequest.newBuilder(), request));
      List<String> told = new ArrayList<>();
      connectivity.put(text(step.get("watch")), told);
      watch.onConnectivity(state -> tell(told, state));
      if (step.has("checkpoint")) {
        watch.checkpoint(new FileCheckpoint(Path.of(text(step.get("checkpoint")))));
      }
      watches.put(text(step.get("watch")), new OpenWatch(watch, new HashSet<>(), new HashSet<>()));
      return step.has("take") ? take(watches.get(text(step.get("take"))), step) : new JsonObject();
    } else if (step.has("wait_ms")) {
      return await(watches.get(text(step.get("take"))), step);
    } else if (step.has("take")) {
      return take(watches.get(text(step.get("take"))), step);
    } else if (step.has("close_client")) {
      clients.get(text(step.get("close_client"))).close();
      return new JsonObject();
    } else if (step.has("attempts")) {
      int made = attempts.get(text(step.get("attempts"))).get();
      require(made <= step.get("at_most").getAsInt(), made + " attempts");
      return new JsonObject();
    } else if (step.has("close")) {
      watches.get(text(step.get("close"))).watch().close();
      return new JsonObject();
    } else if (step.has("connect")) {
      connect(text(step.get("connect")), step);
      return new JsonObject();
    }
    return ask(text(step.get("control")));
  }

  private JsonObject write(String name, String text) {
    try {
      folder = folder == null ? Files.createTempDirectory("tenterhook-") : folder;
      variables.put(name, Files.writeString(folder.resolve(name), text).toString());
    } catch (IOException failure) {
      throw new AssertionError(name, failure);
    }
    return new JsonObject();
  }

  private static Map<String, String> environment(JsonObject variables) {
    Map<String, String> made = new HashMap<>();
    variables.entrySet().forEach(one -> made.put(one.getKey(), text(one.getValue())));
    return made;
  }

  private static JsonElement refuse(JsonObject step) {
    try {
      Client.builder(environment(step.getAsJsonObject("refuse"))).build().close();
    } catch (IllegalArgumentException refused) {
      step.getAsJsonArray("expect").forEach(
          wanted -> require(refused.getMessage().contains(text(wanted)), wanted + " is not in " + refused.getMessage()));
      return step.get("expect");
    }
    throw new AssertionError("not refused");
  }

  /** Notes the state of a watch's connection, once while it stays the same. */
  private static void tell(List<String> told, Connectivity state) {
    String now = state.error().map(error -> error.code().name()).orElse("connected");
    if (told.isEmpty() || !told.get(told.size() - 1).equals(now)) {
      told.add(now);
    }
  }

  private void connect(String name, JsonObject step) {
    if (step.has("env")) {
      clients.put(name, Client.builder(environment(step.getAsJsonObject("env"))).build());
      return;
    }
    ClientBuilder builder = Client.builder(text(step.get("target"))).namespace(variables.get("ns"));
    if (step.has("api_key")) {
      builder.apiKey(text(step.get("api_key")));
    }
    if (step.has("api_keys")) {
      JsonArray keys = step.getAsJsonArray("api_keys");
      AtomicInteger next = new AtomicInteger();
      builder.apiKey(() -> text(keys.get(Math.min(next.getAndIncrement(), keys.size() - 1))));
    }
    Map<String, String> headers = new HashMap<>();
    if (step.has("headers")) {
      step.getAsJsonObject("headers").entrySet().forEach(one -> headers.put(one.getKey(), text(one.getValue())));
    }
    AtomicInteger made = new AtomicInteger();
    attempts.put(name, made);
    builder.headers(() -> {
      made.incrementAndGet();
      return headers;
    });
    if (step.has("ca")) {
      builder.ca(pem(step, "ca"));
    }
    if (step.has("cert")) {
      builder.identity(pem(step, "cert"), pem(step, "cert_key"));
    }
    if (step.has("timeout_ms")) {
      builder.timeout(Duration.ofMillis(step.get("timeout_ms").getAsLong()));
    }
    if (step.has("retry")) {
      builder.retry(retry(step.get("retry")));
    }
    clients.put(name, builder.build());
  }

  /** The policy of a step: true or false, or the fields that are not zero. */
  private static RetryPolicy retry(JsonElement given) {
    if (given.isJsonPrimitive()) {
      return given.getAsBoolean() ? RetryPolicy.DEFAULT : RetryPolicy.DISABLED;
    }
    JsonObject fields = given.getAsJsonObject();
    Function<String, Double> number = name -> fields.has(name) ? fields.get(name).getAsDouble() : 0;
    Duration initial = Duration.ofMillis(number.apply("initial_ms").longValue());
    Duration max = Duration.ofMillis(number.apply("max_ms").longValue());
    boolean enabled = !fields.has("enabled") || fields.get("enabled").getAsBoolean();
    return new RetryPolicy(initial, number.apply("multiplier"), max, 0, enabled);
  }

  private static byte[] pem(JsonObject step, String name) {
    return text(step.get(name)).getBytes(StandardCharsets.US_ASCII);
  }

  /** The events of a stream; the harness is asked for {@code then} before it ends. */
  private Iterator<Event> events(JsonObject step) {
    Iterator<Event> events = toEvents(step.getAsJsonArray("publish_stream")).iterator();
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        if (!events.hasNext() && step.has("then")) {
          ask(text(step.get("then")));
        }
        return events.hasNext();
      }

      @Override
      public Event next() {
        return events.next();
      }
    };
  }

  private JsonObject ask(String path) {
    try {
      HttpRequest request = HttpRequest.newBuilder(URI.create(control + path)).build();
      return JsonParser.parseString(HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body()).getAsJsonObject();
    } catch (IOException | InterruptedException failure) {
      throw new AssertionError(path, failure);
    }
  }

  private JsonElement fill(JsonElement value) {
    if (value.isJsonObject()) {
      JsonObject filled = new JsonObject();
      value.getAsJsonObject().entrySet().forEach(one -> filled.add(fillText(one.getKey()), fill(one.getValue())));
      return filled;
    } else if (value.isJsonArray()) {
      JsonArray filled = new JsonArray();
      value.getAsJsonArray().forEach(one -> filled.add(fill(one)));
      return filled;
    }
    boolean isText = value.isJsonPrimitive() && value.getAsJsonPrimitive().isString();
    return isText ? new JsonPrimitive(fillText(value.getAsString())) : value;
  }

  private String fillText(String text) {
    return VARIABLE.matcher(text).replaceAll(found -> java.util.regex.Matcher.quoteReplacement(variables.get(found.group(1))));
  }

  /** Reads so many changes, or until each event was seen in the state; none may come twice, and no other event. */
  private static JsonElement take(OpenWatch open, JsonObject step) {
    Set<String> waiting = new HashSet<>();
    if (step.has("events")) {
      step.getAsJsonArray("events").forEach(event -> waiting.add(text(event)));
    } else if (!step.has("count")) {
      waiting.add("an error");
    }
    int count = step.has("count") ? step.get("count").getAsInt() : 0;
    open.known().addAll(waiting);
    String token = "";
    int taken = 0;
    for (; !waiting.isEmpty() || taken < count; taken++) {
      Change next = open.watch().next();
      token = next.token();
      var delivery = next.change().getDelivery();
      String mark = delivery.getId() + " " + delivery.getState() + " " + delivery.getAttemptCount();
      if (count > 0) {
        open.known().add(delivery.getEventId());
      }
      boolean wanted = open.known().contains(delivery.getEventId());
      require(wanted && open.seen().add(mark), mark + " of " + delivery.getEventId() + " came twice or is not wanted");
      if (delivery.getState().name().equals(text(step.get("state")))) {
        waiting.remove(delivery.getEventId());
      }
    }
    JsonObject answer = new JsonObject();
    answer.addProperty("token", token);
    answer.addProperty("count", taken);
    return answer;
  }

  /** Publishes numbered events by a publisher, with something in the middle. */
  private JsonElement publishEach(Client client, JsonObject step) {
    JsonObject given = step.has("publisher") ? step.getAsJsonObject("publisher") : new JsonObject();
    var normal = Publisher.Settings.DEFAULT;
    java.util.function.BiFunction<String, Integer, Integer> number =
        (name, otherwise) -> given.has(name) ? given.get(name).getAsInt() : otherwise;
    var settings = new Publisher.Settings(
        Duration.ofMillis(number.apply("linger_ms", 5)),
        number.apply("max_events", normal.maxEvents()),
        normal.maxBytes(),
        number.apply("in_flight", normal.inFlight()),
        number.apply("outstanding", normal.outstanding()),
        false,
        normal.timeout());
    Set<Integer> bad = new HashSet<>();
    if (step.has("bad")) {
      step.getAsJsonArray("bad").forEach(one -> bad.add(one.getAsInt()));
    }
    int count = step.get("publish_each").getAsInt();
    List<Publisher.Publication> publications = new ArrayList<>();
    CompletableFuture<Void> meanwhile = CompletableFuture.completedFuture(null);
    try (Publisher publisher = client.publisher(settings)) {
      for (int n = 0; n < count; n++) {
        if (n == count / 2 && step.has("meanwhile")) {
          meanwhile = CompletableFuture.runAsync(() -> ask(text(step.get("meanwhile"))));
        }
        Event.Builder event = Event.newBuilder().setId("e" + n).setType(bad.contains(n) ? "" : "created");
        if (step.has("keys")) {
          event.setOrderingKey("k" + n % step.get("keys").getAsInt());
        }
        publications.add(publisher.publish(event.setData(Json.of(Map.of("n", n))).build()));
      }
    }
    meanwhile.join();
    JsonArray failed = new JsonArray();
    for (int n = 0; n < count; n++) {
      Publisher.Publication publication = publications.get(n);
      if (publication.result().isCompletedExceptionally()) {
        failed.add(n);
      } else {
        require(publication.result().join().getEventId().equals(publication.eventId()), "the result of another event");
      }
    }
    JsonObject answer = new JsonObject();
    answer.addProperty("stored", count - failed.size());
    answer.add("failed", failed);
    return answer;
  }

  /** Checks that the events of each key were stored in the order of their numbers. */
  private static JsonElement ordered(Client client, int keys) {
    Map<Integer, Integer> last = new HashMap<>();
    int count = 0;
    for (Event event : client.listEvents(ListEventsRequest.newBuilder().setPageSize(1000).build())) { // newest first
      int n = Integer.parseInt(event.getId().substring(1));
      Integer later = last.put(n % keys, n);
      require(later == null || n < later, "e" + n + " is before e" + later);
      count++;
    }
    JsonObject answer = new JsonObject();
    answer.addProperty("count", count);
    return answer;
  }

  /** Opens streams whose events do not end, and leaves each after its first acknowledgement. */
  private static JsonElement leave(Client client, JsonObject step) {
    List<Event> events = toEvents(step.getAsJsonArray("publish_stream"));
    for (int index = 0; index < step.get("leave").getAsInt(); index++) {
      try (PublishStream stream = client.publishStream(Stream.generate(() -> events.get(0)).iterator())) {
        require(stream.next().result().isPresent(), "not acknowledged");
      }
    }
    return new JsonObject();
  }

  /** Publishes from a source that fails with an error of its own. */
  private static JsonElement failAt(Client client, JsonObject step) {
    Iterator<Event> events = toEvents(step.getAsJsonArray("publish_stream")).iterator();
    RuntimeException failure = new IllegalStateException("the source failed");
    int[] taken = {0};
    Iterator<Event> source = new Iterator<>() {
      @Override
      public boolean hasNext() {
        return true;
      }

      @Override
      public Event next() {
        if (taken[0]++ == step.get("fail_at").getAsInt()) {
          throw failure;
        }
        return events.next();
      }
    };
    JsonObject answer = new JsonObject();
    int acknowledged = 0;
    try (PublishStream stream = client.publishStream(source)) {
      while (stream.hasNext()) {
        acknowledged += stream.next().result().isPresent() ? 1 : 0;
      }
    } catch (IllegalStateException thrown) {
      answer.addProperty("own_error", thrown == failure);
    }
    answer.addProperty("acknowledged", acknowledged);
    return answer;
  }

  /** Waits so long for a change, which does not come unless it is one to skip. */
  private static JsonElement await(OpenWatch open, JsonObject step) {
    Set<String> skip = new HashSet<>();
    if (step.has("skip")) {
      step.getAsJsonArray("skip").forEach(event -> skip.add(text(event)));
    }
    open.known().addAll(skip);
    var change = open.watch().poll(Duration.ofMillis(step.get("wait_ms").getAsLong()));
    boolean expected = change.map(one -> skip.contains(one.change().getDelivery().getEventId())).orElse(true);
    require(expected, "not nothing but " + change);
    return new JsonObject();
  }

  private static JsonElement stream(Client client, Iterator<Event> events) {
    JsonArray acks = new JsonArray();
    client.publishStream(events).forEachRemaining(ack -> {
      JsonObject one = new JsonObject();
      ack.result().ifPresent(result -> one.add("result", json(result)));
      ack.error().ifPresent(error -> {
        JsonObject failed = new JsonObject();
        failed.addProperty("code", error.code().name());
        failed.addProperty("reason", error.reasonName());
        failed.addProperty("text", error.getMessage());
        error.fieldViolations().forEach(violation -> failed.addProperty("field", violation.field()));
        one.add("error", failed);
      });
      acks.add(one);
    });
    return acks;
  }

  private static JsonElement list(Client client, String what, JsonObject request) {
    JsonObject answer = new JsonObject();
    Iterable<?> items;
    DeliveryList deliveries = null;
    if (what.equals("webhooks")) {
      items = client.listWebhooks((ListWebhooksRequest) message(ListWebhooksRequest.newBuilder(), request));
    } else if (what.equals("events")) {
      items = client.listEvents((ListEventsRequest) message(ListEventsRequest.newBuilder(), request));
    } else {
      deliveries = client.listDeliveries((ListDeliveriesRequest) message(ListDeliveriesRequest.newBuilder(), request));
      items = deliveries;
    }
    answer.addProperty("count", StreamSupport.stream(items.spliterator(), false).count());
    if (deliveries != null) {
      answer.addProperty("resume_token", deliveries.resumeToken());
    }
    return answer;
  }

  /** Calls any method that is no stream by its name. */
  @SuppressWarnings("unchecked") // every method of the API takes and gives messages
  private static JsonElement call(Client client, String path, JsonObject fields) {
    MethodDescriptor<?, ?> method = Stream.of(
            AccessServiceGrpc.getServiceDescriptor(),
            DeliveryServiceGrpc.getServiceDescriptor(),
            EventServiceGrpc.getServiceDescriptor(),
            WebhookServiceGrpc.getServiceDescriptor())
        .flatMap(service -> service.getMethods().stream())
        .filter(one -> one.getFullMethodName().equals("tenterhook.v1." + path))
        .findFirst()
        .orElseThrow();
    var marshaller = (MethodDescriptor.PrototypeMarshaller<Message>) method.getRequestMarshaller();
    Message request = message(marshaller.getMessagePrototype().newBuilderForType(), fields);
    return json(client.call((MethodDescriptor<Message, Message>) method, request));
  }

  private static Message message(Message.Builder builder, JsonObject fields) {
    try {
      JsonFormat.parser().merge(fields.toString(), builder);
      return builder.build();
    } catch (InvalidProtocolBufferException wrong) {
      throw new AssertionError(fields.toString(), wrong);
    }
  }

  private static JsonElement json(MessageOrBuilder message) {
    try {
      return JsonParser.parseString(JsonFormat.printer().preservingProtoFieldNames().print(message));
    } catch (InvalidProtocolBufferException wrong) {
      throw new AssertionError(wrong);
    }
  }

  private static List<Event> toEvents(JsonArray events) {
    List<Event> made = new ArrayList<>();
    events.forEach(event -> made.add(toEvent(event.getAsJsonObject())));
    return made;
  }

  private static Event toEvent(JsonObject fields) {
    Event.Builder event = Event.newBuilder()
        .setId(text(fields.get("id")))
        .setNamespace(text(fields.get("namespace")))
        .setType(text(fields.get("type")))
        .setObjectType(text(fields.get("object_type")))
        .setUsername(text(fields.get("username")));
    if (fields.has("data")) {
      event.setData(Json.of(fields.get("data")));
    }
    if (fields.has("attributes")) {
      fields.getAsJsonObject("attributes").entrySet()
          .forEach(one -> event.putAttributes(one.getKey(), text(one.getValue())));
    }
    if (fields.has("snapshots")) {
      Snapshots.Builder snapshots = Snapshots.newBuilder();
      JsonObject both = fields.getAsJsonObject("snapshots");
      if (both.has("prechange") && !both.get("prechange").isJsonNull()) {
        snapshots.setPrechange(Json.of(both.get("prechange")));
      }
      if (both.has("postchange") && !both.get("postchange").isJsonNull()) {
        snapshots.setPostchange(Json.of(both.get("postchange")));
      }
      event.setSnapshots(snapshots);
    }
    return event.build();
  }

  private static void checkError(TenterhookException error, JsonObject wanted) {
    String code = error.code().name();
    require(Arrays.asList(text(wanted.get("code")).split("\\|")).contains(code), error.toString());
    Class<?> type = switch (error.code()) {
      case NOT_FOUND -> TenterhookException.NotFound.class;
      case ALREADY_EXISTS, ABORTED, FAILED_PRECONDITION -> TenterhookException.Conflict.class;
      case INVALID_ARGUMENT, OUT_OF_RANGE -> TenterhookException.Invalid.class;
      case UNAVAILABLE -> TenterhookException.Unavailable.class;
      case CANCELLED -> wanted.has("closed") ? TenterhookException.Closed.class : TenterhookException.class;
      default -> TenterhookException.class;
    };
    require(error.getClass() == type, error.getClass().toString());
    boolean permanent = wanted.has("permanent") ? wanted.get("permanent").getAsBoolean() : error.isPermanent();
    require(error.isPermanent() == permanent, "permanent or not: " + error);
    require(!wanted.has("reason") || error.reasonName().equals(text(wanted.get("reason"))), error.toString());
    String field = text(wanted.get("field"));
    boolean named = error.fieldViolations().stream().anyMatch(one -> one.field().startsWith(field));
    require(field.isEmpty() || named, error.toString());
    if (wanted.has("message")) {
      Contains.check(new JsonPrimitive(error.getMessage()), wanted.get("message"), "message");
    }
    if (wanted.has("text")) {
      Contains.check(new JsonPrimitive(error.getMessage()), wanted.get("text"), "text");
    }
    if (wanted.has("retry_after")) {
      require(error.retryAfter().isPresent() == wanted.get("retry_after").getAsBoolean(), error.toString());
    }
    if (wanted.has("metadata")) {
      wanted.getAsJsonArray("metadata")
          .forEach(name -> require(!error.metadata().getOrDefault(text(name), "").isEmpty(), name + " is missing"));
    }
  }
}
