package io.tenterhook.kotlin

import io.grpc.CallOptions
import io.grpc.Channel
import io.grpc.ClientCall
import io.grpc.ClientInterceptor
import io.grpc.Metadata
import io.grpc.MethodDescriptor
import io.grpc.Status
import io.opentelemetry.api.common.AttributeKey
import io.opentelemetry.api.trace.Span
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator
import io.opentelemetry.context.propagation.ContextPropagators
import io.opentelemetry.extension.kotlin.asContextElement
import io.opentelemetry.instrumentation.grpc.v1_6.GrpcTelemetry
import io.opentelemetry.sdk.OpenTelemetrySdk
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter
import io.opentelemetry.sdk.trace.SdkTracerProvider
import io.opentelemetry.sdk.trace.data.SpanData
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor
import io.tenterhook.testing.RecordingReceiver
import io.tenterhook.v1.RequestTemplate
import io.tenterhook.v1.WatchPosition
import java.util.UUID
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** Spans of calls, by the interceptor and the SDK of OpenTelemetry, against a real server. */
@Timeout(60)
class TracingTest {
    /** Refuses the first calls, as a server that is starting. */
    private class Away(private var tries: Int) : ClientInterceptor {
        override fun <Q : Any, R : Any> interceptCall(
            method: MethodDescriptor<Q, R>,
            options: CallOptions,
            next: Channel,
        ): ClientCall<Q, R> = if (tries-- > 0) Refused() else next.newCall(method, options)
    }

    private class Refused<Q, R> : ClientCall<Q, R>() {
        override fun start(listener: Listener<R>, headers: Metadata) = listener.onClose(Status.UNAVAILABLE, Metadata())

        override fun request(count: Int) = Unit

        override fun cancel(message: String?, cause: Throwable?) = Unit

        override fun halfClose() = Unit

        override fun sendMessage(message: Q) = Unit
    }

    private val spans = InMemorySpanExporter.create()
    private val openTelemetry = OpenTelemetrySdk.builder()
        .setTracerProvider(SdkTracerProvider.builder().addSpanProcessor(SimpleSpanProcessor.create(spans)).build())
        .setPropagators(ContextPropagators.create(W3CTraceContextPropagator.getInstance()))
        .build()
    private val parent: Span = openTelemetry.getTracer("test").spanBuilder("parent").startSpan()
    private val target = checkNotNull(System.getenv("TENTERHOOK_TARGET")) { "needs the harness: make test-clients" }
    private val away = Away(2)
    private val client = Client(target) {
        namespace("kotlin-" + UUID.randomUUID().toString().take(8))
        interceptors(GrpcTelemetry.create(openTelemetry).createClientInterceptor(), away)
    }

    @AfterEach
    fun close() {
        client.close()
    }

    private fun traced(block: suspend CoroutineScope.() -> Unit) = runBlocking {
        withContext(Dispatchers.Default + parent.asContextElement()) { block() }
    }

    /** Waits for as many spans as there must be; each has the parent that its coroutine had. */
    private suspend fun ended(count: Int): List<SpanData> {
        withTimeout(20.seconds) {
            while (spans.finishedSpanItems.size < count) {
                delay(1.milliseconds)
            }
        }
        val ended = spans.finishedSpanItems
        assertEquals(List(count) { parent.spanContext.spanId }, ended.map { it.parentSpanId })
        return ended
    }

    private fun code(span: SpanData) = span.attributes.get(AttributeKey.longKey("rpc.grpc.status_code"))

    @Test
    fun eachTryIsASpanOfTheCoroutine() = traced {
        client.publish { type = "created" }
        val tries = ended(3)
        assertEquals(List(3) { "tenterhook.v1.EventService/PublishEvent" }, tries.map { it.name })
        assertEquals(listOf(14L, 14L, 0L), tries.map(::code))
    }

    @Test
    fun aWatchIsASpanUntilNobodyCollectsIt() = traced {
        client.createWebhook { displayName = "all"; setRequest(RequestTemplate.newBuilder().setUrl("http://127.0.0.1:9")) }
        client.publish { type = "created" }
        client.changes { position = WatchPosition.WATCH_POSITION_EARLIEST }.first()
        val watch = ended(5).last()
        assertEquals("tenterhook.v1.DeliveryService/WatchDeliveries", watch.name)
        assertEquals(1L, code(watch)) // cancelled
    }

    @Test
    fun aStreamOfEventsIsASpan() = traced {
        client.publish { type = "created" }
        client.publishStream(flowOf(event { type = "created" })).toList()
        assertEquals(0L, code(ended(4).last()))
    }

    @Test
    fun theTraceGoesOnInWhatTheServerDelivers() = traced {
        RecordingReceiver().use { receiver ->
            client.createWebhook { displayName = "all"; setRequest(RequestTemplate.newBuilder().setUrl(receiver.url())) }
            client.publish { type = "created" }
            val delivered = receiver.await(1)[0].headers()["traceparent"].orEmpty()
            assertEquals(parent.spanContext.traceId, delivered.split("-")[1])
        }
    }
}
