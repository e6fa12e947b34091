package io.tenterhook.kotlin

import io.tenterhook.TenterhookException
import io.tenterhook.v1.RequestTemplate
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** The calls of the API reference run, against a server that has none of what they name. */
@Timeout(60)
class ReferenceTest {
    /** What finds all that it names. */
    private val whole = setOf("PublishEvent", "CreateWebhook", "ListEvents", "WatchDeliveries")

    @Test
    fun theCallsOfTheReferenceRun(): Unit = runBlocking {
        val target = checkNotNull(System.getenv("TENTERHOOK_TARGET")) { "needs the harness: make test-clients" }
        Client(target) { namespace("reference-kotlin") }.use { client ->
            // What is watched and listed is there in any order of the calls.
            client.createWebhook {
                displayName = "first"
                setRequest(RequestTemplate.newBuilder().setUrl("http://127.0.0.1:9/"))
            }
            client.publish { type = "created" }
            for ((name, call) in referenceCalls) {
                try {
                    call(client)
                } catch (unknown: TenterhookException.NotFound) {
                    assertFalse(name in whole, "$name: ${unknown.message}")
                } catch (unknown: TenterhookException.Conflict) {
                    assertFalse(name in whole, "$name: ${unknown.message}")
                }
            }
        }
        assertTrue(referenceCalls.size >= 31)
    }
}
