package io.tenterhook.kotlin

import io.tenterhook.ClientBuilder
import io.tenterhook.Json
import io.tenterhook.WebhookEvent
import io.tenterhook.v1.Event
import io.tenterhook.v1.JsonDocument
import kotlin.time.Duration
import kotlin.time.toJavaDuration

/** An event: `event { type = "created" }`. */
public inline fun event(fields: Event.Builder.() -> Unit): Event = Event.newBuilder().apply(fields).build()

/** A JSON value of maps, lists, texts, numbers, booleans, data classes or null. */
public fun json(value: Any?): JsonDocument = Json.of(value)

/** The value of a document that the server sent; null when it is unset. */
public inline fun <reified T : Any> JsonDocument.read(): T? = Json.read(this, T::class.java)

/** The data of a delivered event; null if there is none. */
public inline fun <reified T : Any> WebhookEvent.dataAs(): T? = data(T::class.java)

/** Time for one call, its retries included; 10 seconds unless set, and 70 for `testWebhook`. */
public fun ClientBuilder.timeout(timeout: Duration): ClientBuilder = timeout(timeout.toJavaDuration())
