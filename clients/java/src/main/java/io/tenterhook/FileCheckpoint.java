package io.tenterhook;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * A checkpoint in a file, for one watch at a time. The file need not exist; its folder must. A save is on the disk when
 * it returns, and leaves the old token or the new one whatever happens meanwhile; it writes beside the file, to its name
 * and {@code .new}.
 */
public final class FileCheckpoint implements Checkpoint {
  private final Path path;
  private final Path fresh;

  /** A checkpoint in the file at {@code path}. */
  public FileCheckpoint(Path path) {
    this.path = path.toAbsolutePath();
    this.fresh = Path.of(this.path + ".new");
  }

  /** Makes a file that is missing, so that a place where nothing can be written is found at the start. */
  @Override
  public Optional<String> load() throws IOException {
    try {
      String text = new String(Files.readAllBytes(path), StandardCharsets.US_ASCII).strip();
      return Optional.of(text).filter(token -> !token.isEmpty());
    } catch (NoSuchFileException missing) {
      save("");
      return Optional.empty();
    }
  }

  @Override
  public synchronized void save(String token) throws IOException {
    try (FileChannel file = FileChannel.open(
        fresh, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer bytes = StandardCharsets.US_ASCII.encode(token);
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
      file.force(true); // it is on the disk before it takes the place of the one before
    }
    Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    if (File.separatorChar == '/') {
      syncFolder(path.getParent());
    }
  }

  /** Puts a new name on the disk too. */
  private static void syncFolder(Path folder) throws IOException {
    try (FileChannel opened = FileChannel.open(folder, StandardOpenOption.READ)) {
      opened.force(true);
    }
  }
}
