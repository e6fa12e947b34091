package watch

import io.tenterhook.kotlin.Client
import io.tenterhook.v1.WatchPosition
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.nio.file.StandardOpenOption
import kotlin.io.path.exists
import kotlin.io.path.readText

/** All of it or nothing, also over a crash of the machine. */
private fun store(place: Path, token: String) {
    val next = Path.of("$place.new")
    Files.writeString(next, token)
    // It is on the disk before it takes the place of the one before.
    FileChannel.open(next, StandardOpenOption.WRITE).use { it.force(true) }
    Files.move(next, place, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING)
}

/**
 * Follows what becomes of every delivery, and goes on where it stopped when it is started again:
 * `watch [TARGET] [TOKEN_FILE]`.
 */
suspend fun main(arguments: Array<String>) {
    val place = Path.of(arguments.getOrElse(1) { "deliveries.token" })
    Client(arguments.getOrElse(0) { "localhost:50051" }).use { client ->
        // The flow ends only with what would come again, such as a token that is no longer kept: what was missed is
        // then in the list of deliveries.
        val changes = client.changes {
            if (place.exists()) resumeToken = place.readText() else position = WatchPosition.WATCH_POSITION_EARLIEST
        }
        changes.collect { change ->
            val delivery = change.change.delivery
            println("${delivery.eventId} ${delivery.state}")
            // Only now: what was not acted on comes again after a crash.
            store(place, change.token)
        }
    }
}
