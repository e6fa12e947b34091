package io.tenterhook.kotlin

import io.tenterhook.v1.DeliveryState
import io.tenterhook.v1.EventRule
import io.tenterhook.v1.SignatureScheme
import io.tenterhook.v1.WatchPosition
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.hours
import kotlinx.coroutines.flow.asFlow
import kotlinx.coroutines.flow.take

/** The calls of the API reference, each between its marks; they run against the server of the harness. */
internal val referenceCalls: Map<String, suspend (Client) -> Unit> = mapOf(
    "CreateToken" to ::createToken,
    "ListTokens" to ::listTokens,
    "RevokeToken" to ::revokeToken,
    "GetDelivery" to ::getDelivery,
    "RetryDelivery" to ::retryDelivery,
    "BatchRetryDeliveries" to ::batchRetryDeliveries,
    "CancelDelivery" to ::cancelDelivery,
    "BatchCancelDeliveries" to ::batchCancelDeliveries,
    "GetDeliveryStats" to ::getDeliveryStats,
    "GetEvent" to ::getEvent,
    "ExplainEvent" to ::explainEvent,
    "ReplayEvents" to ::replayEvents,
    "GetServerInfo" to ::getServerInfo,
    "ListNamespaces" to ::listNamespaces,
    "GetWebhook" to ::getWebhook,
    "UpdateWebhook" to ::updateWebhook,
    "DeleteWebhook" to ::deleteWebhook,
    "PauseWebhook" to ::pauseWebhook,
    "ResumeWebhook" to ::resumeWebhook,
    "RotateSigningKey" to ::rotateSigningKey,
    "RevokeSigningKey" to ::revokeSigningKey,
    "RenderPreview" to ::renderPreview,
    "TestWebhook" to ::testWebhook,
    "PublishEvent" to ::publishEvent,
    "BatchPublishEvents" to ::batchPublishEvents,
    "StreamPublishEvents" to ::streamPublishEvents,
    "CreateWebhook" to ::createWebhook,
    "ListWebhooks" to ::listWebhooks,
    "ListEvents" to ::listEvents,
    "ListDeliveries" to ::listDeliveries,
    "WatchDeliveries" to ::watchDeliveries,
)

private suspend fun createToken(client: Client) {
    // ANCHOR: CreateToken
    val response = client.createToken {
        role = "viewer"
        displayName = "support"
        lifetime = 1.hours.toProto()
    }
    // ANCHOR_END: CreateToken
    println(response)
}

private suspend fun listTokens(client: Client) {
    // ANCHOR: ListTokens
    val response = client.listTokens { pageSize = 100 }
    // ANCHOR_END: ListTokens
    println(response)
}

private suspend fun revokeToken(client: Client) {
    // ANCHOR: RevokeToken
    val response = client.revokeToken { tokenId = "tok_00000000000000000000000000" }
    // ANCHOR_END: RevokeToken
    println(response)
}

private suspend fun getDelivery(client: Client) {
    // ANCHOR: GetDelivery
    val response = client.getDelivery("dlv_00000000000000000000000000")
    // ANCHOR_END: GetDelivery
    println(response)
}

private suspend fun retryDelivery(client: Client) {
    // ANCHOR: RetryDelivery
    val response = client.retryDelivery { deliveryId = "dlv_00000000000000000000000000" }
    // ANCHOR_END: RetryDelivery
    println(response)
}

private suspend fun batchRetryDeliveries(client: Client) {
    // ANCHOR: BatchRetryDeliveries
    val response = client.batchRetryDeliveries {
        filterBuilder.addWebhookIds("wh_00000000000000000000000000").addStates(DeliveryState.DELIVERY_STATE_FAILED)
        validateOnly = true
    }
    // ANCHOR_END: BatchRetryDeliveries
    println(response)
}

private suspend fun cancelDelivery(client: Client) {
    // ANCHOR: CancelDelivery
    val response = client.cancelDelivery { deliveryId = "dlv_00000000000000000000000000" }
    // ANCHOR_END: CancelDelivery
    println(response)
}

private suspend fun batchCancelDeliveries(client: Client) {
    // ANCHOR: BatchCancelDeliveries
    val response = client.batchCancelDeliveries {
        filterBuilder.addWebhookIds("wh_00000000000000000000000000")
        validateOnly = true
    }
    // ANCHOR_END: BatchCancelDeliveries
    println(response)
}

private suspend fun getDeliveryStats(client: Client) {
    // ANCHOR: GetDeliveryStats
    val response = client.getDeliveryStats {
        webhookId = "wh_00000000000000000000000000"
        window = 1.days.toProto()
        bucketWidth = 1.hours.toProto()
    }
    // ANCHOR_END: GetDeliveryStats
    println(response)
}

private suspend fun getEvent(client: Client) {
    // ANCHOR: GetEvent
    val response = client.getEvent { eventId = "site-7" }
    // ANCHOR_END: GetEvent
    println(response)
}

private suspend fun explainEvent(client: Client) {
    // ANCHOR: ExplainEvent
    val response = client.explainEvent { eventId = "site-7" }
    // ANCHOR_END: ExplainEvent
    println(response)
}

private suspend fun replayEvents(client: Client) {
    // ANCHOR: ReplayEvents
    val response = client.replayEvents {
        webhookId = "wh_00000000000000000000000000"
        filterBuilder.addEventTypes("created")
        validateOnly = true
    }
    // ANCHOR_END: ReplayEvents
    println(response)
}

private suspend fun getServerInfo(client: Client) {
    // ANCHOR: GetServerInfo
    val response = client.getServerInfo {}
    // ANCHOR_END: GetServerInfo
    println(response)
}

private suspend fun listNamespaces(client: Client) {
    // ANCHOR: ListNamespaces
    val response = client.listNamespaces { pageSize = 100 }
    // ANCHOR_END: ListNamespaces
    println(response)
}

private suspend fun getWebhook(client: Client) {
    // ANCHOR: GetWebhook
    val response = client.getWebhook { webhookId = "wh_00000000000000000000000000" }
    // ANCHOR_END: GetWebhook
    println(response)
}

private suspend fun updateWebhook(client: Client) {
    // ANCHOR: UpdateWebhook
    val response = client.updateWebhook {
        webhookBuilder.setId("wh_00000000000000000000000000").setDescription("sites of the warehouse")
        updateMaskBuilder.addPaths("description")
    }
    // ANCHOR_END: UpdateWebhook
    println(response)
}

private suspend fun deleteWebhook(client: Client) {
    // ANCHOR: DeleteWebhook
    val response = client.deleteWebhook { webhookId = "wh_00000000000000000000000000" }
    // ANCHOR_END: DeleteWebhook
    println(response)
}

private suspend fun pauseWebhook(client: Client) {
    // ANCHOR: PauseWebhook
    val response = client.pauseWebhook {
        webhookId = "wh_00000000000000000000000000"
        reason = "receiver is being moved"
    }
    // ANCHOR_END: PauseWebhook
    println(response)
}

private suspend fun resumeWebhook(client: Client) {
    // ANCHOR: ResumeWebhook
    val response = client.resumeWebhook { webhookId = "wh_00000000000000000000000000" }
    // ANCHOR_END: ResumeWebhook
    println(response)
}

private suspend fun rotateSigningKey(client: Client) {
    // ANCHOR: RotateSigningKey
    val response = client.rotateSigningKey {
        webhookId = "wh_00000000000000000000000000"
        gracePeriod = 1.days.toProto()
    }
    // ANCHOR_END: RotateSigningKey
    println(response)
}

private suspend fun revokeSigningKey(client: Client) {
    // ANCHOR: RevokeSigningKey
    val response = client.revokeSigningKey {
        webhookId = "wh_00000000000000000000000000"
        keyId = "key_00000000000000000000000000"
    }
    // ANCHOR_END: RevokeSigningKey
    println(response)
}

private suspend fun renderPreview(client: Client) {
    // ANCHOR: RenderPreview
    val response = client.renderPreview { webhookId = "wh_00000000000000000000000000"; eventId = "site-7" }
    // ANCHOR_END: RenderPreview
    println(response)
}

private suspend fun testWebhook(client: Client) {
    // ANCHOR: TestWebhook
    val response = client.testWebhook { webhookId = "wh_00000000000000000000000000"; eventId = "site-7" }
    // ANCHOR_END: TestWebhook
    println(response)
}

private suspend fun publishEvent(client: Client) {
    // ANCHOR: PublishEvent
    val result = client.publish {
        id = "site-7"
        type = "created"
        objectType = "dcim.site"
        data = json(mapOf("name" to "Zürich"))
    }
    // ANCHOR_END: PublishEvent
    println(result)
}

private suspend fun batchPublishEvents(client: Client) {
    // ANCHOR: BatchPublishEvents
    val results = client.publishBatch(List(100) { event { type = "created"; data = json(it) } })
    // ANCHOR_END: BatchPublishEvents
    println(results)
}

private suspend fun streamPublishEvents(client: Client) {
    // ANCHOR: StreamPublishEvents
    val events = List(100) { event { type = "created"; data = json(it) } }
    client.publishStream(events.asFlow()).collect { ack ->
        ack.error.ifPresent { println("${ack.sequence} ${it.message}") }
    }
    // ANCHOR_END: StreamPublishEvents
}

private suspend fun createWebhook(client: Client) {
    // ANCHOR: CreateWebhook
    val created = client.createWebhook {
        displayName = "sites"
        requestBuilder.setUrl("https://example.com/hook")
        addRules(EventRule.newBuilder().addEventTypes("created").addObjectTypes("dcim.site"))
        signingBuilder.addSchemes(SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS)
    } // with the signing secret
    // ANCHOR_END: CreateWebhook
    println(created)
}

private suspend fun listWebhooks(client: Client) {
    // ANCHOR: ListWebhooks
    client.listWebhooks { putLabels("team", "net") }.collect { println("${it.id} ${it.displayName}") }
    // ANCHOR_END: ListWebhooks
}

private suspend fun listEvents(client: Client) {
    // ANCHOR: ListEvents
    client.listEvents { filterBuilder.addEventTypes("created") }.collect { println("${it.id} ${it.type}") }
    // ANCHOR_END: ListEvents
}

private suspend fun listDeliveries(client: Client) {
    // ANCHOR: ListDeliveries
    val list = client.listDeliveries { filterBuilder.addStates(DeliveryState.DELIVERY_STATE_FAILED) }
    list.deliveries.collect { println("${it.id} ${it.eventId}") }
    // ANCHOR_END: ListDeliveries
}

private suspend fun watchDeliveries(client: Client) {
    // ANCHOR: WatchDeliveries
    client.changes { position = WatchPosition.WATCH_POSITION_EARLIEST }
        .take(1) // yours would go on
        .collect { change -> println("${change.change.delivery.state} ${change.token}") }
    // ANCHOR_END: WatchDeliveries
}
