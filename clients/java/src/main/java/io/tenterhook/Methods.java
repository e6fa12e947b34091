package io.tenterhook;

import io.grpc.MethodDescriptor;
import io.tenterhook.v1.AccessServiceGrpc;
import io.tenterhook.v1.BatchCancelDeliveriesRequest;
import io.tenterhook.v1.BatchCancelDeliveriesResponse;
import io.tenterhook.v1.BatchRetryDeliveriesRequest;
import io.tenterhook.v1.BatchRetryDeliveriesResponse;
import io.tenterhook.v1.CancelDeliveryRequest;
import io.tenterhook.v1.CancelDeliveryResponse;
import io.tenterhook.v1.CreateTokenRequest;
import io.tenterhook.v1.CreateTokenResponse;
import io.tenterhook.v1.DeleteWebhookRequest;
import io.tenterhook.v1.DeleteWebhookResponse;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.EventServiceGrpc;
import io.tenterhook.v1.ExplainEventRequest;
import io.tenterhook.v1.ExplainEventResponse;
import io.tenterhook.v1.GetDeliveryRequest;
import io.tenterhook.v1.GetDeliveryResponse;
import io.tenterhook.v1.GetDeliveryStatsRequest;
import io.tenterhook.v1.GetDeliveryStatsResponse;
import io.tenterhook.v1.GetEventRequest;
import io.tenterhook.v1.GetEventResponse;
import io.tenterhook.v1.GetServerInfoRequest;
import io.tenterhook.v1.GetServerInfoResponse;
import io.tenterhook.v1.GetWebhookRequest;
import io.tenterhook.v1.GetWebhookResponse;
import io.tenterhook.v1.ListNamespacesRequest;
import io.tenterhook.v1.ListNamespacesResponse;
import io.tenterhook.v1.ListTokensRequest;
import io.tenterhook.v1.ListTokensResponse;
import io.tenterhook.v1.PauseWebhookRequest;
import io.tenterhook.v1.PauseWebhookResponse;
import io.tenterhook.v1.RenderPreviewRequest;
import io.tenterhook.v1.RenderPreviewResponse;
import io.tenterhook.v1.ReplayEventsRequest;
import io.tenterhook.v1.ReplayEventsResponse;
import io.tenterhook.v1.ResumeWebhookRequest;
import io.tenterhook.v1.ResumeWebhookResponse;
import io.tenterhook.v1.RetryDeliveryRequest;
import io.tenterhook.v1.RetryDeliveryResponse;
import io.tenterhook.v1.RevokeSigningKeyRequest;
import io.tenterhook.v1.RevokeSigningKeyResponse;
import io.tenterhook.v1.RevokeTokenRequest;
import io.tenterhook.v1.RevokeTokenResponse;
import io.tenterhook.v1.RotateSigningKeyRequest;
import io.tenterhook.v1.RotateSigningKeyResponse;
import io.tenterhook.v1.ServerServiceGrpc;
import io.tenterhook.v1.TestWebhookRequest;
import io.tenterhook.v1.TestWebhookResponse;
import io.tenterhook.v1.UpdateWebhookRequest;
import io.tenterhook.v1.UpdateWebhookResponse;
import io.tenterhook.v1.WebhookServiceGrpc;

/**
 * The methods of the API that are no streams, by name: what {@link Client} has none of its own for. A request is sent as
 * it is, so it names the namespace where it needs one.
 */
public interface Methods {
  /**
   * Calls any method of the API that is no stream, with the client's deadline and retries.
   *
   * @throws TenterhookException when it fails, as every method here
   */
  <Q, R> R call(MethodDescriptor<Q, R> method, Q request);

  /** Issues a token and returns its secret, this once. */
  default CreateTokenResponse createToken(CreateTokenRequest request) {
    return call(AccessServiceGrpc.getCreateTokenMethod(), request);
  }

  /** Returns the tokens of a namespace that have not expired, the oldest first, a page at a time. */
  default ListTokensResponse listTokens(ListTokensRequest request) {
    return call(AccessServiceGrpc.getListTokensMethod(), request);
  }

  /** Ends a token: the next call with it is refused, and its open streams end within 5 seconds. */
  default RevokeTokenResponse revokeToken(RevokeTokenRequest request) {
    return call(AccessServiceGrpc.getRevokeTokenMethod(), request);
  }

  /** Returns one delivery. */
  default GetDeliveryResponse getDelivery(GetDeliveryRequest request) {
    return call(DeliveryServiceGrpc.getGetDeliveryMethod(), request);
  }

  /** Makes a delivery due now, whatever its state but in flight, and lets it go before the others of its webhook. */
  default RetryDeliveryResponse retryDelivery(RetryDeliveryRequest request) {
    return call(DeliveryServiceGrpc.getRetryDeliveryMethod(), request);
  }

  /** Makes the deliveries that match due now. */
  default BatchRetryDeliveriesResponse batchRetryDeliveries(BatchRetryDeliveriesRequest request) {
    return call(DeliveryServiceGrpc.getBatchRetryDeliveriesMethod(), request);
  }

  /** Stops a delivery that is not final. */
  default CancelDeliveryResponse cancelDelivery(CancelDeliveryRequest request) {
    return call(DeliveryServiceGrpc.getCancelDeliveryMethod(), request);
  }

  /** Cancels every delivery that matches. */
  default BatchCancelDeliveriesResponse batchCancelDeliveries(BatchCancelDeliveriesRequest request) {
    return call(DeliveryServiceGrpc.getBatchCancelDeliveriesMethod(), request);
  }

  /** Counts deliveries over a time. */
  default GetDeliveryStatsResponse getDeliveryStats(GetDeliveryStatsRequest request) {
    return call(DeliveryServiceGrpc.getGetDeliveryStatsMethod(), request);
  }

  /** Returns one event. */
  default GetEventResponse getEvent(GetEventRequest request) {
    return call(EventServiceGrpc.getGetEventMethod(), request);
  }

  /** Returns for every webhook of the namespace whether it receives an event and why, oldest webhook first. */
  default ExplainEventResponse explainEvent(ExplainEventRequest request) {
    return call(EventServiceGrpc.getExplainEventMethod(), request);
  }

  /** Makes new deliveries of past events for one webhook. */
  default ReplayEventsResponse replayEvents(ReplayEventsRequest request) {
    return call(EventServiceGrpc.getReplayEventsMethod(), request);
  }

  /** Returns the server's version, limits and settings, and who the caller is. */
  default GetServerInfoResponse getServerInfo(GetServerInfoRequest request) {
    return call(ServerServiceGrpc.getGetServerInfoMethod(), request);
  }

  /**
   * Returns the namespaces that hold webhooks or events and that the caller may see, a page at a time: the shortest
   * names first, names of one length in alphabetical order.
   */
  default ListNamespacesResponse listNamespaces(ListNamespacesRequest request) {
    return call(ServerServiceGrpc.getListNamespacesMethod(), request);
  }

  /** Returns one webhook. */
  default GetWebhookResponse getWebhook(GetWebhookRequest request) {
    return call(WebhookServiceGrpc.getGetWebhookMethod(), request);
  }

  /** Changes the fields that the mask names. */
  default UpdateWebhookResponse updateWebhook(UpdateWebhookRequest request) {
    return call(WebhookServiceGrpc.getUpdateWebhookMethod(), request);
  }

  /** Removes a webhook and cancels its open deliveries. */
  default DeleteWebhookResponse deleteWebhook(DeleteWebhookRequest request) {
    return call(WebhookServiceGrpc.getDeleteWebhookMethod(), request);
  }

  /** Stops sending. */
  default PauseWebhookResponse pauseWebhook(PauseWebhookRequest request) {
    return call(WebhookServiceGrpc.getPauseWebhookMethod(), request);
  }

  /** Sends again, what queued up first. */
  default ResumeWebhookResponse resumeWebhook(ResumeWebhookRequest request) {
    return call(WebhookServiceGrpc.getResumeWebhookMethod(), request);
  }

  /** Makes a new key. */
  default RotateSigningKeyResponse rotateSigningKey(RotateSigningKeyRequest request) {
    return call(WebhookServiceGrpc.getRotateSigningKeyMethod(), request);
  }

  /** Stops a key at once. */
  default RevokeSigningKeyResponse revokeSigningKey(RevokeSigningKeyRequest request) {
    return call(WebhookServiceGrpc.getRevokeSigningKeyMethod(), request);
  }

  /** Tells what would be sent, and sends nothing. */
  default RenderPreviewResponse renderPreview(RenderPreviewRequest request) {
    return call(WebhookServiceGrpc.getRenderPreviewMethod(), request);
  }

  /** Sends one request now and returns how it went. */
  default TestWebhookResponse testWebhook(TestWebhookRequest request) {
    return call(WebhookServiceGrpc.getTestWebhookMethod(), request);
  }
}
