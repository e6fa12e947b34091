package io.tenterhook;

import com.google.protobuf.FieldMask;
import io.tenterhook.v1.BatchCancelDeliveriesRequest;
import io.tenterhook.v1.BatchRetryDeliveriesRequest;
import io.tenterhook.v1.CancelDeliveryRequest;
import io.tenterhook.v1.CreateTokenRequest;
import io.tenterhook.v1.DeleteWebhookRequest;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryFilter;
import io.tenterhook.v1.DeliveryState;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventFilter;
import io.tenterhook.v1.EventRule;
import io.tenterhook.v1.ExplainEventRequest;
import io.tenterhook.v1.GetDeliveryRequest;
import io.tenterhook.v1.GetDeliveryStatsRequest;
import io.tenterhook.v1.GetEventRequest;
import io.tenterhook.v1.GetServerInfoRequest;
import io.tenterhook.v1.GetWebhookRequest;
import io.tenterhook.v1.ListDeliveriesRequest;
import io.tenterhook.v1.ListEventsRequest;
import io.tenterhook.v1.ListNamespacesRequest;
import io.tenterhook.v1.ListTokensRequest;
import io.tenterhook.v1.ListWebhooksRequest;
import io.tenterhook.v1.PauseWebhookRequest;
import io.tenterhook.v1.RenderPreviewRequest;
import io.tenterhook.v1.ReplayEventsRequest;
import io.tenterhook.v1.RequestTemplate;
import io.tenterhook.v1.ResumeWebhookRequest;
import io.tenterhook.v1.RetryDeliveryRequest;
import io.tenterhook.v1.RevokeSigningKeyRequest;
import io.tenterhook.v1.RevokeTokenRequest;
import io.tenterhook.v1.RotateSigningKeyRequest;
import io.tenterhook.v1.SignatureScheme;
import io.tenterhook.v1.SigningPolicy;
import io.tenterhook.v1.TestWebhookRequest;
import io.tenterhook.v1.UpdateWebhookRequest;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchPosition;
import io.tenterhook.v1.Webhook;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** The calls of the API reference, each between its marks; they run against the server of the harness. */
final class Reference {
  static final Map<String, Consumer<Client>> CALLS = new LinkedHashMap<>();

  static {
    CALLS.put("CreateToken", Reference::createToken);
    CALLS.put("ListTokens", Reference::listTokens);
    CALLS.put("RevokeToken", Reference::revokeToken);
    CALLS.put("GetDelivery", Reference::getDelivery);
    CALLS.put("RetryDelivery", Reference::retryDelivery);
    CALLS.put("BatchRetryDeliveries", Reference::batchRetryDeliveries);
    CALLS.put("CancelDelivery", Reference::cancelDelivery);
    CALLS.put("BatchCancelDeliveries", Reference::batchCancelDeliveries);
    CALLS.put("GetDeliveryStats", Reference::getDeliveryStats);
    CALLS.put("GetEvent", Reference::getEvent);
    CALLS.put("ExplainEvent", Reference::explainEvent);
    CALLS.put("ReplayEvents", Reference::replayEvents);
    CALLS.put("GetServerInfo", Reference::getServerInfo);
    CALLS.put("ListNamespaces", Reference::listNamespaces);
    CALLS.put("GetWebhook", Reference::getWebhook);
    CALLS.put("UpdateWebhook", Reference::updateWebhook);
    CALLS.put("DeleteWebhook", Reference::deleteWebhook);
    CALLS.put("PauseWebhook", Reference::pauseWebhook);
    CALLS.put("ResumeWebhook", Reference::resumeWebhook);
    CALLS.put("RotateSigningKey", Reference::rotateSigningKey);
    CALLS.put("RevokeSigningKey", Reference::revokeSigningKey);
    CALLS.put("RenderPreview", Reference::renderPreview);
    CALLS.put("TestWebhook", Reference::testWebhook);
    CALLS.put("PublishEvent", Reference::publishEvent);
    CALLS.put("BatchPublishEvents", Reference::batchPublishEvents);
    CALLS.put("StreamPublishEvents", Reference::streamPublishEvents);
    CALLS.put("CreateWebhook", Reference::createWebhook);
    CALLS.put("ListWebhooks", Reference::listWebhooks);
    CALLS.put("ListEvents", Reference::listEvents);
    CALLS.put("ListDeliveries", Reference::listDeliveries);
    CALLS.put("WatchDeliveries", Reference::watchDeliveries);
  }

  private Reference() {}

  private static void createToken(Client client) {
    // ANCHOR: CreateToken
    var request = CreateTokenRequest.newBuilder()
        .setRole("viewer")
        .setDisplayName("support")
        .setLifetime(Json.duration(Duration.ofHours(1)))
        .build();
    var response = client.createToken(request);
    // ANCHOR_END: CreateToken
    System.out.println(response);
  }

  private static void listTokens(Client client) {
    // ANCHOR: ListTokens
    var request = ListTokensRequest.newBuilder().setPageSize(100).build();
    var response = client.listTokens(request);
    // ANCHOR_END: ListTokens
    System.out.println(response);
  }

  private static void revokeToken(Client client) {
    // ANCHOR: RevokeToken
    var request = RevokeTokenRequest.newBuilder().setTokenId("tok_00000000000000000000000000").build();
    var response = client.revokeToken(request);
    // ANCHOR_END: RevokeToken
    System.out.println(response);
  }

  private static void getDelivery(Client client) {
    // ANCHOR: GetDelivery
    var request = GetDeliveryRequest.newBuilder().setDeliveryId("dlv_00000000000000000000000000").build();
    var response = client.getDelivery(request);
    // ANCHOR_END: GetDelivery
    System.out.println(response);
  }

  private static void retryDelivery(Client client) {
    // ANCHOR: RetryDelivery
    var request = RetryDeliveryRequest.newBuilder().setDeliveryId("dlv_00000000000000000000000000").build();
    var response = client.retryDelivery(request);
    // ANCHOR_END: RetryDelivery
    System.out.println(response);
  }

  private static void batchRetryDeliveries(Client client) {
    // ANCHOR: BatchRetryDeliveries
    var request = BatchRetryDeliveriesRequest.newBuilder()
        .setFilter(DeliveryFilter.newBuilder().addWebhookIds("wh_00000000000000000000000000").addStates(DeliveryState.DELIVERY_STATE_FAILED))
        .setValidateOnly(true)
        .build();
    var response = client.batchRetryDeliveries(request);
    // ANCHOR_END: BatchRetryDeliveries
    System.out.println(response);
  }

  private static void cancelDelivery(Client client) {
    // ANCHOR: CancelDelivery
    var request = CancelDeliveryRequest.newBuilder().setDeliveryId("dlv_00000000000000000000000000").build();
    var response = client.cancelDelivery(request);
    // ANCHOR_END: CancelDelivery
    System.out.println(response);
  }

  private static void batchCancelDeliveries(Client client) {
    // ANCHOR: BatchCancelDeliveries
    var request = BatchCancelDeliveriesRequest.newBuilder()
        .setFilter(DeliveryFilter.newBuilder().addWebhookIds("wh_00000000000000000000000000"))
        .setValidateOnly(true)
        .build();
    var response = client.batchCancelDeliveries(request);
    // ANCHOR_END: BatchCancelDeliveries
    System.out.println(response);
  }

  private static void getDeliveryStats(Client client) {
    // ANCHOR: GetDeliveryStats
    var request = GetDeliveryStatsRequest.newBuilder()
        .setWebhookId("wh_00000000000000000000000000")
        .setWindow(Json.duration(Duration.ofDays(1)))
        .setBucketWidth(Json.duration(Duration.ofHours(1)))
        .build();
    var response = client.getDeliveryStats(request);
    // ANCHOR_END: GetDeliveryStats
    System.out.println(response);
  }

  private static void getEvent(Client client) {
    // ANCHOR: GetEvent
    var request = GetEventRequest.newBuilder().setEventId("site-7").build();
    var response = client.getEvent(request);
    // ANCHOR_END: GetEvent
    System.out.println(response);
  }

  private static void explainEvent(Client client) {
    // ANCHOR: ExplainEvent
    var request = ExplainEventRequest.newBuilder().setEventId("site-7").build();
    var response = client.explainEvent(request);
    // ANCHOR_END: ExplainEvent
    System.out.println(response);
  }

  private static void replayEvents(Client client) {
    // ANCHOR: ReplayEvents
    var request = ReplayEventsRequest.newBuilder()
        .setWebhookId("wh_00000000000000000000000000")
        .setFilter(EventFilter.newBuilder().addEventTypes("created"))
        .setValidateOnly(true)
        .build();
    var response = client.replayEvents(request);
    // ANCHOR_END: ReplayEvents
    System.out.println(response);
  }

  private static void getServerInfo(Client client) {
    // ANCHOR: GetServerInfo
    var request = GetServerInfoRequest.getDefaultInstance();
    var response = client.getServerInfo(request);
    // ANCHOR_END: GetServerInfo
    System.out.println(response);
  }

  private static void listNamespaces(Client client) {
    // ANCHOR: ListNamespaces
    var request = ListNamespacesRequest.newBuilder().setPageSize(100).build();
    var response = client.listNamespaces(request);
    // ANCHOR_END: ListNamespaces
    System.out.println(response);
  }

  private static void getWebhook(Client client) {
    // ANCHOR: GetWebhook
    var request = GetWebhookRequest.newBuilder().setWebhookId("wh_00000000000000000000000000").build();
    var response = client.getWebhook(request);
    // ANCHOR_END: GetWebhook
    System.out.println(response);
  }

  private static void updateWebhook(Client client) {
    // ANCHOR: UpdateWebhook
    var request = UpdateWebhookRequest.newBuilder()
        .setWebhook(Webhook.newBuilder().setId("wh_00000000000000000000000000").setDescription("sites of the warehouse"))
        .setUpdateMask(FieldMask.newBuilder().addPaths("description"))
        .build();
    var response = client.updateWebhook(request);
    // ANCHOR_END: UpdateWebhook
    System.out.println(response);
  }

  private static void deleteWebhook(Client client) {
    // ANCHOR: DeleteWebhook
    var request = DeleteWebhookRequest.newBuilder().setWebhookId("wh_00000000000000000000000000").build();
    var response = client.deleteWebhook(request);
    // ANCHOR_END: DeleteWebhook
    System.out.println(response);
  }

  private static void pauseWebhook(Client client) {
    // ANCHOR: PauseWebhook
    var request = PauseWebhookRequest.newBuilder()
        .setWebhookId("wh_00000000000000000000000000")
        .setReason("receiver is being moved")
        .build();
    var response = client.pauseWebhook(request);
    // ANCHOR_END: PauseWebhook
    System.out.println(response);
  }

  private static void resumeWebhook(Client client) {
    // ANCHOR: ResumeWebhook
    var request = ResumeWebhookRequest.newBuilder().setWebhookId("wh_00000000000000000000000000").build();
    var response = client.resumeWebhook(request);
    // ANCHOR_END: ResumeWebhook
    System.out.println(response);
  }

  private static void rotateSigningKey(Client client) {
    // ANCHOR: RotateSigningKey
    var request = RotateSigningKeyRequest.newBuilder()
        .setWebhookId("wh_00000000000000000000000000")
        .setGracePeriod(Json.duration(Duration.ofDays(1)))
        .build();
    var response = client.rotateSigningKey(request);
    // ANCHOR_END: RotateSigningKey
    System.out.println(response);
  }

  private static void revokeSigningKey(Client client) {
    // ANCHOR: RevokeSigningKey
    var request = RevokeSigningKeyRequest.newBuilder()
        .setWebhookId("wh_00000000000000000000000000")
        .setKeyId("key_00000000000000000000000000")
        .build();
    var response = client.revokeSigningKey(request);
    // ANCHOR_END: RevokeSigningKey
    System.out.println(response);
  }

  private static void renderPreview(Client client) {
    // ANCHOR: RenderPreview
    var request = RenderPreviewRequest.newBuilder()
        .setWebhookId("wh_00000000000000000000000000")
        .setEventId("site-7")
        .build();
    var response = client.renderPreview(request);
    // ANCHOR_END: RenderPreview
    System.out.println(response);
  }

  private static void testWebhook(Client client) {
    // ANCHOR: TestWebhook
    var request = TestWebhookRequest.newBuilder()
        .setWebhookId("wh_00000000000000000000000000")
        .setEventId("site-7")
        .build();
    var response = client.testWebhook(request);
    // ANCHOR_END: TestWebhook
    System.out.println(response);
  }

  private static void publishEvent(Client client) {
    // ANCHOR: PublishEvent
    var event = Event.newBuilder()
        .setId("site-7")
        .setType("created")
        .setObjectType("dcim.site")
        .setData(Json.of(Map.of("name", "Zürich")))
        .build();
    var result = client.publish(event);
    // ANCHOR_END: PublishEvent
    System.out.println(result);
  }

  private static void batchPublishEvents(Client client) {
    // ANCHOR: BatchPublishEvents
    var events = IntStream.range(0, 100)
        .mapToObj(id -> Event.newBuilder().setType("created").setData(Json.of(id)).build())
        .toList();
    var results = client.publishBatch(events);
    // ANCHOR_END: BatchPublishEvents
    System.out.println(results);
  }

  private static void streamPublishEvents(Client client) {
    // ANCHOR: StreamPublishEvents
    var events = IntStream.range(0, 100)
        .mapToObj(id -> Event.newBuilder().setType("created").setData(Json.of(id)).build())
        .iterator();
    client.publishStream(events).forEachRemaining(
        ack -> ack.error().ifPresent(error -> System.out.println(ack.sequence() + " " + error.getMessage())));
    // ANCHOR_END: StreamPublishEvents
  }

  private static void createWebhook(Client client) {
    // ANCHOR: CreateWebhook
    var webhook = Webhook.newBuilder()
        .setDisplayName("sites")
        .setRequest(RequestTemplate.newBuilder().setUrl("https://example.com/hook"))
        .addRules(EventRule.newBuilder().addEventTypes("created").addObjectTypes("dcim.site"))
        .setSigning(SigningPolicy.newBuilder().addSchemes(SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS))
        .build();
    var created = client.createWebhook(webhook); // with the signing secret
    // ANCHOR_END: CreateWebhook
    System.out.println(created);
  }

  private static void listWebhooks(Client client) {
    // ANCHOR: ListWebhooks
    var request = ListWebhooksRequest.newBuilder().putLabels("team", "net").build();
    for (Webhook webhook : client.listWebhooks(request)) {
      System.out.println(webhook.getId() + " " + webhook.getDisplayName());
    }
    // ANCHOR_END: ListWebhooks
  }

  private static void listEvents(Client client) {
    // ANCHOR: ListEvents
    var request = ListEventsRequest.newBuilder().setFilter(EventFilter.newBuilder().addEventTypes("created")).build();
    for (Event event : client.listEvents(request)) {
      System.out.println(event.getId() + " " + event.getType());
    }
    // ANCHOR_END: ListEvents
  }

  private static void listDeliveries(Client client) {
    // ANCHOR: ListDeliveries
    var failed = DeliveryFilter.newBuilder().addStates(DeliveryState.DELIVERY_STATE_FAILED);
    for (Delivery delivery : client.listDeliveries(ListDeliveriesRequest.newBuilder().setFilter(failed).build())) {
      System.out.println(delivery.getId() + " " + delivery.getEventId());
    }
    // ANCHOR_END: ListDeliveries
  }

  private static void watchDeliveries(Client client) {
    // ANCHOR: WatchDeliveries
    var earliest = WatchDeliveriesRequest.newBuilder().setPosition(WatchPosition.WATCH_POSITION_EARLIEST).build();
    try (Watch watch = client.watch(earliest)) {
      for (Change change : watch) {
        System.out.println(change.change().getDelivery().getState() + " " + change.token());
        break; // yours would go on
      }
    }
    // ANCHOR_END: WatchDeliveries
  }
}
