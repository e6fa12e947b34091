package io.tenterhook.kotlin

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonNull
import com.google.gson.JsonObject

private val NOTHING = setOf("", "0", "false")

/** Whether an answer contains what a scenario expects; clients/conformance/README.md has the rules. */
fun checkContains(actual: JsonElement, wanted: JsonElement, place: String) {
    when (wanted) {
        is JsonObject ->
            wanted.entrySet().forEach { (name, value) -> checkContains(actual.at(name), value, "$place.$name") }
        is JsonArray -> {
            val items = actual as? JsonArray ?: JsonArray()
            require(items.size() == wanted.size(), "$place: ${items.size()} items in $items")
            wanted.forEachIndexed { index, value -> checkContains(items[index], value, "$place[$index]") }
        }
        else -> require(fits(actual, wanted.text()), "$place: $actual is not $wanted")
    }
}

private fun fits(actual: JsonElement, wanted: String): Boolean = when {
    wanted.startsWith("~") -> Regex(wanted.drop(1)).containsMatchIn(actual.text())
    wanted == "*" -> !isEmpty(actual)
    else -> actual.text() == wanted || isEmpty(actual) && wanted in NOTHING
}

private fun isEmpty(value: JsonElement): Boolean = when (value) {
    is JsonObject -> value.isEmpty
    is JsonArray -> value.isEmpty
    else -> value.text() in NOTHING
}

/** Texts, numbers and truth values as text; nothing as the empty text. */
fun JsonElement?.text(): String = when {
    this == null || isJsonNull -> ""
    isJsonPrimitive -> asString
    else -> toString()
}

/** The value at a path such as `deliveries.0.id`. */
fun JsonElement.at(path: String): JsonElement = path.split(".").fold(this) { inside, part ->
    when (inside) {
        is JsonArray -> part.toInt().let { if (it < inside.size()) inside[it] else JsonNull.INSTANCE }
        is JsonObject -> inside[part] ?: JsonNull.INSTANCE
        else -> JsonNull.INSTANCE
    }
}

fun require(holds: Boolean, otherwise: String) {
    if (!holds) {
        throw AssertionError(otherwise)
    }
}
