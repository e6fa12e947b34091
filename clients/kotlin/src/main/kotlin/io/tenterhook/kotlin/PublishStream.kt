package io.tenterhook.kotlin

import io.tenterhook.Ack
import io.tenterhook.AsyncClient
import io.tenterhook.v1.Event
import java.util.concurrent.CompletableFuture
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.future.await
import kotlinx.coroutines.launch

internal fun publishStream(client: AsyncClient, events: Flow<Event>): Flow<Ack> = flow {
    client.publishStream().use { stream ->
        coroutineScope {
            var failure: Throwable? = null
            // Holds no more than the stream has in flight.
            val acks = Channel<CompletableFuture<Ack>>(Channel.UNLIMITED)
            val sending = sending(acks) {
                try {
                    events.collect { event ->
                        stream.ready().await()
                        acks.send(stream.publish(event))
                    }
                } catch (thrown: Throwable) {
                    ensureActive() // else it is the source that failed
                    failure = thrown
                }
                stream.finish()
            }
            // A source that waits for its next event does not see that the stream ended.
            stream.ended().whenComplete { _, _ -> sending.cancel() }
            for (ack in acks) {
                emit(ack.await())
            }
            failure?.let { throw it }
            stream.ended().await()
        }
    }
}

private fun CoroutineScope.sending(acks: Channel<*>, send: suspend CoroutineScope.() -> Unit): Job = launch {
    try {
        send()
    } finally {
        acks.close()
    }
}
