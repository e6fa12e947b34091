package io.tenterhook.kotlin

import com.google.protobuf.Timestamp
import io.tenterhook.ClientBuilder
import io.tenterhook.Json
import io.tenterhook.WebhookEvent
import io.tenterhook.v1.Event
import io.tenterhook.v1.JsonDocument
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.toJavaDuration
import kotlin.time.toKotlinDuration
import com.google.protobuf.Duration as ProtoDuration

/** An event: `event { type = "created" }`. */
public inline fun event(fields: Event.Builder.() -> Unit): Event = Event.newBuilder().apply(fields).build()

/**
 * A JSON value of maps, lists, texts, numbers, booleans, times of `java.time` (as ISO 8601), data classes of them, or
 * null.
 *
 * @throws IllegalArgumentException for anything else, such as NaN
 */
public fun json(value: Any?): JsonDocument = Json.of(value)

/** The value of a document that the server sent; null when it is unset. */
public inline fun <reified T : Any> JsonDocument.read(): T? = Json.read(this, T::class.java)

/** A time as the API takes it. */
public fun Instant.toTimestamp(): Timestamp = Json.time(this)

/** A time that the server sent. */
public fun Timestamp.toInstant(): Instant = Json.instant(this)

/** A duration as the API takes it. */
public fun Duration.toProto(): ProtoDuration = Json.duration(toJavaDuration())

/** A duration that the server sent. */
public fun ProtoDuration.toKotlin(): Duration = Json.duration(this).toKotlinDuration()

/** The data of a delivered event; null if there is none. */
public inline fun <reified T : Any> WebhookEvent.dataAs(): T? = data(T::class.java)

/** Time for one call, its retries included; 10 seconds unless set, and 70 for `testWebhook`. */
public fun ClientBuilder.timeout(timeout: Duration): ClientBuilder = timeout(timeout.toJavaDuration())
