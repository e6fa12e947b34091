package io.tenterhook;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.RequestTemplate;
import io.tenterhook.v1.SignatureScheme;
import io.tenterhook.v1.SigningPolicy;
import io.tenterhook.v1.Webhook;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The servlet in a container, given requests as the server signs them, and a real delivery. */
class ReceiverTest {
  private static final String SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  private static final byte[] BODY = ("{\"event\": \"created\", \"timestamp\": \"2026-03-06T15:11:23.503186+00:00\","
      + " \"model\": \"site\", \"username\": null, \"request_id\": \"r\", \"data\": {\"name\": \"Zürich\"},"
      + " \"snapshots\": {\"prechange\": null, \"postchange\": {\"id\": 1}}}").getBytes(UTF_8);

  private record Site(String name) {}

  private final BlockingQueue<WebhookEvent> events = new LinkedBlockingQueue<>();
  private final AtomicInteger failures = new AtomicInteger();
  private Server server;

  private URI start(String secret) throws Exception {
    Receiver receiver = new Receiver(event -> {
      if (failures.getAndDecrement() > 0) {
        throw new IllegalStateException("not today");
      }
      events.add(event);
    }, secret);
    server = new Server(0);
    ServletContextHandler context = new ServletContextHandler();
    context.addServlet(new ServletHolder(new WebhookServlet(receiver)), "/hook");
    server.setHandler(context);
    server.start();
    return URI.create("http://127.0.0.1:" + ((ServerConnector) server.getConnectors()[0]).getLocalPort() + "/hook");
  }

  @AfterEach
  void stop() throws Exception {
    server.stop();
  }

  private static int post(URI url, byte[] body, Map<String, String> headers) throws Exception {
    var request = HttpRequest.newBuilder(url).POST(HttpRequest.BodyPublishers.ofByteArray(body));
    headers.forEach(request::header);
    return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.discarding()).statusCode();
  }

  private static Map<String, String> sign(String id, byte[] body) {
    return Verifier.DEFAULT.signForTest(id, body, SECRET);
  }

  @Test
  void anEventReachesItsHandlerOnceAndAgainWhenThatFailed() throws Exception {
    URI url = start(SECRET);
    failures.set(1);
    for (int status : new int[] {500, 204, 204}) {
      assertEquals(status, post(url, BODY, sign("e1", BODY)));
    }
    assertEquals(1, events.size());
    WebhookEvent event = events.remove();
    assertEquals(List.of("e1", "created"), List.of(event.id(), event.type()));
    assertEquals(Instant.parse("2026-03-06T15:11:23.503186Z"), event.time());
    assertEquals("site", event.model().orElseThrow());
    assertEquals("r", event.requestId().orElseThrow());
    assertFalse(event.username().isPresent());
    assertEquals(new Site("Zürich"), event.data(Site.class));
    assertTrue(event.prechange().isJsonNull());
    assertEquals("{\"id\":1}", event.postchange().toString());
  }

  @Test
  void whatIsNotToBeTrustedIsRefused() throws Exception {
    URI url = start(SECRET);
    byte[] large = new byte[Receiver.MAX_BYTES + 1];
    byte[] other = "no event".getBytes(UTF_8);
    assertEquals(401, post(url, BODY, Map.of()));
    assertEquals(401, post(url, other, sign("e", BODY)));
    Verifier early = new Verifier(Scheme.STANDARD_WEBHOOKS, Duration.ZERO, () -> Instant.ofEpochSecond(1));
    assertEquals(401, post(url, BODY, early.signForTest("e", BODY, SECRET)));
    assertEquals(413, post(url, large, sign("e", large)));
    assertEquals(500, post(url, other, sign("e", other)));
    assertTrue(events.isEmpty());
  }

  @Test
  void aWrongSecretOfTheReceiverIsNo401() throws Exception {
    assertEquals(500, post(start(""), BODY, sign("e", BODY)));
  }

  @Test
  void aBodyOfATemplateIsAMisconfiguration() throws Exception {
    start(SECRET);
    for (String other : List.of("[]", "{}", "no JSON", "{\"event\": {}, \"timestamp\": \"x\"}")) {
      assertThrows(MisconfiguredException.class, () -> WebhookEvent.read("", other.getBytes(UTF_8)), other);
    }
  }

  @Test
  void aRealDeliveryArrives() throws Exception {
    String control = Objects.requireNonNull(System.getenv("TENTERHOOK_CONTROL"), "needs the harness");
    URI url = start(SECRET);
    var variables = HttpClient.newHttpClient()
        .send(HttpRequest.newBuilder(URI.create(control + "/")).build(), HttpResponse.BodyHandlers.ofString());
    String target = JsonParser.parseString(variables.body()).getAsJsonObject().get("target").getAsString();
    try (Client client = Client.builder(target).namespace("receive-java-" + System.nanoTime()).build()) {
      client.createWebhook(
          Webhook.newBuilder()
              .setDisplayName("hook")
              .setRequest(RequestTemplate.newBuilder().setUrl(url.toString()))
              .setSigning(SigningPolicy.newBuilder().addSchemes(SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS))
              .build(),
          SECRET);
      client.publish(Event.newBuilder()
          .setId("e1")
          .setType("created")
          .setObjectType("dcim.site")
          .setData(Json.of(Map.of("name", "Zürich")))
          .build());
      WebhookEvent event = events.poll(20, TimeUnit.SECONDS);
      assertNotNull(event, "nothing arrived");
      assertEquals("e1", event.id());
      assertEquals(new Site("Zürich"), event.data(Site.class));
    }
  }
}
