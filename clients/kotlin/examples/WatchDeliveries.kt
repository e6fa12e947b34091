package watch

import io.tenterhook.FileCheckpoint
import io.tenterhook.kotlin.Client
import io.tenterhook.v1.WatchPosition
import java.nio.file.Path

/**
 * Follows what becomes of every delivery, and goes on where it stopped when it is started again:
 * `watch [TARGET] [TOKEN_FILE]`.
 */
suspend fun main(arguments: Array<String>) {
    val place = FileCheckpoint(Path.of(arguments.getOrElse(1) { "deliveries.token" }))
    Client(arguments.getOrElse(0) { "localhost:50051" }).use { client ->
        // The flow ends only with what would come again, such as a token that is no longer kept: what was missed is
        // then in the list of deliveries.
        client.changes(place) { position = WatchPosition.WATCH_POSITION_EARLIEST }.collect { change ->
            val delivery = change.change.delivery
            // What this does not finish comes again after a crash.
            println("${delivery.eventId} ${delivery.state}")
        }
    }
}
