package io.tenterhook;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tenterhook.v1.Event;
import io.tenterhook.v1.RequestTemplate;
import io.tenterhook.v1.Webhook;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The calls of the API reference run, against a server that has none of what they name. */
@Timeout(60)
class ReferenceTest {
  /** What finds all that it names. */
  private static final Set<String> WHOLE = Set.of("PublishEvent", "CreateWebhook", "ListEvents", "WatchDeliveries");

  @Test
  void theCallsOfTheReferenceRun() {
    String target = Optional.ofNullable(System.getenv("TENTERHOOK_TARGET"))
        .orElseThrow(() -> new AssertionError("needs the harness: make test-clients"));
    try (Client client = Client.builder(target).namespace("reference-java").build()) {
      // What is watched and listed is there in any order of the calls.
      var request = RequestTemplate.newBuilder().setUrl("http://127.0.0.1:9/");
      client.createWebhook(Webhook.newBuilder().setDisplayName("first").setRequest(request).build());
      client.publish(Event.newBuilder().setType("created").build());
      Reference.CALLS.forEach((name, call) -> {
        try {
          call.accept(client);
        } catch (TenterhookException.NotFound | TenterhookException.Conflict unknown) {
          assertFalse(WHOLE.contains(name), name + ": " + unknown.getMessage());
        }
      });
    }
    assertTrue(Reference.CALLS.size() >= 31);
  }
}
