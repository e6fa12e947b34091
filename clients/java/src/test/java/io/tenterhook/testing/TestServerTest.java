package io.tenterhook.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import io.tenterhook.Client;
import io.tenterhook.Json;
import io.tenterhook.Verifier;
import io.tenterhook.v1.DeliveryState;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.ListEventsRequest;
import io.tenterhook.v1.RequestTemplate;
import io.tenterhook.v1.RetryPolicy;
import io.tenterhook.v1.SignatureScheme;
import io.tenterhook.v1.SigningPolicy;
import io.tenterhook.v1.Webhook;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The kit for users' own tests, with the server under test. */
@Timeout(60)
class TestServerTest {
  private static TestServer server;

  @BeforeAll
  static void start() {
    server = TestServer.start();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static String subscribe(Client client, String url, int attempts) {
    return client
        .createWebhook(Webhook.newBuilder()
            .setDisplayName("hook")
            .setRequest(RequestTemplate.newBuilder().setUrl(url))
            .setRetry(RetryPolicy.newBuilder().setMaxAttempts(attempts))
            .setSigning(SigningPolicy.newBuilder().addSchemes(SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS))
            .build())
        .getSigningSecret();
  }

  private static String publish(Client client) {
    var event = Event.newBuilder().setType("created").setData(Json.of(Map.of("name", "Zürich")));
    return client.publish(event.build()).getEventId();
  }

  @Test
  void anEventArrives() throws Exception {
    try (var receiver = new RecordingReceiver(); var client = server.client(); var other = server.client()) {
      String secret = subscribe(client, receiver.url() + "hook", 3);
      String id = publish(client);
      assertEquals(1, TestServer.waitFor(client, id).get(0).getAttemptsCount());
      var request = receiver.await(1).get(0);
      assertEquals("/hook", request.path());
      var data = JsonParser.parseString(request.text()).getAsJsonObject().getAsJsonObject("data");
      assertEquals("Zürich", data.get("name").getAsString());
      assertEquals(id, Verifier.event(request.headers()::get, request.body(), secret).id());
      assertFalse(other.listEvents(ListEventsRequest.getDefaultInstance()).iterator().hasNext());
    }
  }

  @Test
  void aReceiverCanFailFirstAndAWaitSeesHowItEnds() {
    try (var receiver = new RecordingReceiver(500); var client = server.client()) {
      subscribe(client, receiver.url(), 1);
      String id = publish(client);
      var ended = assertThrows(AssertionError.class, () -> TestServer.waitFor(client, id));
      String told = "delivery \\S+ of event " + id + " is FAILED: .*500.*";
      assertTrue(ended.getMessage().matches(told), ended.getMessage());
      var failed = TestServer.waitFor(client, id, DeliveryState.DELIVERY_STATE_FAILED, Duration.ofSeconds(10));
      assertEquals(500, failed.get(0).getAttempts(0).getResponse().getStatus());
      var late = assertThrows(AssertionError.class, () -> receiver.await(2, Duration.ZERO));
      assertTrue(late.getMessage().startsWith("1 of 2 requests"), late.getMessage());
    }
  }

  @Test
  void aWaitForNothingEnds() {
    try (var client = server.client()) {
      String id = publish(client);
      var state = DeliveryState.DELIVERY_STATE_SUCCEEDED;
      var late = assertThrows(
          AssertionError.class, () -> TestServer.waitFor(client, id, state, Duration.ofMillis(100)));
      assertTrue(late.getMessage().contains("it has no delivery"), late.getMessage());
    }
  }

  @Test
  void aServerThatDoesNotStartSaysWhy() {
    Path program = TestServer.find(System.getenv("TENTERHOOK_BIN"), System.getenv("PATH"));
    var flags = assertThrows(IllegalStateException.class, () -> TestServer.start(program, "--no-such-flag"));
    assertTrue(flags.getMessage().contains("--no-such-flag'"), flags.getMessage());
    var nowhere = assertThrows(IllegalStateException.class, () -> TestServer.start(Path.of("/nowhere")));
    assertTrue(nowhere.getMessage().startsWith("/nowhere is no program"), nowhere.getMessage());
    var none = assertThrows(IllegalStateException.class, () -> TestServer.find("", "/nowhere"));
    assertTrue(none.getMessage().contains("in the PATH"), none.getMessage());
  }

  @Test
  void aServerThatDoesNotComeUpIsGivenUpWithWhatItWrote(@TempDir Path folder) throws Exception {
    Path slow = folder.resolve("slow");
    Files.writeString(slow, "#!/bin/sh\necho opening the store\nexec tail -f /dev/null\n");
    Files.setPosixFilePermissions(slow, PosixFilePermissions.fromString("rwx------"));
    var late = assertThrows(IllegalStateException.class, () -> TestServer.start(slow, Duration.ofSeconds(1)));
    String told = late.getMessage();
    assertTrue(told.startsWith("the server did not start within 1000 ms: " + slow), told);
    assertTrue(told.endsWith("\nopening the store"), told);
  }
}
