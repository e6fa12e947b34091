package io.tenterhook;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tenterhook.v1.Event;
import io.tenterhook.v1.RequestTemplate;
import io.tenterhook.v1.SignatureScheme;
import io.tenterhook.v1.SigningPolicy;
import io.tenterhook.v1.Webhook;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.web.servlet.context.ServletWebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** The receiver in an application of Spring Boot, given requests as the server signs them, and a real delivery. */
class SpringWebhooksTest {
  private static final String SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  private static final byte[] BODY =
      "{\"event\": \"created\", \"timestamp\": \"2026-03-06T15:11:23Z\", \"data\": {\"id\": 1}}".getBytes(UTF_8);
  private static final BlockingQueue<WebhookEvent> EVENTS = new LinkedBlockingQueue<>();
  private static final AtomicInteger FAILURES = new AtomicInteger();

  @Configuration
  @EnableAutoConfiguration
  @Import(Hooks.class)
  static class Application {
    @Bean
    SpringWebhooks webhooks(Environment environment) {
      return new SpringWebhooks(environment.getProperty("secret"));
    }
  }

  @RestController
  static class Hooks {
    @PostMapping("/hook")
    void receive(WebhookEvent event) {
      if (FAILURES.getAndDecrement() > 0) {
        throw new IllegalStateException("not today");
      }
      EVENTS.add(event);
    }

    /** As applications have one: what the method threw is a response then, and no exception. */
    @ExceptionHandler
    @ResponseStatus(HttpStatus.SERVICE_UNAVAILABLE)
    void refuse(IllegalStateException thrown) {}

    @GetMapping("/other")
    String other() {
      return "untouched";
    }
  }

  /** By their secret: they take seconds to start. */
  private static final Map<String, ServletWebServerApplicationContext> APPLICATIONS = new HashMap<>();

  private URI start(String secret) {
    EVENTS.clear();
    FAILURES.set(0);
    var application = APPLICATIONS.computeIfAbsent(secret, SpringWebhooksTest::run);
    return URI.create("http://127.0.0.1:" + application.getWebServer().getPort() + "/hook");
  }

  private static ServletWebServerApplicationContext run(String secret) {
    var spring = new SpringApplication(Application.class);
    spring.setLogStartupInfo(false);
    return (ServletWebServerApplicationContext) spring.run(
        "--server.port=0", "--server.address=127.0.0.1", "--spring.main.banner-mode=off", "--secret=" + secret);
  }

  @AfterAll
  static void stop() {
    APPLICATIONS.values().forEach(ServletWebServerApplicationContext::close);
    APPLICATIONS.clear();
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
  void anEventReachesItsMethodOnceAndAgainWhenThatFailed() throws Exception {
    URI url = start(SECRET);
    FAILURES.set(1);
    for (int status : new int[] {503, 200, 204}) {
      assertEquals(status, post(url, BODY, sign("once", BODY)));
    }
    assertEquals(200, post(url, BODY, sign("e2", BODY)));
    assertEquals("once", EVENTS.remove().id());
    assertEquals("e2", EVENTS.remove().id());
    assertTrue(EVENTS.isEmpty());
  }

  @Test
  void whatIsNotToBeTrustedIsRefused() throws Exception {
    URI url = start(SECRET);
    byte[] large = new byte[Receiver.MAX_BYTES + 1];
    byte[] other = "no event".getBytes(UTF_8);
    assertEquals(401, post(url, BODY, Map.of()));
    assertEquals(401, post(url, other, sign("e", BODY)));
    assertEquals(413, post(url, large, sign("e", large)));
    assertEquals(500, post(url, other, sign("e", other)));
    assertTrue(EVENTS.isEmpty());
    var untouched = HttpRequest.newBuilder(url.resolve("/other")).build();
    assertEquals("untouched", HttpClient.newHttpClient().send(untouched, HttpResponse.BodyHandlers.ofString()).body());
  }

  @Test
  void aWrongSecretOfTheReceiverIsNo401() throws Exception {
    assertEquals(500, post(start("no base64!"), BODY, sign("e", BODY)));
  }

  @Test
  void aRealDeliveryArrives() throws Exception {
    URI url = start(SECRET);
    String target = Objects.requireNonNull(System.getenv("TENTERHOOK_TARGET"), "needs the harness: make test-clients");
    try (Client client = Client.builder(target).namespace("spring-" + System.nanoTime()).build()) {
      client.createWebhook(
          Webhook.newBuilder()
              .setDisplayName("hook")
              .setRequest(RequestTemplate.newBuilder().setUrl(url.toString()))
              .setSigning(SigningPolicy.newBuilder().addSchemes(SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS))
              .build(),
          SECRET);
      var data = Json.of(Map.of("name", "Zürich"));
      client.publish(Event.newBuilder().setId("e1").setType("created").setData(data).build());
      WebhookEvent event = EVENTS.poll(20, TimeUnit.SECONDS);
      assertNotNull(event, "nothing arrived");
      assertEquals("e1", event.id());
      assertEquals("Zürich", event.data(Map.class).get("name"));
    }
  }
}
