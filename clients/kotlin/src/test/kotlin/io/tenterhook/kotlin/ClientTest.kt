package io.tenterhook.kotlin

import com.sun.net.httpserver.HttpServer
import io.grpc.MethodDescriptor.MethodType
import io.tenterhook.Verifier
import io.tenterhook.v1.EventRule
import io.tenterhook.v1.RequestTemplate
import io.tenterhook.v1.SignatureScheme
import io.tenterhook.v1.SigningPolicy
import io.tenterhook.v1.WatchPosition
import java.net.InetAddress
import java.net.InetSocketAddress
import java.time.Duration
import java.util.UUID
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import io.tenterhook.Publisher.Settings

/** What the shared scenarios cannot see. */
@Timeout(60)
class ClientTest {
    @Test
    fun unsignedNumbersAreJsonAndADurationIsNot() {
        val unsigned = listOf(ULong.MAX_VALUE, UInt.MAX_VALUE, UByte.MAX_VALUE)
        assertEquals("{\"n\":[18446744073709551615,4294967295,255]}", json(mapOf("n" to unsigned)).json)
        val refused = assertThrows(IllegalArgumentException::class.java) { json(listOf(5.seconds)) }
        assertEquals("a kotlin.time.Duration has no JSON: give a map, a record, a text or a number", refused.message)
    }

    private val target = checkNotNull(System.getenv("TENTERHOOK_TARGET")) { "needs the harness: make test-clients" }
    private val client = Client(target) { namespace("kotlin-" + UUID.randomUUID().toString().take(8)) }

    @AfterEach
    fun close() {
        client.close()
    }

    @Test
    fun everyMethodThatIsNoStreamIsThereByItsName() {
        val ours = mapOf("publishEvent" to "publish", "batchPublishEvents" to "publishBatch")
        val there = Client::class.java.methods.map { it.name }.toSet()
        val wanted = METHODS.filter { it.type == MethodType.UNARY }
            .map { it.bareMethodName.orEmpty().replaceFirstChar(Char::lowercase) }
            .map { ours[it] ?: it }
        assertEquals(emptyList<String>(), wanted.filterNot { it in there })
        assertTrue(wanted.size >= 29, "methods: ${wanted.size}")
    }

    private suspend fun subscribe(url: String, secret: String) {
        client.createWebhook(secret) {
            displayName = "all"
            setRequest(RequestTemplate.newBuilder().setUrl(url))
            addRules(EventRule.newBuilder().addEventTypes("created"))
            setSigning(SigningPolicy.newBuilder().addSchemes(SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS))
        }
    }

    @Test
    fun noChangeIsLostWhileWaitsAreCancelled() = runBlocking {
        subscribe("http://127.0.0.1:9/hook", "")
        val ids = List(100) { "e$it" }
        client.watch { position = WatchPosition.WATCH_POSITION_EARLIEST }.use { watch ->
            val publishing = launch { ids.forEach { event -> client.publish { id = event; type = "created" } } }
            val seen = mutableSetOf<String>()
            while (seen.size < ids.size) {
                // Some of these end while they are handed a change.
                val wait = launch(Dispatchers.Default) { seen.add(watch.next().change.delivery.eventId) }
                wait.cancel()
                wait.join()
                watch.poll(1.milliseconds)?.let { seen.add(it.change.delivery.eventId) }
            }
            assertEquals(ids.toSet(), seen)
            publishing.join()
        }
    }

    @Test
    fun changesGoOnWhereTheyWereLeft() = runBlocking {
        subscribe("http://127.0.0.1:9/hook", "")
        client.publishBatch(List(20) { event { id = "e$it"; type = "created" } })
        client.watch { position = WatchPosition.WATCH_POSITION_EARLIEST }.use { watch ->
            val marks = List(4) { watch.changes.take(5).toList() }.flatten()
                .map { "${it.change.delivery.id} ${it.change.delivery.state} ${it.change.delivery.attemptCount}" }
            assertEquals(20, marks.toSet().size)
            launch { watch.close() }
            watch.changes.toList() // ends with the watch
            assertTrue(watch.resumeToken.isNotEmpty())
        }
    }

    @Test
    fun aStreamEndsWithItsServerWhileItsSourceWaits() = runBlocking {
        val acks = client.publishStream(
            flow {
                emit(event { type = "created" })
                awaitCancellation()
            },
        )
        val first = Channel<Boolean>(1)
        val collecting = launch(Dispatchers.Default) {
            val ended = runCatching { acks.collect { first.send(it.result.isPresent) } }
            assertTrue(ended.exceptionOrNull() is io.tenterhook.TenterhookException.Closed, "$ended")
        }
        assertTrue(first.receive())
        client.close()
        withTimeout(10.seconds) { collecting.join() }
    }

    @Test
    fun aPublisherEndsWithItsBlockAlsoWhenThatIsCancelled() = runBlocking {
        val lingering = Settings(Duration.ofSeconds(30), 500, 1 shl 20, 4, 10, false, Duration.ofSeconds(60))
        lateinit var publication: Publication
        val taken = Channel<Unit>(1)
        val publishing = launch {
            client.publisher(lingering) {
                publication = publish { type = "created" }
                taken.send(Unit)
                awaitCancellation()
            }
        }
        taken.receive()
        publishing.cancel()
        publishing.join()
        assertTrue(publication.result.isCompleted)
        assertEquals(publication.eventId, publication.await().eventId)
        assertEquals(publication.eventId, client.listEvents().first().id)
    }

    @Test
    fun aPublisherWithoutRoomSuspends() = runBlocking {
        val narrow = Settings(Duration.ofSeconds(30), 500, 1 shl 20, 4, 2, false, Duration.ofSeconds(60))
        client.publisher(narrow) {
            publish { type = "created" }
            publish { type = "created" }
            assertNull(tryPublish(event { type = "created" }))
            val third = launch { publish { type = "created" } }
            withContext(Dispatchers.Default) { flush() }
            third.join()
        }
        assertEquals(3, client.listEvents().toList().size)
    }

    @Test
    fun aReceiverHandlesRealDeliveriesOnceAndWithoutBlocking() = runBlocking {
        val secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        val handled = Channel<io.tenterhook.WebhookEvent>(Channel.UNLIMITED)
        val receiver = Receiver(secret) { event -> handled.send(event) }
        val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
        server.createContext("/hook") { exchange ->
            val body = exchange.requestBody.readAllBytes()
            // As if the response to the first had been lost.
            val statuses = List(2) { runBlocking { receiver.receive(exchange.requestHeaders::getFirst, body) } }
            exchange.sendResponseHeaders(statuses.last(), -1)
            exchange.close()
        }
        server.start()
        subscribe("http://127.0.0.1:${server.address.port}/hook", secret)
        val published = client.publish { type = "created"; data = json(mapOf("name" to "Zürich")) }
        val event = handled.receive()
        assertEquals(published.eventId, event.id)
        assertEquals("Zürich", event.dataAs<Map<String, Any>>()?.get("name"))
        assertTrue(handled.tryReceive().isFailure)
        server.stop(0)
    }

    @Test
    fun aReceiverAnswersWhatItMustNotTrust() = runBlocking {
        val secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        val body = """{"event":"created","timestamp":"2026-11-28T00:00:00Z"}""".toByteArray()
        val headers = Verifier.DEFAULT.signForTest("e1", body, secret)
        suspend fun status(receiver: Receiver, given: ByteArray) = receiver.receive(headers::get, given)
        var calls = 0
        val receiver = Receiver(secret, maxBytes = 100) { if (++calls == 1) error("the database is away") }
        assertTrue(runCatching { status(receiver, body) }.isFailure)
        assertEquals(204, status(receiver, body)) // what failed is not known
        assertEquals(204, status(receiver, body))
        assertEquals(2, calls)
        assertEquals(401, status(receiver, body + 1))
        assertEquals(413, status(receiver, ByteArray(101)))
        assertEquals(500, status(Receiver("") {}, body))
    }

    @Test
    fun callsNeedNoThreadEach() = runBlocking {
        val calls = List(500) { launch { client.publish { type = "created" } } }
        withTimeout(30.seconds) { calls.joinAll() }
        assertEquals(500, client.listEvents { pageSize = 100 }.toList().size)
    }
}
