package io.tenterhook.kotlin

import io.tenterhook.AsyncWatch
import io.tenterhook.Checkpoint
import io.tenterhook.Connectivity
import kotlin.time.Duration
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.future.await
import kotlinx.coroutines.withTimeoutOrNull

/** One change of a delivery, and the token that resumes right after it. */
public typealias Change = io.tenterhook.Change

/** An endless sequence of changes; for one coroutine at a time, but [close] may be called from any thread. */
public class Watch internal constructor(private val inner: AsyncWatch) : AutoCloseable {
    /**
     * Calls [listener] when the watch has connected, and each time that it could not. It must not wait for anything.
     */
    public fun onConnectivity(listener: (Connectivity) -> Unit): Watch = apply { inner.onConnectivity(listener) }

    /**
     * Keeps in [checkpoint], such as a [io.tenterhook.FileCheckpoint], how far the program came; once it has a token the
     * watch begins there, and not where the request says. Set it before the first change is asked for.
     */
    public fun checkpoint(checkpoint: Checkpoint): Watch = apply { inner.checkpoint(checkpoint) }

    /**
     * The changes, from after the last one that was handed out. To stop collecting does not end the watch, and to
     * collect again goes on. The flow ends when the watch is closed.
     *
     * @see next for what it throws
     */
    public val changes: Flow<Change> = flow {
        while (true) {
            val change = try {
                next()
            } catch (_: NoSuchElementException) {
                return@flow
            }
            emit(change)
        }
    }

    /**
     * Waits for the next change. To cancel the wait does not end the watch; for a wait with a limit take [poll], for
     * `withTimeout` may drop a change that comes at its last moment.
     *
     * @throws io.tenterhook.TenterhookException only for what would come again, such as a token that is no longer kept,
     *     and when the client is closed
     * @throws NoSuchElementException after [close]
     */
    public suspend fun next(): Change {
        while (true) {
            // Nothing suspends between these two, so no change is taken for a coroutine that is gone.
            inner.poll().orElse(null)?.let { return it }
            inner.ready().await()
        }
    }

    /** The next change; null if none came within that time. */
    public suspend fun poll(wait: Duration): Change? {
        inner.poll().orElse(null)?.let { return it }
        withTimeoutOrNull(wait) { inner.ready().await() }
        return inner.poll().orElse(null)
    }

    /** Resumes after the last change that was handed out, or after a later bookmark. */
    public val resumeToken: String get() = inner.resumeToken()

    /** Ends the watch; a wait for its next change ends too. */
    override fun close() {
        inner.close()
    }
}
