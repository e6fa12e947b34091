package io.tenterhook;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;

/**
 * An API key that is read from a file, for {@link ClientBuilder#apiKey(Supplier)}: again for each call, so that
 * a new key needs no restart. While the file cannot be read, the last key is used.
 */
public final class ApiKeyFile implements Supplier<String> {
  private final Path path;
  private volatile String last;

  /**
   * Reads the key.
   *
   * @throws IOException if the file cannot be read now
   * @throws IllegalArgumentException if it is empty
   */
  public ApiKeyFile(Path path) throws IOException {
    this.path = path;
    this.last = read();
    if (last.isEmpty()) {
      throw new IllegalArgumentException("the API key file " + path + " is empty");
    }
  }

  @Override
  public String get() {
    try {
      String key = read();
      if (!key.isEmpty()) {
        last = key;
      }
    } catch (IOException betweenTwoVersions) {
      return last;
    }
    return last;
  }

  private String read() throws IOException {
    return Files.readString(path, StandardCharsets.UTF_8).strip();
  }
}
