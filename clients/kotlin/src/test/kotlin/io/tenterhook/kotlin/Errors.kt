package io.tenterhook.kotlin

import com.google.gson.JsonObject
import com.google.gson.JsonPrimitive
import io.grpc.Status.Code
import io.tenterhook.TenterhookException

/** Whether an error is the one that a scenario expects. */
fun checkError(error: TenterhookException, wanted: JsonObject) {
    require(error.code().name in wanted["code"].text().split("|"), error.toString())
    val type = when (error.code()) {
        Code.NOT_FOUND -> TenterhookException.NotFound::class
        Code.ALREADY_EXISTS, Code.ABORTED, Code.FAILED_PRECONDITION -> TenterhookException.Conflict::class
        Code.INVALID_ARGUMENT, Code.OUT_OF_RANGE -> TenterhookException.Invalid::class
        Code.UNAVAILABLE -> TenterhookException.Unavailable::class
        Code.CANCELLED -> if (wanted.has("closed")) TenterhookException.Closed::class else TenterhookException::class
        else -> TenterhookException::class
    }
    require(error::class == type, error::class.toString())
    wanted["permanent"]?.let { require(error.isPermanent == it.asBoolean, "permanent or not: $error") }
    wanted["reason"]?.let { require(error.reasonName() == it.text(), error.toString()) }
    wanted["field"]?.let { field ->
        require(error.fieldViolations().any { it.field.startsWith(field.text()) }, error.toString())
    }
    for (name in listOf("message", "text")) {
        wanted[name]?.let { checkContains(JsonPrimitive(error.message), it, name) }
    }
    wanted["retry_after"]?.let { require(error.retryAfter().isPresent == it.asBoolean, error.toString()) }
    wanted["metadata"]?.asJsonArray?.forEach { name ->
        require(!error.metadata()[name.text()].isNullOrEmpty(), "$name is missing")
    }
}
