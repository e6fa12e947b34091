package io.tenterhook.kotlin

import io.tenterhook.Publisher.Settings
import io.tenterhook.v1.Event
import io.tenterhook.v1.PublishResult
import java.util.concurrent.CompletableFuture
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asExecutor
import kotlinx.coroutines.future.asDeferred
import kotlinx.coroutines.future.await
import kotlinx.coroutines.sync.Semaphore

/**
 * The result to come of one event.
 *
 * @property eventId known at once: under it the event can be published again
 * @property result fails with an [io.tenterhook.TenterhookException]
 */
public class Publication internal constructor(public val eventId: String, public val result: Deferred<PublishResult>) {
    /** Waits for the result. */
    public suspend fun await(): PublishResult = result.await()
}

/**
 * Gathers events into batches by itself, which is many times faster than one call an event; safe to share between
 * coroutines. Made by [Client.publisher].
 */
public class Publisher internal constructor(client: io.tenterhook.Client, settings: Settings) {
    private val room = Semaphore(settings.outstanding)
    // The bound is `room`, for a thread must not wait here.
    private val inner = client.publisher(
        Settings(
            settings.linger,
            settings.maxEvents,
            settings.maxBytes,
            settings.inFlight,
            Int.MAX_VALUE,
            false,
            settings.timeout,
        ),
    )

    /**
     * Takes an event and gives its result to come; suspends where there is no room.
     *
     * @throws io.tenterhook.TenterhookException.Closed when the publisher or its client is closed
     */
    public suspend fun publish(event: Event): Publication {
        room.acquire()
        return take(event)
    }

    /** Takes an event: `publish { type = "created" }`. */
    public suspend fun publish(event: Event.Builder.() -> Unit): Publication =
        publish(Event.newBuilder().apply(event).build())

    /** Takes an event if there is room; else null. */
    public fun tryPublish(event: Event): Publication? = if (room.tryAcquire()) take(event) else null

    private fun take(event: Event): Publication {
        val taken = try {
            inner.publish(event)
        } catch (refused: RuntimeException) {
            room.release()
            throw refused
        }
        taken.result.whenComplete { _, _ -> room.release() }
        // A copy: who cancels it gives up the wait, and not the event.
        return Publication(taken.eventId, taken.result.copy().asDeferred())
    }

    /** Returns when every event that was taken before has its result. */
    public suspend fun flush() {
        elsewhere { inner.flush() }
    }

    /** Takes no more events, and returns when all have their results. */
    public suspend fun close() {
        elsewhere { inner.close() }
    }

    /** Waits for a thread of its own, which to cancel does not interrupt. */
    private suspend fun elsewhere(wait: () -> Unit) {
        CompletableFuture.runAsync(wait, Dispatchers.IO.asExecutor()).await()
    }
}
