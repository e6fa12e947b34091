import io.tenterhook.Change;
import io.tenterhook.Client;
import io.tenterhook.FileCheckpoint;
import io.tenterhook.Watch;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchPosition;
import java.nio.file.Path;

/**
 * Follows what becomes of every delivery, and goes on where it stopped when it is started again:
 * {@code java -cp CLASSPATH examples/WatchDeliveries.java [TARGET] [TOKEN_FILE]}.
 */
public final class WatchDeliveries {
  public static void main(String[] arguments) {
    Path place = Path.of(arguments.length > 1 ? arguments[1] : "deliveries.token");
    var earliest = WatchDeliveriesRequest.newBuilder().setPosition(WatchPosition.WATCH_POSITION_EARLIEST).build();
    // The watch ends only with what would come again, such as a token that is no longer kept: what
    // was missed is then in the list of deliveries.
    try (Client client = Client.to(arguments.length > 0 ? arguments[0] : "localhost:50051");
        Watch watch = client.watch(earliest).checkpoint(new FileCheckpoint(place))) {
      for (Change change : watch) {
        Delivery delivery = change.change().getDelivery();
        // What this does not finish comes again after a crash.
        System.out.println(delivery.getEventId() + " " + delivery.getState());
      }
    }
  }
}
