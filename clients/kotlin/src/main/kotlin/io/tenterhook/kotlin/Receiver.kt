package io.tenterhook.kotlin

import io.tenterhook.InvalidSignatureException
import io.tenterhook.MisconfiguredException
import io.tenterhook.Seen
import io.tenterhook.Verifier
import io.tenterhook.WebhookEvent

/**
 * Decides over whole requests, for receivers in any framework.
 *
 * @param secrets all that are live while keys are rotated
 * @param verifier how requests are checked
 * @param seen which deliveries were handled
 * @param maxBytes the largest body to take
 * @param handler handles an event; when it throws answer 500, and the event comes again
 */
public class Receiver(
    private vararg val secrets: String,
    private val verifier: Verifier = Verifier.DEFAULT,
    private val seen: Seen = Seen.recent(RECENT),
    private val maxBytes: Int = MAX_BYTES,
    private val handler: suspend (WebhookEvent) -> Unit,
) {
    /**
     * Handles the event of a request, unless it was handled before.
     *
     * @param header gives a header by its name without case
     * @param body as it arrived
     * @return the status of the response: 204, 401 for a request that must not be trusted, 413 for too large a body,
     *     500 where the receiver is misconfigured, which is logged
     */
    public suspend fun receive(header: (String) -> String?, body: ByteArray): Int {
        if (body.size > maxBytes) {
            return 413
        }
        val event = try {
            verifier.parse(header, body, secrets.asList())
        } catch (refused: InvalidSignatureException) {
            LOG.log(System.Logger.Level.WARNING, "refused a webhook: {0}", refused.message)
            return 401
        } catch (wrong: MisconfiguredException) {
            LOG.log(System.Logger.Level.ERROR, "cannot receive webhooks: {0}", wrong.message)
            return 500
        }
        if (event.id.isEmpty() || !seen.has(event.id)) {
            handler(event)
            if (event.id.isNotEmpty()) {
                seen.add(event.id)
            }
        }
        return 204
    }

    private companion object {
        /** 1 MiB: the largest body that the server sends. */
        const val MAX_BYTES = io.tenterhook.Receiver.MAX_BYTES
        const val RECENT = 10_000
        val LOG: System.Logger = System.getLogger(Receiver::class.java.name)
    }
}
