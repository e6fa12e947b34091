package publish

import io.tenterhook.TenterhookException
import io.tenterhook.kotlin.Client
import io.tenterhook.kotlin.json
import io.tenterhook.v1.EventRule
import io.tenterhook.v1.RequestTemplate
import io.tenterhook.v1.SignatureScheme
import io.tenterhook.v1.SigningPolicy

internal data class Site(val id: Int, val name: String, val revision: Int)

/** What the service is about; it has one client for its whole life. */
internal class Sites(private val client: Client) {
    suspend fun save(site: Site) {
        val result = client.publish {
            // The id names what happened, so that telling it twice makes no second event.
            id = "site-${site.id}-${site.revision}"
            type = "updated"
            objectType = "dcim.site"
            data = json(site)
            orderingKey = "site-${site.id}"
        }
        println("${result.eventId} ${if (result.duplicate) "known" else "new"}")
    }
}

/** Makes the webhook, unless an earlier run did. */
internal suspend fun subscribe(client: Client, url: String, secret: String) {
    try {
        client.createWebhook(secret) {
            displayName = "sites"
            setRequest(RequestTemplate.newBuilder().setUrl(url))
            addRules(EventRule.newBuilder().addObjectTypes("dcim.site"))
            setSigning(SigningPolicy.newBuilder().addSchemes(SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS))
        }
    } catch (there: TenterhookException.Conflict) {
        System.err.println("the webhook is there: ${there.message}")
    }
}

/** A service that tells what happens to its sites: `publish [TARGET] [RECEIVER_URL] [SECRET] [REVISION]`. */
suspend fun main(arguments: Array<String>) {
    val target = arguments.getOrElse(0) { "localhost:50051" }
    val url = arguments.getOrElse(1) { "http://127.0.0.1:9000/hook" }
    val secret = arguments.getOrElse(2) { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }
    val revision = arguments.getOrElse(3) { "1" }.toInt()
    Client(target).use { client ->
        subscribe(client, url, secret)
        val sites = Sites(client)
        listOf("Zürich", "Genève", "Lugano").forEachIndexed { id, name -> sites.save(Site(id, name, revision)) }
    }
}
