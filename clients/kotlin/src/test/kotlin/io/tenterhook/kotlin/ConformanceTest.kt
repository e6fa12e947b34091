package io.tenterhook.kotlin

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.nio.file.Path
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.name
import kotlin.io.path.readText
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/** The shared scenarios against a real server; run by `make test-clients`. */
class ConformanceTest {
    private fun scenarios(): List<DynamicTest> {
        val control = checkNotNull(System.getenv("TENTERHOOK_CONTROL")) { "needs the harness: make test-clients" }
        return Path.of("../../tests/fixtures/conformance").listDirectoryEntries("*.json").sorted().flatMap { file ->
            val document = JsonParser.parseString(file.readText()).asJsonObject
            val given = document.getAsJsonObject("given") ?: JsonObject()
            document.getAsJsonArray("scenarios").map { one ->
                val scenario = one.asJsonObject
                DynamicTest.dynamicTest("${file.name}: ${scenario["name"].asString}") {
                    runBlocking {
                        ScenarioRunner(control, given).use { it.run(scenario.getAsJsonArray("steps")) }
                    }
                }
            }
        }
    }

    @TestFactory
    fun everyScenarioPasses(): List<DynamicTest> = scenarios()

    @Test
    fun thereAreEnoughScenarios() {
        assertTrue(scenarios().size >= 60)
    }
}
