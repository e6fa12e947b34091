package io.tenterhook.kotlin

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import com.google.gson.JsonPrimitive
import io.tenterhook.Ack
import io.tenterhook.ClientBuilder
import io.tenterhook.Connectivity
import io.tenterhook.FileCheckpoint
import io.tenterhook.RetryPolicy
import io.tenterhook.TenterhookException
import io.tenterhook.v1.Event
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Files
import java.nio.file.Path
import java.time.Duration
import java.util.UUID
import java.util.concurrent.atomic.AtomicInteger
import kotlin.io.path.writeText
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.TimeSource
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.asFlow
import kotlinx.coroutines.flow.count
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import io.tenterhook.Publisher as JavaPublisher

private val VARIABLE = Regex("\\$([a-z]+[0-9]*)")
private val HTTP: HttpClient = HttpClient.newHttpClient()

/** Runs the steps of one scenario; clients/conformance/README.md says what a step means. */
class ScenarioRunner(private val control: String, private val given: JsonObject) : AutoCloseable {
    private class OpenWatch(val watch: Watch) {
        val known = mutableSetOf<String>()
        val seen = mutableSetOf<String>()
        /** What it told of its connection. */
        val told = mutableListOf<String>()
    }

    private val variables = mutableMapOf<String, String>()
    private val clients = mutableMapOf<String, Client>()
    private val watches = mutableMapOf<String, OpenWatch>()
    private val attempts = mutableMapOf<String, AtomicInteger>()
    private val folder: Path by lazy { Files.createTempDirectory("tenterhook-") }

    init {
        ask("/").entrySet().forEach { (name, value) -> variables[name] = value.text() }
        val uuid = UUID.randomUUID().toString()
        variables["uuid"] = uuid
        variables["ns"] = "kotlin-" + uuid.replace("-", "").take(12)
        connect("main", JsonObject().apply { addProperty("target", variables["target"]) })
    }

    override fun close() {
        watches.values.forEach { it.watch.close() }
        clients.values.forEach(Client::close)
        folder.toFile().deleteRecursively()
    }

    suspend fun run(steps: JsonArray) {
        for (step in steps.map { it.asJsonObject }) {
            if (step.has("given")) {
                run(given.getAsJsonArray(step["given"].text()))
            } else if (step.has("repeat")) {
                repeat(step["repeat"].asInt) { index ->
                    variables["i"] = index.toString()
                    run(step.getAsJsonArray("steps"))
                }
            } else {
                val filled = fill(step).asJsonObject
                try {
                    step(filled)
                } catch (failure: AssertionError) {
                    throw AssertionError("$filled\n  ${failure.message}", failure)
                } catch (failure: TenterhookException) {
                    throw AssertionError("$filled\n  ${failure.message}", failure)
                }
            }
        }
    }

    private suspend fun step(step: JsonObject) {
        val start = TimeSource.Monotonic.markNow()
        val patience = step["within_ms"]?.asLong ?: 30_000
        val patient = step.has("expect") && step.has("within_ms")
        while (true) {
            try {
                attempt(step, patience)
                break
            } catch (failure: AssertionError) {
                if (!patient || start.elapsedNow() > patience.milliseconds) {
                    throw failure
                }
                delay(50)
            }
        }
        val took = start.elapsedNow().inWholeMilliseconds
        require(took >= (step["at_least_ms"]?.asLong ?: 0), "too early: $took ms")
    }

    private suspend fun attempt(step: JsonObject, patience: Long) {
        if (step.has("give_up_ms")) {
            giveUp(step, patience)
            return
        }
        val answer = try {
            within(patience) {
                step["close_client_ms"]?.let { later ->
                    launch {
                        delay(later.asLong)
                        clients.getValue(step["client"].text()).close()
                    }
                }
                act(step)
            }
        } catch (error: TenterhookException) {
            checkError(error, step.getAsJsonObject("error") ?: throw error)
            return
        }
        require(!step.has("error"), "no error but $answer")
        step["expect"]?.let { checkContains(answer, it, "answer") }
        step["count"]?.let { checkContains(answer.at("count"), it, "count") }
        step["save"]?.asJsonObject?.entrySet()?.forEach { (name, path) ->
            variables[name] = answer.at(path.text()).text()
        }
    }

    private suspend fun <T : Any> within(patience: Long, block: suspend CoroutineScope.() -> T): T =
        withTimeoutOrNull(patience) { withContext(Dispatchers.Default, block) }
            ?: throw AssertionError("not within $patience ms")

    /** Cancels the coroutine that waits. */
    private suspend fun giveUp(step: JsonObject, patience: Long) = coroutineScope {
        val giveUpAfter = step["give_up_ms"].asLong
        var outcome: Result<JsonElement>? = null
        val acting = launch(Dispatchers.Default) { outcome = runCatching { act(step) } }
        delay(giveUpAfter)
        acting.cancel()
        within(patience - giveUpAfter) { acting.join() }
        require(outcome?.exceptionOrNull() is CancellationException, "not given up but $outcome")
    }

    private suspend fun act(step: JsonObject): JsonElement {
        val client = clients.getValue(step["client"]?.text() ?: "main")
        val request = step.getAsJsonObject("request") ?: JsonObject()
        when {
            step.has("ping") -> client.ping()
            step.has("write") -> write(step["write"].text(), step["text"].text())
            step.has("refuse") -> refuse(step)
            step.has("connectivity") ->
                return JsonArray().apply { watches.getValue(step["connectivity"].text()).told.forEach(::add) }
            step.has("call") -> return callByName(client, step["call"].text(), request)
            step.has("publish") -> return toJson(client.publish(toEvent(step.getAsJsonObject("publish"))))
            step.has("publish_batch") -> return JsonArray().apply {
                client.publishBatch(toEvents(step.getAsJsonArray("publish_batch"))).forEach { add(toJson(it)) }
            }
            step.has("leave") -> leave(client, step)
            step.has("fail_at") -> return failAt(client, step)
            step.has("publish_stream") -> return stream(client, events(step))
            step.has("publish_each") -> return publishEach(client, step)
            step.has("ordered") -> return ordered(client, step["ordered"].asInt)
            step.has("list") -> return list(client, step["list"].text(), request)
            step.has("watch") -> {
                val open = OpenWatch(client.watch { merge(request, this) })
                open.watch.onConnectivity { tell(open.told, it) }
                if (step.has("checkpoint")) {
                    open.watch.checkpoint(FileCheckpoint(Path.of(step["checkpoint"].text())))
                }
                watches[step["watch"].text()] = open
                if (step.has("take")) {
                    return take(watches.getValue(step["take"].text()), step)
                }
            }
            step.has("wait_ms") -> await(watches.getValue(step["take"].text()), step)
            step.has("take") -> return take(watches.getValue(step["take"].text()), step)
            step.has("close_client") -> clients.getValue(step["close_client"].text()).close()
            step.has("attempts") -> {
                val made = attempts.getValue(step["attempts"].text()).get()
                require(made <= step["at_most"].asInt, "$made attempts")
            }
            step.has("close") -> watches.getValue(step["close"].text()).watch.close()
            step.has("connect") -> connect(step["connect"].text(), step)
            else -> return ask(step["control"].text())
        }
        return JsonObject()
    }

    private fun write(name: String, text: String) {
        val path = folder.resolve(name)
        path.writeText(text)
        variables[name] = path.toString()
    }

    private fun environment(given: JsonObject): Map<String, String> =
        given.entrySet().associate { (name, value) -> name to value.text() }

    private fun refuse(step: JsonObject) {
        try {
            Client.fromEnv(environment(step.getAsJsonObject("refuse")))
        } catch (refused: IllegalArgumentException) {
            step.getAsJsonArray("expect").forEach { wanted ->
                require(wanted.text() in refused.message.orEmpty(), "$wanted is not in ${refused.message}")
            }
            step.remove("expect")
            return
        }
        throw AssertionError("not refused")
    }

    /** Notes the state of a watch's connection, once while it stays the same. */
    private fun tell(told: MutableList<String>, state: Connectivity) {
        val now = state.error.map { it.code().name }.orElse("connected")
        if (told.lastOrNull() != now) {
            told.add(now)
        }
    }

    private fun connect(name: String, step: JsonObject) {
        step["env"]?.let {
            clients[name] = Client.fromEnv(environment(it.asJsonObject))
            return
        }
        clients[name] = Client(step["target"].text()) {
            namespace(variables.getValue("ns"))
            configure(name, step)
        }
    }

    private fun ClientBuilder.configure(name: String, step: JsonObject) {
        step["api_key"]?.let { apiKey(it.text()) }
        step["api_keys"]?.asJsonArray?.let { keys ->
            val next = AtomicInteger()
            apiKey { keys[minOf(next.getAndIncrement(), keys.size() - 1)].text() }
        }
        val further = step["headers"]?.let { environment(it.asJsonObject) }.orEmpty()
        val made = AtomicInteger()
        attempts[name] = made
        headers {
            made.incrementAndGet()
            further
        }
        step["ca"]?.let { ca(it.text().toByteArray()) }
        step["cert"]?.let { identity(it.text().toByteArray(), step["cert_key"].text().toByteArray()) }
        step["timeout_ms"]?.let { timeout(it.asLong.milliseconds) }
        step["retry"]?.let { retry(policy(it)) }
    }

    /** The policy of a step: true or false, or the fields that are not zero. */
    private fun policy(given: JsonElement): RetryPolicy {
        if (given.isJsonPrimitive) {
            return if (given.asBoolean) RetryPolicy.DEFAULT else RetryPolicy.DISABLED
        }
        val fields = given.asJsonObject
        val millis = { name: String -> Duration.ofMillis(fields[name]?.asLong ?: 0) }
        val multiplier = fields["multiplier"]?.asDouble ?: 0.0
        val enabled = fields["enabled"]?.asBoolean ?: true
        return RetryPolicy(millis("initial_ms"), multiplier, millis("max_ms"), 0.0, enabled)
    }

    /** The events of a stream; the harness is asked for `then` before it ends. */
    private fun events(step: JsonObject): Flow<Event> = flow {
        toEvents(step.getAsJsonArray("publish_stream")).forEach { emit(it) }
        step["then"]?.let { ask(it.text()) }
    }

    private fun ask(path: String): JsonObject {
        val request = HttpRequest.newBuilder(URI.create(control + path)).build()
        return JsonParser.parseString(HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body()).asJsonObject
    }

    private fun fill(value: JsonElement): JsonElement = when {
        value is JsonObject -> JsonObject().apply {
            value.entrySet().forEach { (name, inside) -> add(fill(name), fill(inside)) }
        }
        value is JsonArray -> JsonArray().apply { value.forEach { add(fill(it)) } }
        value is JsonPrimitive && value.isString -> JsonPrimitive(fill(value.asString))
        else -> value
    }

    private fun fill(text: String): String = VARIABLE.replace(text) { variables.getValue(it.groupValues[1]) }

    /** Reads so many changes, or until each event was seen in the state; none may come twice, and no other event. */
    private suspend fun take(open: OpenWatch, step: JsonObject): JsonElement {
        val waiting = step["events"]?.asJsonArray?.map { it.text() }.orEmpty().toMutableSet()
        val count = step["count"]?.asInt ?: 0
        if (!step.has("events") && !step.has("count")) {
            waiting.add("an error")
        }
        open.known.addAll(waiting)
        var token = ""
        var taken = 0
        while (waiting.isNotEmpty() || taken < count) {
            val next = open.watch.next()
            token = next.token
            taken++
            val delivery = next.change.delivery
            val mark = "${delivery.id} ${delivery.state} ${delivery.attemptCount}"
            if (count > 0) {
                open.known.add(delivery.eventId)
            }
            val wanted = delivery.eventId in open.known
            require(wanted && open.seen.add(mark), "$mark of ${delivery.eventId} came twice or is not wanted")
            if (delivery.state.name == step["state"].text()) {
                waiting.remove(delivery.eventId)
            }
        }
        return JsonObject().apply {
            addProperty("token", token)
            addProperty("count", taken)
        }
    }

    /** Publishes numbered events by a publisher, with something in the middle. */
    private suspend fun publishEach(client: Client, step: JsonObject): JsonElement = coroutineScope {
        val given = step.getAsJsonObject("publisher") ?: JsonObject()
        val normal = JavaPublisher.Settings.DEFAULT
        val settings = JavaPublisher.Settings(
            Duration.ofMillis(given["linger_ms"]?.asLong ?: 5),
            given["max_events"]?.asInt ?: normal.maxEvents,
            normal.maxBytes,
            given["in_flight"]?.asInt ?: normal.inFlight,
            given["outstanding"]?.asInt ?: normal.outstanding,
            false,
            normal.timeout,
        )
        val bad = step["bad"]?.asJsonArray?.map { it.asInt }.orEmpty()
        val count = step["publish_each"].asInt
        val publications = client.publisher(settings) {
            List(count) { n ->
                if (n == count / 2) {
                    step["meanwhile"]?.let { launch(Dispatchers.IO) { ask(it.text()) } }
                }
                publish {
                    id = "e$n"
                    type = if (n in bad) "" else "created"
                    step["keys"]?.let { orderingKey = "k${n % it.asInt}" }
                    data = json(mapOf("n" to n))
                }
            }
        }
        val results = publications.map { async { runCatching { it.await() }.getOrNull() } }.awaitAll()
        val failed = JsonArray()
        results.forEachIndexed { n, result ->
            if (result == null) {
                failed.add(n)
            } else {
                require(result.eventId == publications[n].eventId, "the result of another event")
            }
        }
        JsonObject().apply {
            addProperty("stored", count - failed.size())
            add("failed", failed)
        }
    }

    /** Checks that the events of each key were stored in the order of their numbers. */
    private suspend fun ordered(client: Client, keys: Int): JsonElement {
        val last = mutableMapOf<Int, Int>()
        val events = client.listEvents { pageSize = 1000 }.toList() // newest first
        for (event in events) {
            val n = event.id.drop(1).toInt()
            val later = last.put(n % keys, n)
            require(later == null || n < later, "e$n is before e$later")
        }
        return JsonObject().apply { addProperty("count", events.size) }
    }

    /** Opens streams whose events do not end, and leaves each after its first acknowledgement. */
    private suspend fun leave(client: Client, step: JsonObject) {
        val event = toEvents(step.getAsJsonArray("publish_stream"))[0]
        repeat(step["leave"].asInt) {
            val first = client.publishStream(generateSequence { event }.asFlow()).first()
            require(first.result.isPresent, "not acknowledged")
        }
    }

    /** Publishes from a source that fails with an error of its own. */
    private suspend fun failAt(client: Client, step: JsonObject): JsonElement {
        val events = toEvents(step.getAsJsonArray("publish_stream"))
        val failure = IllegalStateException("the source failed")
        val source = flow {
            repeat(step["fail_at"].asInt) { emit(events[it]) }
            throw failure
        }
        val answer = JsonObject()
        var acknowledged = 0
        try {
            client.publishStream(source).collect { acknowledged += if (it.result.isPresent) 1 else 0 }
        } catch (thrown: IllegalStateException) {
            answer.addProperty("own_error", thrown === failure || thrown.cause === failure)
        }
        return answer.apply { addProperty("acknowledged", acknowledged) }
    }

    /** Waits so long for a change, which does not come unless it is one to skip. */
    private suspend fun await(open: OpenWatch, step: JsonObject) {
        val skip = step["skip"]?.asJsonArray?.map { it.text() }.orEmpty()
        open.known.addAll(skip)
        val change = open.watch.poll(step["wait_ms"].asLong.milliseconds)
        require(change == null || change.change.delivery.eventId in skip, "not nothing but $change")
    }

    private suspend fun stream(client: Client, events: Flow<Event>): JsonElement =
        client.publishStream(events).toList().fold(JsonArray()) { acks, ack -> acks.apply { add(ackOf(ack)) } }

    private fun ackOf(ack: Ack): JsonObject = JsonObject().apply {
        ack.result.ifPresent { add("result", toJson(it)) }
        ack.error.ifPresent { error ->
            val failed = JsonObject()
            failed.addProperty("code", error.code().name)
            failed.addProperty("reason", error.reasonName())
            failed.addProperty("text", error.message)
            error.fieldViolations().forEach { failed.addProperty("field", it.field) }
            add("error", failed)
        }
    }

    private suspend fun list(client: Client, what: String, request: JsonObject): JsonElement = JsonObject().apply {
        when (what) {
            "webhooks" -> addProperty("count", client.listWebhooks { merge(request, this) }.count())
            "events" -> addProperty("count", client.listEvents { merge(request, this) }.count())
            else -> {
                val list = client.listDeliveries { merge(request, this) }
                addProperty("count", list.deliveries.count())
                addProperty("resume_token", list.resumeToken)
            }
        }
    }
}
