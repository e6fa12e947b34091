package io.tenterhook.kotlin

import io.grpc.MethodDescriptor
import io.tenterhook.v1.AccessServiceGrpc
import io.tenterhook.v1.BatchCancelDeliveriesRequest
import io.tenterhook.v1.BatchCancelDeliveriesResponse
import io.tenterhook.v1.BatchRetryDeliveriesRequest
import io.tenterhook.v1.BatchRetryDeliveriesResponse
import io.tenterhook.v1.CancelDeliveryRequest
import io.tenterhook.v1.CancelDeliveryResponse
import io.tenterhook.v1.CreateTokenRequest
import io.tenterhook.v1.CreateTokenResponse
import io.tenterhook.v1.DeleteWebhookRequest
import io.tenterhook.v1.DeleteWebhookResponse
import io.tenterhook.v1.DeliveryServiceGrpc
import io.tenterhook.v1.EventServiceGrpc
import io.tenterhook.v1.ExplainEventRequest
import io.tenterhook.v1.ExplainEventResponse
import io.tenterhook.v1.GetDeliveryRequest
import io.tenterhook.v1.GetDeliveryResponse
import io.tenterhook.v1.GetDeliveryStatsRequest
import io.tenterhook.v1.GetDeliveryStatsResponse
import io.tenterhook.v1.GetEventRequest
import io.tenterhook.v1.GetEventResponse
import io.tenterhook.v1.GetServerInfoRequest
import io.tenterhook.v1.GetServerInfoResponse
import io.tenterhook.v1.GetWebhookRequest
import io.tenterhook.v1.GetWebhookResponse
import io.tenterhook.v1.ListNamespacesRequest
import io.tenterhook.v1.ListNamespacesResponse
import io.tenterhook.v1.ListTokensRequest
import io.tenterhook.v1.ListTokensResponse
import io.tenterhook.v1.PauseWebhookRequest
import io.tenterhook.v1.PauseWebhookResponse
import io.tenterhook.v1.RenderPreviewRequest
import io.tenterhook.v1.RenderPreviewResponse
import io.tenterhook.v1.ReplayEventsRequest
import io.tenterhook.v1.ReplayEventsResponse
import io.tenterhook.v1.ResumeWebhookRequest
import io.tenterhook.v1.ResumeWebhookResponse
import io.tenterhook.v1.RetryDeliveryRequest
import io.tenterhook.v1.RetryDeliveryResponse
import io.tenterhook.v1.RevokeSigningKeyRequest
import io.tenterhook.v1.RevokeSigningKeyResponse
import io.tenterhook.v1.RevokeTokenRequest
import io.tenterhook.v1.RevokeTokenResponse
import io.tenterhook.v1.RotateSigningKeyRequest
import io.tenterhook.v1.RotateSigningKeyResponse
import io.tenterhook.v1.ServerServiceGrpc
import io.tenterhook.v1.TestWebhookRequest
import io.tenterhook.v1.TestWebhookResponse
import io.tenterhook.v1.UpdateWebhookRequest
import io.tenterhook.v1.UpdateWebhookResponse
import io.tenterhook.v1.WebhookServiceGrpc

/**
 * The methods of the API that are no streams, by name: what [Client] has none of its own for. A request is sent as it
 * is, so it names the namespace where it needs one.
 */
public abstract class Methods internal constructor() {
    /** Calls any method of the API that is no stream, with the client's deadline and retries. */
    public abstract suspend fun <Q : Any, R : Any> call(method: MethodDescriptor<Q, R>, request: Q): R

    /** Issues a token and returns its secret, this once. */
    public suspend fun createToken(request: CreateTokenRequest.Builder.() -> Unit): CreateTokenResponse =
        call(AccessServiceGrpc.getCreateTokenMethod(), CreateTokenRequest.newBuilder().apply(request).build())

    /** Returns the tokens of a namespace that have not expired, the oldest first, a page at a time. */
    public suspend fun listTokens(request: ListTokensRequest.Builder.() -> Unit): ListTokensResponse =
        call(AccessServiceGrpc.getListTokensMethod(), ListTokensRequest.newBuilder().apply(request).build())

    /** Ends a token: the next call with it is refused, and its open streams end within 5 seconds. */
    public suspend fun revokeToken(request: RevokeTokenRequest.Builder.() -> Unit): RevokeTokenResponse =
        call(AccessServiceGrpc.getRevokeTokenMethod(), RevokeTokenRequest.newBuilder().apply(request).build())

    /** Returns one delivery. */
    public suspend fun getDelivery(request: GetDeliveryRequest.Builder.() -> Unit): GetDeliveryResponse =
        call(DeliveryServiceGrpc.getGetDeliveryMethod(), GetDeliveryRequest.newBuilder().apply(request).build())

    /** Makes a delivery due now, whatever its state but in flight, and lets it go before the others of its webhook. */
    public suspend fun retryDelivery(request: RetryDeliveryRequest.Builder.() -> Unit): RetryDeliveryResponse =
        call(DeliveryServiceGrpc.getRetryDeliveryMethod(), RetryDeliveryRequest.newBuilder().apply(request).build())

    /** Makes the deliveries that match due now. */
    public suspend fun batchRetryDeliveries(
        request: BatchRetryDeliveriesRequest.Builder.() -> Unit,
    ): BatchRetryDeliveriesResponse =
        call(
            DeliveryServiceGrpc.getBatchRetryDeliveriesMethod(),
            BatchRetryDeliveriesRequest.newBuilder().apply(request).build(),
        )

    /** Stops a delivery that is not final. */
    public suspend fun cancelDelivery(request: CancelDeliveryRequest.Builder.() -> Unit): CancelDeliveryResponse =
        call(DeliveryServiceGrpc.getCancelDeliveryMethod(), CancelDeliveryRequest.newBuilder().apply(request).build())

    /** Cancels every delivery that matches. */
    public suspend fun batchCancelDeliveries(
        request: BatchCancelDeliveriesRequest.Builder.() -> Unit,
    ): BatchCancelDeliveriesResponse =
        call(
            DeliveryServiceGrpc.getBatchCancelDeliveriesMethod(),
            BatchCancelDeliveriesRequest.newBuilder().apply(request).build(),
        )

    /** Counts deliveries over a time. */
    public suspend fun getDeliveryStats(request: GetDeliveryStatsRequest.Builder.() -> Unit): GetDeliveryStatsResponse =
        call(
            DeliveryServiceGrpc.getGetDeliveryStatsMethod(),
            GetDeliveryStatsRequest.newBuilder().apply(request).build(),
        )

    /** Returns one event. */
    public suspend fun getEvent(request: GetEventRequest.Builder.() -> Unit): GetEventResponse =
        call(EventServiceGrpc.getGetEventMethod(), GetEventRequest.newBuilder().apply(request).build())

    /** Returns for every webhook of the namespace whether it receives an event and why, oldest webhook first. */
    public suspend fun explainEvent(request: ExplainEventRequest.Builder.() -> Unit): ExplainEventResponse =
        call(EventServiceGrpc.getExplainEventMethod(), ExplainEventRequest.newBuilder().apply(request).build())

    /** Makes new deliveries of past events for one webhook. */
    public suspend fun replayEvents(request: ReplayEventsRequest.Builder.() -> Unit): ReplayEventsResponse =
        call(EventServiceGrpc.getReplayEventsMethod(), ReplayEventsRequest.newBuilder().apply(request).build())

    /** Returns the server's version, limits and settings, and who the caller is. */
    public suspend fun getServerInfo(request: GetServerInfoRequest.Builder.() -> Unit): GetServerInfoResponse =
        call(ServerServiceGrpc.getGetServerInfoMethod(), GetServerInfoRequest.newBuilder().apply(request).build())

    /**
     * Returns the namespaces that hold webhooks or events and that the caller may see, a page at a time: the shortest
     * names first, names of one length in alphabetical order.
     */
    public suspend fun listNamespaces(request: ListNamespacesRequest.Builder.() -> Unit): ListNamespacesResponse =
        call(ServerServiceGrpc.getListNamespacesMethod(), ListNamespacesRequest.newBuilder().apply(request).build())

    /** Returns one webhook. */
    public suspend fun getWebhook(request: GetWebhookRequest.Builder.() -> Unit): GetWebhookResponse =
        call(WebhookServiceGrpc.getGetWebhookMethod(), GetWebhookRequest.newBuilder().apply(request).build())

    /** Changes the fields that the mask names. */
    public suspend fun updateWebhook(request: UpdateWebhookRequest.Builder.() -> Unit): UpdateWebhookResponse =
        call(WebhookServiceGrpc.getUpdateWebhookMethod(), UpdateWebhookRequest.newBuilder().apply(request).build())

    /** Removes a webhook and cancels its open deliveries. */
    public suspend fun deleteWebhook(request: DeleteWebhookRequest.Builder.() -> Unit): DeleteWebhookResponse =
        call(WebhookServiceGrpc.getDeleteWebhookMethod(), DeleteWebhookRequest.newBuilder().apply(request).build())

    /** Stops sending. */
    public suspend fun pauseWebhook(request: PauseWebhookRequest.Builder.() -> Unit): PauseWebhookResponse =
        call(WebhookServiceGrpc.getPauseWebhookMethod(), PauseWebhookRequest.newBuilder().apply(request).build())

    /** Sends again, what queued up first. */
    public suspend fun resumeWebhook(request: ResumeWebhookRequest.Builder.() -> Unit): ResumeWebhookResponse =
        call(WebhookServiceGrpc.getResumeWebhookMethod(), ResumeWebhookRequest.newBuilder().apply(request).build())

    /** Makes a new key. */
    public suspend fun rotateSigningKey(request: RotateSigningKeyRequest.Builder.() -> Unit): RotateSigningKeyResponse =
        call(
            WebhookServiceGrpc.getRotateSigningKeyMethod(),
            RotateSigningKeyRequest.newBuilder().apply(request).build(),
        )

    /** Stops a key at once. */
    public suspend fun revokeSigningKey(request: RevokeSigningKeyRequest.Builder.() -> Unit): RevokeSigningKeyResponse =
        call(
            WebhookServiceGrpc.getRevokeSigningKeyMethod(),
            RevokeSigningKeyRequest.newBuilder().apply(request).build(),
        )

    /** Tells what would be sent, and sends nothing. */
    public suspend fun renderPreview(request: RenderPreviewRequest.Builder.() -> Unit): RenderPreviewResponse =
        call(WebhookServiceGrpc.getRenderPreviewMethod(), RenderPreviewRequest.newBuilder().apply(request).build())

    /** Sends one request now and returns how it went. */
    public suspend fun testWebhook(request: TestWebhookRequest.Builder.() -> Unit): TestWebhookResponse =
        call(WebhookServiceGrpc.getTestWebhookMethod(), TestWebhookRequest.newBuilder().apply(request).build())
}
