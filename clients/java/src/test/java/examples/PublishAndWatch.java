package examples;

import com.google.protobuf.Duration;
import io.tenterhook.Client;
import io.tenterhook.DeliveryList;
import io.tenterhook.Json;
import io.tenterhook.Watch;
import io.tenterhook.v1.BackoffSchedule;
import io.tenterhook.v1.DeleteWebhookRequest;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryFilter;
import io.tenterhook.v1.DeliveryState;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.ListDeliveriesRequest;
import io.tenterhook.v1.PublishResult;
import io.tenterhook.v1.RequestTemplate;
import io.tenterhook.v1.RetryPolicy;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.Webhook;
import io.tenterhook.v1.WebhookServiceGrpc;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Publishes events and follows their deliveries until each has ended:
 * {@code mvn -q test-compile exec:java -Dexec.classpathScope=test -Dexec.mainClass=examples.PublishAndWatch -Dexec.args="[TARGET] [RECEIVER_URL]"}. Without a receiver
 * that listens the deliveries are retried, which is shown too.
 */
public final class PublishAndWatch {
  private PublishAndWatch() {}

  public static void main(String[] arguments) {
    String target = arguments.length > 0 ? arguments[0] : "localhost:50051";
    String url = arguments.length > 1 ? arguments[1] : "http://127.0.0.1:9000/hook";
    var waits = BackoffSchedule.newBuilder().addWaits(Duration.newBuilder().setSeconds(1));
    Webhook webhook = Webhook.newBuilder()
        .setDisplayName("java example")
        .setRequest(RequestTemplate.newBuilder().setUrl(url))
        .setRetry(RetryPolicy.newBuilder().setMaxAttempts(2).setSchedule(waits))
        .build();
    try (Client client = Client.to(target)) {
      String id = client.createWebhook(webhook, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").getWebhook().getId();
      try {
        publishAndFollow(client, id);
      } finally {
        var request = DeleteWebhookRequest.newBuilder().setWebhookId(id).build();
        client.call(WebhookServiceGrpc.getDeleteWebhookMethod(), request);
      }
    }
  }

  /** What has ended already is in the list; what is still to come, the watch tells. */
  private static void publishAndFollow(Client client, String webhookId) {
    var events = Stream.of("created", "updated", "deleted")
        .map(type -> Event.newBuilder().setType(type).setData(Json.of(Map.of("id", 7))).build())
        .toList();
    Set<String> waiting = client.publishBatch(events).stream().map(PublishResult::getEventId).collect(Collectors.toSet());
    System.out.println("published " + waiting.size() + " events");
    DeliveryFilter filter = DeliveryFilter.newBuilder().addWebhookIds(webhookId).build();
    DeliveryList list = client.listDeliveries(ListDeliveriesRequest.newBuilder().setFilter(filter).build());
    list.forEach(delivery -> settle(delivery, waiting));
    var request = WatchDeliveriesRequest.newBuilder().setFilter(filter).setResumeToken(list.resumeToken()).build();
    try (Watch watch = client.watch(request)) {
      while (!waiting.isEmpty()) {
        Delivery delivery = watch.next().change().getDelivery();
        System.out.println(
            delivery.getEventId() + " " + delivery.getState() + " " + delivery.getLastAttempt().getOutcome());
        settle(delivery, waiting);
      }
    }
  }

  private static void settle(Delivery delivery, Set<String> waiting) {
    DeliveryState state = delivery.getState();
    if (state == DeliveryState.DELIVERY_STATE_SUCCEEDED || state == DeliveryState.DELIVERY_STATE_FAILED) {
      waiting.remove(delivery.getEventId());
    }
  }
}
