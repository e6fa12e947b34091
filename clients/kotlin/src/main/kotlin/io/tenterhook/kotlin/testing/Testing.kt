/** What the kit of the Java client, [io.tenterhook.testing], lacks for tests of your own in coroutines. */
package io.tenterhook.kotlin.testing

import io.tenterhook.kotlin.Client
import io.tenterhook.testing.TestServer
import io.tenterhook.v1.Delivery
import io.tenterhook.v1.DeliveryFilter
import io.tenterhook.v1.DeliveryState
import java.util.UUID
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.withTimeout

/** A client of [server] in a namespace of its own, so that tests do not see each other. Close it. */
public fun testClient(server: TestServer): Client =
    Client(server.target()) { namespace("test-" + UUID.randomUUID().toString().replace("-", "").take(12)) }

/**
 * The deliveries of the event, with their attempts, when there are some and all are in [state].
 *
 * @throws AssertionError at once when one ends in another state, and when it takes longer than [within]
 */
public suspend fun Client.waitFor(
    eventId: String,
    state: DeliveryState = DeliveryState.DELIVERY_STATE_SUCCEEDED,
    within: Duration = 10.seconds,
): List<Delivery> {
    val states = mutableMapOf<String, DeliveryState>()
    try {
        withTimeout(within) { follow(eventId, state, states) }
    } catch (_: TimeoutCancellationException) {
        val told = if (states.isEmpty()) "it has no delivery" else states.toString()
        throw AssertionError("event $eventId is not ${state.word} within $within: $told")
    }
    return states.keys.map { getDelivery(it) }
}

/** Keeps the states of the event's deliveries until all are in that state. */
private suspend fun Client.follow(eventId: String, wanted: DeliveryState, states: MutableMap<String, DeliveryState>) {
    val ofEvent = DeliveryFilter.newBuilder().addEventIds(eventId).build()
    val list = listDeliveries { filter = ofEvent }
    list.deliveries.collect { states[it.id] = it.state }
    watch { filter = ofEvent; resumeToken = list.resumeToken }.use { watch ->
        while (states.isEmpty() || states.values.any { it != wanted }) {
            states.entries.find { (_, state) -> wanted.isFinal && state.isFinal && state != wanted }
                ?.let { (id, _) -> throw endedOtherwise(getDelivery(id)) }
            val delivery = watch.next().change.delivery
            states[delivery.id] = delivery.state
        }
    }
}

private fun endedOtherwise(delivery: Delivery): AssertionError {
    val why = delivery.attemptsList.lastOrNull()?.error ?: "it was not tried"
    return AssertionError("delivery ${delivery.id} of event ${delivery.eventId} is ${delivery.state.word}: $why")
}

private val DeliveryState.word: String get() = name.removePrefix("DELIVERY_STATE_")

private val DeliveryState.isFinal: Boolean
    get() = this == DeliveryState.DELIVERY_STATE_SUCCEEDED ||
        this == DeliveryState.DELIVERY_STATE_FAILED ||
        this == DeliveryState.DELIVERY_STATE_CANCELLED
