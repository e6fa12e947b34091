package bench

import com.google.common.util.concurrent.ListenableFuture
import com.google.gson.Gson
import io.grpc.Grpc
import io.grpc.InsecureChannelCredentials
import io.grpc.stub.StreamObserver
import io.tenterhook.kotlin.Client
import io.tenterhook.kotlin.event
import io.tenterhook.kotlin.json
import io.tenterhook.v1.BatchPublishEventsRequest
import io.tenterhook.v1.Event
import io.tenterhook.v1.EventServiceGrpc
import io.tenterhook.v1.JsonDocument
import io.tenterhook.v1.PublishEventRequest
import io.tenterhook.v1.StreamPublishEventsRequest
import io.tenterhook.v1.StreamPublishEventsResponse
import java.util.UUID
import java.util.concurrent.atomic.AtomicInteger
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlin.system.exitProcess
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.count
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.sync.Semaphore

private const val IN_FLIGHT = 64
private val NUMBERS = AtomicInteger()
private val COMMENTS = "x".repeat(1000)
private val GSON = Gson()

private data class Site(val id: Int, val name: String, val comments: String)

private fun value() = Site(NUMBERS.incrementAndGet(), "Zürich", COMMENTS)

/** An event as a user of the client makes it. */
private fun made(): Event = event {
    type = "updated"
    objectType = "dcim.site"
    data = json(value())
}

/** An event as a user of the generated code makes it. */
private fun message(): Event = Event.newBuilder()
    .setId(UUID.randomUUID().toString())
    .setType("updated")
    .setObjectType("dcim.site")
    .setData(JsonDocument.newBuilder().setJson(GSON.toJson(value())))
    .build()

private interface Way {
    val name: String

    suspend fun unary()

    suspend fun batch()

    suspend fun stream(end: Long): Int
}

private class OfClient(private val client: Client) : Way {
    override val name = "client"

    override suspend fun unary() {
        client.publish(made())
    }

    override suspend fun batch() {
        client.publishBatch(List(IN_FLIGHT) { made() })
    }

    override suspend fun stream(end: Long): Int =
        client.publishStream(flow { while (System.nanoTime() < end) emit(made()) }).count()
}

private suspend fun <T> ListenableFuture<T>.await(): T = suspendCancellableCoroutine { waiting ->
    addListener({
        try {
            waiting.resume(get())
        } catch (failed: java.util.concurrent.ExecutionException) {
            waiting.resumeWithException(failed)
        }
    }, Runnable::run)
}

private class OfStub(channel: io.grpc.Channel) : Way {
    private val futures = EventServiceGrpc.newFutureStub(channel)
    private val stub = EventServiceGrpc.newStub(channel)
    override val name = "stub"

    override suspend fun unary() {
        futures.publishEvent(PublishEventRequest.newBuilder().setEvent(message()).build()).await()
    }

    override suspend fun batch() {
        val events = List(IN_FLIGHT) { message() }
        futures.batchPublishEvents(BatchPublishEventsRequest.newBuilder().addAllEvents(events).build()).await()
    }

    override suspend fun stream(end: Long): Int {
        val room = Semaphore(256)
        val done = CompletableDeferred<Int>()
        val requests = stub.streamPublishEvents(object : StreamObserver<StreamPublishEventsResponse> {
            private var count = 0

            override fun onNext(response: StreamPublishEventsResponse) {
                count++
                room.release()
            }

            override fun onError(thrown: Throwable) {
                done.completeExceptionally(thrown)
            }

            override fun onCompleted() {
                done.complete(count)
            }
        })
        var sent = 0L
        while (System.nanoTime() < end) {
            room.acquire()
            requests.onNext(StreamPublishEventsRequest.newBuilder().setSequence(sent++).setEvent(message()).build())
        }
        requests.onCompleted()
        return done.await()
    }
}

/** Publishes until the end and tells how many events. */
private suspend fun slice(publisher: Way, way: String, end: Long): Int = when (way) {
    "unary" -> coroutineScope {
        List(IN_FLIGHT) {
            async(Dispatchers.Default) {
                var published = 0
                while (System.nanoTime() < end) {
                    publisher.unary()
                    published++
                }
                published
            }
        }.awaitAll().sum()
    }
    "batch" -> {
        var count = 0
        while (System.nanoTime() < end) {
            publisher.batch()
            count += IN_FLIGHT
        }
        count
    }
    else -> publisher.stream(end)
}

/**
 * How fast the client publishes, beside the bare generated stub: see docs/BENCHMARKS.md. `bench TARGET ROUNDS SLICE_MS`
 * prints a line for each slice: way, who, events, seconds.
 */
fun main(arguments: Array<String>): Unit = runBlocking(Dispatchers.Default) {
    val rounds = arguments[1].toInt()
    val time = arguments[2].toLong() * 1_000_000
    val client = OfClient(Client(arguments[0]))
    val stub = OfStub(Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create()).build())
    for (way in listOf("unary", "batch", "stream")) {
        for (round in 0..rounds) {
            // Each is first as often as the other; the first round only warms up.
            for (publisher in if (round % 2 == 0) listOf(client, stub) else listOf(stub, client)) {
                val start = System.nanoTime()
                val count = slice(publisher, way, start + time)
                if (round > 0) {
                    println("$way ${publisher.name} $count ${(System.nanoTime() - start) / 1e9}")
                }
            }
        }
    }
    exitProcess(0)
}
