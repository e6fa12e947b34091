package io.tenterhook;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The shared scenarios against a real server; run by {@code make test-clients}. */
class ConformanceTest {
  private static final Path FOLDER = Path.of("../../tests/fixtures/conformance");

  private static List<DynamicTest> scenarios() throws IOException {
    String control =
        Objects.requireNonNull(System.getenv("TENTERHOOK_CONTROL"), "needs the harness: make test-clients");
    List<DynamicTest> tests = new ArrayList<>();
    try (Stream<Path> files = Files.list(FOLDER)) {
      for (Path file : files.sorted().toList()) {
        JsonObject document = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        JsonObject given = document.has("given") ? document.getAsJsonObject("given") : new JsonObject();
        document.getAsJsonArray("scenarios").forEach(one -> {
          JsonObject scenario = one.getAsJsonObject();
          String name = file.getFileName() + ": " + scenario.get("name").getAsString();
          tests.add(DynamicTest.dynamicTest(name, () -> {
            try (ScenarioRunner runner = new ScenarioRunner(control, given)) {
              runner.run(scenario.getAsJsonArray("steps"));
            }
          }));
        });
      }
    }
    return tests;
  }

  @TestFactory
  List<DynamicTest> everyScenarioPasses() throws IOException {
    return scenarios();
  }

  @Test
  void thereAreEnoughScenarios() throws IOException {
    assertTrue(scenarios().size() >= 60);
  }
}
