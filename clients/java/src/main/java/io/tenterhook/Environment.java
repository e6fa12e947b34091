package io.tenterhook;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Settings of a client that come from its environment; the variables are the same in every language. */
final class Environment {
  private static final String ADDRESS = "TENTERHOOK_ADDRESS";
  private static final String API_KEY = "TENTERHOOK_API_KEY";
  private static final String API_KEY_FILE = "TENTERHOOK_API_KEY_FILE";
  private static final String NAMESPACE = "TENTERHOOK_NAMESPACE";
  private static final String CA = "TENTERHOOK_CA";
  private static final String CLIENT_CERT = "TENTERHOOK_CLIENT_CERT";
  private static final String CLIENT_KEY = "TENTERHOOK_CLIENT_KEY";

  private final Map<String, String> variables;
  private final List<String> faults = new ArrayList<>();

  Environment(Map<String, String> variables) {
    this.variables = variables;
  }

  /** @throws IllegalArgumentException that names every variable at fault */
  ClientBuilder builder() {
    if (!isSet(ADDRESS)) {
      faults.add(ADDRESS + " is not set: give it host:port");
    }
    ClientBuilder builder = Client.builder(get(ADDRESS));
    setKey(builder);
    builder.namespace(get(NAMESPACE));
    setTls(builder);
    if (!faults.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", faults));
    }
    return builder;
  }

  private void setKey(ClientBuilder builder) {
    if (isSet(API_KEY) && isSet(API_KEY_FILE)) {
      faults.add(API_KEY + " and " + API_KEY_FILE + " are both set: unset one");
    } else if (isSet(API_KEY_FILE)) {
      ApiKeyFile key = read(API_KEY_FILE, ApiKeyFile::new);
      if (key != null) {
        builder.apiKey(key);
      }
    } else if (isSet(API_KEY)) {
      builder.apiKey(get(API_KEY));
    }
  }

  private void setTls(ClientBuilder builder) {
    byte[] ca = isSet(CA) ? read(CA, Files::readAllBytes) : null;
    byte[] certificate = isSet(CLIENT_CERT) ? read(CLIENT_CERT, Files::readAllBytes) : null;
    byte[] key = isSet(CLIENT_KEY) ? read(CLIENT_KEY, Files::readAllBytes) : null;
    if (isSet(CLIENT_CERT) != isSet(CLIENT_KEY)) {
      faults.add(CLIENT_CERT + " and " + CLIENT_KEY + " belong together: set both");
    }
    if (ca != null) {
      builder.ca(ca);
    }
    if (certificate != null && key != null) {
      builder.identity(certificate, key);
    }
  }

  /** The value of a variable; empty when it is not set. */
  private String get(String name) {
    return variables.getOrDefault(name, "").strip();
  }

  private boolean isSet(String name) {
    return !get(name).isEmpty();
  }

  private interface Reader<T> {
    T read(Path path) throws IOException;
  }

  /** What is made of the file that a variable names; null, and a fault, when it cannot be used. */
  private <T> @Nullable T read(String name, Reader<T> reader) {
    try {
      return reader.read(Path.of(get(name)));
    } catch (IOException failure) {
      // The message of most is only the path.
      String why = failure instanceof NoSuchFileException ? "no such file" : failure.getClass().getSimpleName();
      faults.add(name + ": cannot read " + get(name) + ": " + why);
    } catch (IllegalArgumentException failure) {
      faults.add(name + ": " + failure.getMessage());
    }
    return null;
  }
}
