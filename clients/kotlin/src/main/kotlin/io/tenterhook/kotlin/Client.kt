package io.tenterhook.kotlin

import io.grpc.Channel
import io.grpc.MethodDescriptor
import io.tenterhook.Ack
import io.tenterhook.AsyncClient
import io.tenterhook.AsyncPages
import io.tenterhook.Checkpoint
import io.tenterhook.ClientBuilder
import io.tenterhook.Publisher.Settings
import io.tenterhook.v1.CreateWebhookResponse
import io.tenterhook.v1.Delivery
import io.tenterhook.v1.Event
import io.tenterhook.v1.ListDeliveriesRequest
import io.tenterhook.v1.ListEventsRequest
import io.tenterhook.v1.ListWebhooksRequest
import io.tenterhook.v1.PublishResult
import io.tenterhook.v1.WatchDeliveriesRequest
import io.tenterhook.v1.Webhook
import kotlin.time.Duration
import kotlin.time.toJavaDuration
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.future.await
import kotlinx.coroutines.withContext
import io.tenterhook.Client as JavaClient

/**
 * A client of one Tenterhook server; safe to share between coroutines and threads. A call that fails throws an
 * [io.tenterhook.TenterhookException]; to cancel the coroutine gives up its call.
 */
public class Client internal constructor(private val inner: AsyncClient) : Methods(), AutoCloseable {
    /**
     * A client of the server at [target], `host:port` or a URL such as `https://hooks.example.com`. TLS is used unless
     * the host is this machine or the target begins with `http://`. It connects at its first call.
     *
     * @param configure sets the key, certificates and other options
     * @throws IllegalArgumentException for a bad target or certificate, and when a key would be sent to another machine
     *     without TLS
     */
    public constructor(target: String, configure: ClientBuilder.() -> Unit = {}) :
        this(JavaClient.builder(target).apply(configure).build().async())

    public companion object {
        /**
         * A client with the settings of the environment, such as `TENTERHOOK_ADDRESS` and `TENTERHOOK_API_KEY`; see
         * [JavaClient.fromEnv].
         *
         * @throws IllegalArgumentException that names every variable at fault
         */
        public fun fromEnv(
            environment: Map<String, String> = System.getenv(),
            configure: ClientBuilder.() -> Unit = {},
        ): Client = Client(JavaClient.builder(environment).apply(configure).build().async())
    }

    /**
     * Ends the connection and everything on it: calls, streams and watches fail with
     * [io.tenterhook.TenterhookException.Closed], those in flight and later ones. May be called again, from any thread.
     */
    override fun close() {
        inner.close()
    }

    /** The connection, with the key and headers: for generated stubs of your own. */
    public val channel: Channel get() = inner.blocking().channel()

    /**
     * Returns when the server can be reached and knows the key, without a second try: for the start of a program, and
     * for its health check. It takes at most 5 seconds.
     *
     * @throws io.tenterhook.TenterhookException what is in the way
     */
    public suspend fun ping() {
        inner.ping().await()
    }

    override suspend fun <Q : Any, R : Any> call(method: MethodDescriptor<Q, R>, request: Q): R =
        inner.call(method, request).await()

    /** Calls a method within that time, retries included. */
    public suspend fun <Q : Any, R : Any> call(method: MethodDescriptor<Q, R>, request: Q, timeout: Duration): R =
        inner.call(method, request, timeout.toJavaDuration()).await()

    /**
     * Publishes one event. When this returns the event is on the server's disk. An event without an id gets one here,
     * so that a retry makes no second event.
     */
    public suspend fun publish(event: Event): PublishResult = inner.publish(event).await()

    /** Publishes one event: `client.publish { type = "created" }`. */
    public suspend fun publish(event: Event.Builder.() -> Unit): PublishResult =
        publish(Event.newBuilder().apply(event).build())

    /** Publishes up to 1,000 events, all or none, in order. */
    public suspend fun publishBatch(events: Iterable<Event>): List<PublishResult> = inner.publishBatch(events).await()

    /**
     * Publishes events as they come and emits what became of each, in order; one bad event does not end it. When the
     * flow fails, events without an acknowledgement may be published again under their ids. What [events] itself throws
     * is thrown after the acknowledgements of what came before it. 256 events are sent ahead of their acknowledgements.
     */
    public fun publishStream(events: Flow<Event>): Flow<Ack> = publishStream(inner, events)

    /**
     * Runs [block] with a publisher that gathers events into batches by itself, which is many times faster, and returns
     * when every event that it took has its result; also when the block throws or is cancelled, for which it may take
     * as long as `timeout` of the settings.
     */
    public suspend fun <T> publisher(settings: Settings = Settings.DEFAULT, block: suspend Publisher.() -> T): T {
        val publisher = openPublisher(settings)
        try {
            return publisher.block()
        } finally {
            withContext(NonCancellable) { publisher.close() }
        }
    }

    /** A publisher that lives as long as your program; close it. `failWhenFull` of the settings has no effect. */
    public fun openPublisher(settings: Settings = Settings.DEFAULT): Publisher = Publisher(inner.blocking(), settings)

    /**
     * Makes a webhook; the response holds its signing secret, which is shown only once.
     *
     * @param signingSecret signs with this secret instead of a new one
     */
    public suspend fun createWebhook(webhook: Webhook, signingSecret: String = ""): CreateWebhookResponse =
        inner.createWebhook(webhook, signingSecret).await()

    /** Makes a webhook, which [webhook] describes. */
    public suspend fun createWebhook(
        signingSecret: String = "",
        webhook: Webhook.Builder.() -> Unit,
    ): CreateWebhookResponse = createWebhook(Webhook.newBuilder().apply(webhook).build(), signingSecret)

    /** One delivery with all its attempts. */
    public suspend fun getDelivery(deliveryId: String): Delivery = inner.getDelivery(deliveryId).await()

    /** Every webhook that matches, oldest first, page by page as it is asked for. */
    public fun listWebhooks(request: ListWebhooksRequest.Builder.() -> Unit = {}): Flow<Webhook> =
        items { inner.listWebhooks(ListWebhooksRequest.newBuilder().apply(request).build()) }

    /** Every event that matches, newest first, page by page as it is asked for. */
    public fun listEvents(request: ListEventsRequest.Builder.() -> Unit = {}): Flow<Event> =
        items { inner.listEvents(ListEventsRequest.newBuilder().apply(request).build()) }

    /** Every delivery that matches, newest first, and where to watch from then on. */
    public fun listDeliveries(request: ListDeliveriesRequest.Builder.() -> Unit = {}): DeliveryList =
        DeliveryList { inner.listDeliveries(ListDeliveriesRequest.newBuilder().apply(request).build()) }

    /**
     * Every change of every delivery that matches, in order, without a gap and without an end: broken and silent
     * connections are made again, and the watch resumes after the last change that the program was handed. It throws
     * only what would come again, such as a token that is no longer kept, or a first connection that can never be made
     * ([io.tenterhook.TenterhookException.isPermanent]). Close it.
     */
    public fun watch(request: WatchDeliveriesRequest.Builder.() -> Unit = {}): Watch =
        Watch(inner.watch(WatchDeliveriesRequest.newBuilder().apply(request).build()))

    /**
     * The changes of a [watch] that is opened when they are collected, and closed after that. With a [checkpoint], such
     * as a [io.tenterhook.FileCheckpoint], collecting goes on after the last change that was collected to its end.
     */
    public fun changes(
        checkpoint: Checkpoint? = null,
        request: WatchDeliveriesRequest.Builder.() -> Unit = {},
    ): Flow<Change> = flow {
        watch(request).use { watch ->
            checkpoint?.let { watch.checkpoint(it) }
            emitAll(watch.changes)
        }
    }
}

/** The deliveries of a list, page by page as they are asked for, and the place where it was taken. */
public class DeliveryList internal constructor(pages: () -> AsyncPages<Delivery>) {
    private var taken: AsyncPages<Delivery>? = null

    /** The deliveries. */
    public val deliveries: Flow<Delivery> = items { pages().also { taken = it } }

    /** Starts a watch that misses no change after the list; empty until the first page has come. */
    public val resumeToken: String get() = taken?.resumeToken().orEmpty()
}

private fun <T : Any> items(pages: () -> AsyncPages<T>): Flow<T> = flow {
    val taken = pages()
    while (true) {
        val page = taken.next().await()
        if (page.isEmpty()) {
            return@flow
        }
        page.forEach { emit(it) }
    }
}
