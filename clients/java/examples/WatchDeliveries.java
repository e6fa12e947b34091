import io.tenterhook.Change;
import io.tenterhook.Client;
import io.tenterhook.Watch;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchPosition;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Follows what becomes of every delivery, and goes on where it stopped when it is started again:
 * {@code java -cp CLASSPATH examples/WatchDeliveries.java [TARGET] [TOKEN_FILE]}.
 */
public final class WatchDeliveries {
  public static void main(String[] arguments) throws IOException {
    Path place = Path.of(arguments.length > 1 ? arguments[1] : "deliveries.token");
    WatchDeliveriesRequest.Builder request = WatchDeliveriesRequest.newBuilder();
    if (Files.exists(place)) {
      request.setResumeToken(Files.readString(place));
    } else {
      request.setPosition(WatchPosition.WATCH_POSITION_EARLIEST);
    }
    // The watch ends only with what would come again, such as a token that is no longer kept: what
    // was missed is then in the list of deliveries.
    try (Client client = Client.to(arguments.length > 0 ? arguments[0] : "localhost:50051");
        Watch watch = client.watch(request.build())) {
      for (Change change : watch) {
        Delivery delivery = change.change().getDelivery();
        System.out.println(delivery.getEventId() + " " + delivery.getState());
        // Only now: what was not acted on comes again after a crash.
        store(place, change.token());
      }
    }
  }

  /** All of it or nothing, also over a crash of the machine. */
  private static void store(Path place, String token) throws IOException {
    Path fresh = Path.of(place + ".new");
    Files.writeString(fresh, token);
    try (FileChannel file = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
      file.force(true); // it is on the disk before it takes the place of the one before
    }
    Files.move(fresh, place, StandardCopyOption.ATOMIC_MOVE);
  }
}
