package io.tenterhook.kotlin

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import io.opentelemetry.api.OpenTelemetry
import io.opentelemetry.context.Context
import io.opentelemetry.extension.kotlin.asContextElement
import io.opentelemetry.instrumentation.grpc.v1_6.GrpcTelemetry
import io.tenterhook.InvalidSignatureException
import io.tenterhook.TenterhookException
import io.tenterhook.Verifier
import io.tenterhook.v1.DeliveryFilter
import io.tenterhook.v1.ErrorReason
import io.tenterhook.v1.EventRule
import io.tenterhook.v1.RequestTemplate
import io.tenterhook.v1.SignatureScheme
import io.tenterhook.v1.SigningPolicy
import io.tenterhook.v1.WatchPosition
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Path
import kotlin.io.path.readText
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.flow.asFlow
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** The program of the README, against a real server. Every snippet stands here word for word. */
@Timeout(60)
class ReadmeTest {
    private val target = checkNotNull(System.getenv("TENTERHOOK_TARGET")) { "needs the harness: make test-clients" }
    private var storedToken = ""

    @Test
    fun theProgramOfTheReadmeRuns(): Unit = runBlocking {
        val client = Client(target)
        val webhookId = publishes(client)
        watches(client, webhookId)
        fails(client)
        client.pauseWebhook { this.webhookId = webhookId; reason = "receiver is being moved" }
        client.deleteWebhook { this.webhookId = webhookId }
        client.close()
        assertFalse(storedToken.isEmpty())
    }

    private suspend fun publishes(client: Client): String {
        val created = client.createWebhook {
            displayName = "inventory-kotlin"
            setRequest(RequestTemplate.newBuilder().setUrl("http://127.0.0.1:9000/hook"))
            addRules(EventRule.newBuilder().addEventTypes("created").addEventTypes("updated"))
            setSigning(SigningPolicy.newBuilder().addSchemes(SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS))
        }
        val secret = created.signingSecret
        assertTrue(secret.startsWith("whsec_"))

        val result = client.publish {
            type = "created"
            objectType = "dcim.site"
            data = json(mapOf("id" to 7, "name" to "Zürich"))
            username = "jstretch"
        }
        println("${result.eventId} ${result.deliveryCount}")
        assertEquals(1, result.deliveryCount)

        val events = List(100) { event { type = "updated"; data = json(it) } }
        client.publishBatch(events)

        client.publishStream(events.asFlow()).collect { ack ->
            ack.error.ifPresent { println("${ack.sequence} ${it.message}") }
        }

        client.publisher {
            for (site in 1..1000) {
                publish { type = "updated"; data = json(site) }
            }
        }
        return created.webhook.id
    }

    private suspend fun watches(client: Client, webhookId: String) {
        val ours = DeliveryFilter.newBuilder().addWebhookIds(webhookId).build()
        client.changes { filter = ours; position = WatchPosition.WATCH_POSITION_EARLIEST }
            .take(1) // yours would go on
            .collect { change ->
                println(change.change.delivery.state)
                storedToken = change.token
            }

        val list = client.listDeliveries { filter = ours }
        list.deliveries.collect { println(it.id) }
        client.watch { filter = ours; resumeToken = list.resumeToken }.use { watch ->
            println(watch.poll(10.milliseconds))
        }
    }

    private suspend fun fails(client: Client) {
        try {
            client.publish { username = "jstretch" }
        } catch (error: TenterhookException.Invalid) {
            error.fieldViolations().forEach { println("${it.field} ${it.description}") }
        }
        try {
            client.getWebhook { webhookId = "wh_00000000000000000000000000" }
        } catch (error: TenterhookException.NotFound) {
            println(error.reason() == ErrorReason.ERROR_REASON_WEBHOOK_NOT_FOUND)
        }
        val invalid = runCatching { client.publish { username = "jstretch" } }.exceptionOrNull()
        assertEquals("event.type", (invalid as TenterhookException.Invalid).fieldViolations().first().field)
    }

    private fun receives(exchange: HttpExchange, receiver: Receiver) {
        val body = exchange.requestBody.readAllBytes()
        val status = runBlocking { receiver.receive(exchange.requestHeaders::getFirst, body) }
        exchange.sendResponseHeaders(status, -1)
    }

    private fun verifies(exchange: HttpExchange, secret: String) {
        val body = exchange.requestBody.readAllBytes()
        try {
            Verifier.verify(exchange.requestHeaders::getFirst, body, secret)
            exchange.sendResponseHeaders(204, -1)
        } catch (refused: InvalidSignatureException) {
            exchange.sendResponseHeaders(401, -1)
        }
    }

    @Test
    fun theReceiversOfTheReadmeRefuseWhatIsNotSigned() {
        val secret = "whsec_c2VjcmV0"
        val receiver = Receiver(secret) { event ->
            println("${event.id} ${event.type} ${event.dataAs<Map<String, Any>>()}")
        }
        val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
        server.createContext("/receives") { receives(it, receiver) }
        server.createContext("/verifies") { verifies(it, secret) }
        server.start()
        for (path in listOf("receives", "verifies")) {
            val url = URI.create("http://127.0.0.1:${server.address.port}/$path")
            val request = HttpRequest.newBuilder(url).POST(HttpRequest.BodyPublishers.ofString("{}")).build()
            val response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding())
            assertEquals(401, response.statusCode(), path)
        }
        server.stop(0)
    }

    @Test
    fun tlsAsInTheReadmeRefusesWhatIsNoCertificate() {
        val (authorities, certificate, key) = listOf(1, 2, 3).map { byteArrayOf(it.toByte()) }
        assertThrows(IllegalArgumentException::class.java) {
            val secure = Client("hooks.example.com:443") {
                apiKey("th_…")
                ca(authorities)
                identity(certificate, key)
            }
            secure.close()
        }
    }

    /** What it does is tested by [TracingTest]. */
    @Test
    fun theInterceptorOfOpenTelemetryIsTaken(): Unit = runBlocking {
        val openTelemetry = OpenTelemetry.noop()
        val context = Context.current()
        val client = Client(target) { interceptors(GrpcTelemetry.create(openTelemetry).createClientInterceptor()) }
        withContext(context.asContextElement()) {
            client.publish { type = "created" }
        }
        client.close()
    }

    @Test
    fun everySnippetStandsHere() {
        val here = Path.of("src/test/kotlin/io/tenterhook/kotlin/ReadmeTest.kt").readText()
        val source = tight(here).replace("Client(target)", "Client(\"localhost:50051\")")
        val snippets = Regex("```kotlin\n(.*?)```", RegexOption.DOT_MATCHES_ALL)
            .findAll(Path.of("README.md").readText())
            .map { it.groupValues[1] }
            .filterNot { it.startsWith("implementation(") } // Gradle's
            .toList()
        snippets.forEach { assertTrue(tight(it) in source, "is not in ReadmeTest.kt:\n$it") }
        assertTrue(snippets.size >= 12, "snippets: ${snippets.size}")
    }

    private fun tight(text: String): String = text.replace(Regex("\\s+"), "")
}
