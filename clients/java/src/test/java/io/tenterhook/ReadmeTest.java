package io.tenterhook;

import static io.tenterhook.Fake.badField;
import static io.tenterhook.Fake.info;
import static io.tenterhook.Fake.one;
import static io.tenterhook.Fake.published;
import static io.tenterhook.Fake.refuse;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.grpc.ClientInterceptor;
import io.grpc.Status.Code;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.instrumentation.grpc.v1_6.GrpcTelemetry;
import io.tenterhook.v1.BatchPublishEventsResponse;
import io.tenterhook.v1.CreateWebhookResponse;
import io.tenterhook.v1.DeleteWebhookRequest;
import io.tenterhook.v1.DeleteWebhookResponse;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryChange;
import io.tenterhook.v1.DeliveryFilter;
import io.tenterhook.v1.ErrorReason;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventRule;
import io.tenterhook.v1.GetWebhookRequest;
import io.tenterhook.v1.ListDeliveriesRequest;
import io.tenterhook.v1.ListDeliveriesResponse;
import io.tenterhook.v1.PauseWebhookRequest;
import io.tenterhook.v1.PauseWebhookResponse;
import io.tenterhook.v1.PublishResult;
import io.tenterhook.v1.RequestTemplate;
import io.tenterhook.v1.SignatureScheme;
import io.tenterhook.v1.SigningPolicy;
import io.tenterhook.v1.StreamPublishEventsResponse;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesResponse;
import io.tenterhook.v1.WatchPosition;
import io.tenterhook.v1.Webhook;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.web.bind.annotation.PostMapping;

/**
 * The program of the README: against the server at {@code TENTERHOOK_TARGET} if that is set, else
 * against a scripted one. Every snippet stands here word for word.
 */
@Timeout(60)
class ReadmeTest {
  private String storedToken = "";

  private static List<?>[] script() {
    var change = WatchDeliveriesResponse.newBuilder().setResumeToken("t").setChange(DeliveryChange.getDefaultInstance());
    List<List<?>> answers = new ArrayList<>();
    answers.add(one(CreateWebhookResponse.newBuilder().setSigningSecret("whsec_x").build()));
    answers.add(published("e"));
    answers.add(one(BatchPublishEventsResponse.getDefaultInstance()));
    answers.addAll(Collections.nCopies(100, one(StreamPublishEventsResponse.getDefaultInstance())));
    answers.add(one(change.build()));
    answers.add(one(ListDeliveriesResponse.newBuilder().setResumeToken("r").build()));
    answers.add(refuse(Code.INVALID_ARGUMENT, info("INVALID_FIELD"), badField("event.type", "is required")));
    answers.add(one(PauseWebhookResponse.getDefaultInstance()));
    answers.add(one(DeleteWebhookResponse.getDefaultInstance()));
    return answers.toArray(List<?>[]::new);
  }

  @Test
  void theProgramOfTheReadmeRuns() {
    try (Fake server = new Fake(script())) {
      String target = Optional.ofNullable(System.getenv("TENTERHOOK_TARGET")).orElse("127.0.0.1:" + server.port());
      Client client = Client.to(target);
      String webhookId = publishes(client);
      watches(client, webhookId);
      fails(client);
      var pause = PauseWebhookRequest.newBuilder().setWebhookId(webhookId).setReason("receiver is being moved").build();
      client.pauseWebhook(pause);
      var delete = DeleteWebhookRequest.newBuilder().setWebhookId(webhookId).build();
      client.deleteWebhook(delete);
      client.close();
    }
    assertFalse(storedToken.isEmpty());
  }

  private static String publishes(Client client) {
    var created = client.createWebhook(Webhook.newBuilder()
        .setDisplayName("inventory-java")
        .setRequest(RequestTemplate.newBuilder().setUrl("http://127.0.0.1:9000/hook"))
        .addRules(EventRule.newBuilder().addEventTypes("created").addEventTypes("updated"))
        .setSigning(SigningPolicy.newBuilder().addSchemes(SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS))
        .build());
    String secret = created.getSigningSecret();
    assertTrue(secret.startsWith("whsec_"));

    PublishResult result = client.publish(Event.newBuilder()
        .setType("created")
        .setObjectType("dcim.site")
        .setData(Json.of(Map.of("id", 7, "name", "Zürich")))
        .setUsername("jstretch")
        .build());
    System.out.println(result.getEventId() + " " + result.getDeliveryCount());

    List<Event> events = IntStream.range(0, 100)
        .mapToObj(id -> Event.newBuilder().setType("updated").setData(Json.of(id)).build())
        .toList();
    client.publishBatch(events);

    client.publishStream(events.iterator()).forEachRemaining(
        ack -> ack.error().ifPresent(error -> System.out.println(ack.sequence() + " " + error.getMessage())));
    return created.getWebhook().getId();
  }

  private void watches(Client client, String webhookId) {
    DeliveryFilter filter = DeliveryFilter.newBuilder().addWebhookIds(webhookId).build();
    var fromEarliest = WatchDeliveriesRequest.newBuilder()
        .setFilter(filter)
        .setPosition(WatchPosition.WATCH_POSITION_EARLIEST)
        .build();
    try (Watch watch = client.watch(fromEarliest)) {
      for (Change change : watch) {
        System.out.println(change.change().getDelivery().getState());
        storedToken = change.token();
        break; // yours would go on
      }
    }

    DeliveryList list = client.listDeliveries(ListDeliveriesRequest.newBuilder().setFilter(filter).build());
    for (Delivery delivery : list) {
      System.out.println(delivery.getId());
    }
    var fromList = WatchDeliveriesRequest.newBuilder().setFilter(filter).setResumeToken(list.resumeToken()).build();
    Watch watch = client.watch(fromList);
    watch.close();
  }

  private static void fails(Client client) {
    assertThrows(TenterhookException.Invalid.class, () -> client.publish(Event.getDefaultInstance()));
  }

  @Test
  void theErrorsOfTheReadmeAreCaught() {
    var bad = refuse(Code.INVALID_ARGUMENT, info("INVALID_FIELD"), badField("event.type", "is required"));
    try (Fake server = new Fake(bad, refuse(Code.NOT_FOUND, info("WEBHOOK_NOT_FOUND")));
        Client client = server.builder().build()) {
      try {
        client.publish(Event.getDefaultInstance());
      } catch (TenterhookException.Invalid error) {
        error.fieldViolations().forEach(one -> System.out.println(one.field() + " " + one.description()));
      }
      var unknown = GetWebhookRequest.newBuilder().setWebhookId("wh_00000000000000000000000000").build();
      try {
        client.getWebhook(unknown);
      } catch (TenterhookException.NotFound error) {
        System.out.println(error.reason() == ErrorReason.ERROR_REASON_WEBHOOK_NOT_FOUND);
      }
    }
  }

  @Test
  void theFuturesOfTheReadmeCome() throws Exception {
    var answer = WatchDeliveriesResponse.newBuilder().setResumeToken("t").setChange(DeliveryChange.getDefaultInstance());
    try (Fake server = new Fake(published("e"), List.of(answer.build(), java.time.Duration.ofSeconds(20)));
        Client client = server.builder().build()) {
      Event event = Event.newBuilder().setType("created").build();
      WatchDeliveriesRequest fromEarliest = WatchDeliveriesRequest.getDefaultInstance();
      AsyncClient async = client.async();
      CompletableFuture<String> id = async.publish(event).thenApply(PublishResult::getEventId);
      assertEquals("e", id.get());
      CompletableFuture<Change> change = async.watch(fromEarliest).next();
      assertEquals("t", change.get().token());
    }
  }

  /** What it does in an application is tested by {@link SpringWebhooksTest}. */
  private static final class Hooks {
    @PostMapping("/hook")
    void receive(WebhookEvent event) {
      System.out.println(event.id() + " " + event.type());
    }
  }

  private static void receive(HttpExchange exchange, String secret) throws IOException {
    byte[] body = exchange.getRequestBody().readAllBytes();
    try {
      Verifier.verify(exchange.getRequestHeaders()::getFirst, body, secret);
      System.out.println(exchange.getRequestHeaders().getFirst("webhook-id"));
      exchange.sendResponseHeaders(204, -1);
    } catch (InvalidSignatureException refused) {
      exchange.sendResponseHeaders(401, -1);
    }
  }

  @Test
  void theReceiverOfTheReadmeRefusesWhatIsNotSigned() throws IOException, InterruptedException {
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/hook", exchange -> receive(exchange, "whsec_c2VjcmV0"));
    server.start();
    URI url = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/hook");
    var request = HttpRequest.newBuilder(url).POST(HttpRequest.BodyPublishers.ofString("{}")).build();
    var response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding());
    server.stop(0);
    assertEquals(401, response.statusCode());
  }

  @Test
  void tlsAsInTheReadmeRefusesWhatIsNoCertificate() {
    byte[] ca = {1};
    byte[] certificate = {2};
    byte[] key = {3};
    ClientBuilder secure = Client.builder("hooks.example.com:443").apiKey("th_…").ca(ca).identity(certificate, key);
    assertThrows(IllegalArgumentException.class, secure::build);
  }

  /** What it does is tested by {@link TracingTest}. */
  @Test
  void theInterceptorOfOpenTelemetryIsTaken() {
    OpenTelemetry openTelemetry = OpenTelemetry.noop();
    ClientInterceptor tracing = GrpcTelemetry.create(openTelemetry).createClientInterceptor();
    ClientBuilder traced = Client.builder("localhost:50051").interceptors(tracing);
    traced.build().close();
  }

  @Test
  void everySnippetStandsHere() throws IOException {
    Path here = Path.of("src/test/java/io/tenterhook/ReadmeTest.java");
    String source = tight(Files.readString(here)).replace("Client.to(target)", "Client.to(\"localhost:50051\")");
    var snippets = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(Path.of("README.md")));
    int count = 0;
    while (snippets.find()) {
      assertTrue(source.contains(tight(snippets.group(1))), "is not in ReadmeTest.java:\n" + snippets.group(1));
      count++;
    }
    assertTrue(count >= 9, "snippets: " + count);
  }

  private static String tight(String text) {
    return text.replaceAll("\\s+", "");
  }
}
