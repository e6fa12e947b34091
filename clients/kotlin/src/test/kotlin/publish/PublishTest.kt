package publish

import io.tenterhook.Verifier
import io.tenterhook.kotlin.testing.testClient
import io.tenterhook.kotlin.testing.waitFor
import io.tenterhook.testing.RecordingReceiver
import io.tenterhook.testing.TestServer
import io.tenterhook.v1.DeliveryState
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** How the service of `examples/Publish.kt` is tested: with the server itself, in memory. */
@Timeout(60)
class PublishTest {
    private val secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    @Test
    fun aSavedSiteIsToldOnce(): Unit = TestServer.start().use { server ->
        RecordingReceiver().use { receiver ->
            testClient(server).use { client ->
                runBlocking {
                    subscribe(client, receiver.url(), secret)
                    repeat(2) { Sites(client).save(Site(7, "Zürich", 1)) }
                    client.waitFor("site-7-1")
                }
            }
            val request = receiver.requests().single()
            assertEquals("site-7-1", Verifier.event(request.headers()::get, request.body(), secret).id())
        }
    }

    @Test
    fun aWaitSeesHowItEnds(): Unit = TestServer.start().use { server ->
        RecordingReceiver(410).use { receiver ->
            testClient(server).use { client ->
                runBlocking {
                    subscribe(client, receiver.url(), secret)
                    Sites(client).save(Site(7, "Zürich", 1))
                    val failed = DeliveryState.DELIVERY_STATE_FAILED
                    assertEquals(410, client.waitFor("site-7-1", failed).single().getAttempts(0).response.status)
                    val ended = late { client.waitFor("site-7-1", within = 10.seconds) }
                    assertTrue("is FAILED: " in ended, ended)
                    client.publish { id = "nobody"; type = "created" }
                    val none = late { client.waitFor("nobody", within = 100.milliseconds) }
                    assertTrue("it has no delivery" in none, none)
                }
            }
        }
    }

    private fun late(wait: suspend () -> Unit): String =
        assertThrows(AssertionError::class.java) { runBlocking { wait() } }.message!!
}
