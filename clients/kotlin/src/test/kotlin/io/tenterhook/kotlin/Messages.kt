package io.tenterhook.kotlin

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import com.google.protobuf.Message
import com.google.protobuf.MessageOrBuilder
import com.google.protobuf.util.JsonFormat
import io.grpc.MethodDescriptor
import io.tenterhook.v1.AccessServiceGrpc
import io.tenterhook.v1.DeliveryServiceGrpc
import io.tenterhook.v1.Event
import io.tenterhook.v1.EventServiceGrpc
import io.tenterhook.v1.ServerServiceGrpc
import io.tenterhook.v1.Snapshots
import io.tenterhook.v1.WebhookServiceGrpc

/** Every method of the API but those of the store. */
val METHODS: List<MethodDescriptor<*, *>> = listOf(
    AccessServiceGrpc.getServiceDescriptor(),
    DeliveryServiceGrpc.getServiceDescriptor(),
    EventServiceGrpc.getServiceDescriptor(),
    ServerServiceGrpc.getServiceDescriptor(),
    WebhookServiceGrpc.getServiceDescriptor(),
).flatMap { it.methods }

/** Calls any method that is no stream by its name. */
suspend fun callByName(client: Client, path: String, fields: JsonObject): JsonElement {
    @Suppress("UNCHECKED_CAST") // every method of the API takes and gives messages
    val method = METHODS.first { it.fullMethodName == "tenterhook.v1.$path" } as MethodDescriptor<Message, Message>
    val marshaller = method.requestMarshaller as MethodDescriptor.PrototypeMarshaller<Message>
    val request = marshaller.messagePrototype!!.newBuilderForType().also { merge(fields, it) }.build()
    return toJson(client.call(method, request))
}

fun merge(fields: JsonObject, into: Message.Builder) {
    JsonFormat.parser().merge(fields.toString(), into)
}

fun toJson(message: MessageOrBuilder): JsonElement =
    JsonParser.parseString(JsonFormat.printer().preservingProtoFieldNames().print(message))

fun toEvents(events: JsonArray): List<Event> = events.map { toEvent(it.asJsonObject) }

fun toEvent(fields: JsonObject): Event = event {
    id = fields["id"].text()
    namespace = fields["namespace"].text()
    type = fields["type"].text()
    objectType = fields["object_type"].text()
    username = fields["username"].text()
    fields["data"]?.let { data = json(it) }
    fields["attributes"]?.asJsonObject?.entrySet()?.forEach { (name, value) -> putAttributes(name, value.text()) }
    fields["snapshots"]?.asJsonObject?.let { both ->
        val made = Snapshots.newBuilder()
        both["prechange"]?.takeUnless { it.isJsonNull }?.let { made.prechange = json(it) }
        both["postchange"]?.takeUnless { it.isJsonNull }?.let { made.postchange = json(it) }
        setSnapshots(made)
    }
}
