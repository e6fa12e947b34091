package io.tenterhook;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What the shared scenarios cannot see. */
class LifecycleTest {
  private static Object copy(Object value) throws Exception {
    var bytes = new ByteArrayOutputStream();
    try (var out = new ObjectOutputStream(bytes)) {
      out.writeObject(value);
    }
    try (var in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      return in.readObject();
    }
  }

  @Test
  void anErrorSurvivesSerialization() throws Exception {
    var details = new TenterhookException.Details(
        Status.Code.NOT_FOUND,
        "none",
        io.tenterhook.v1.ErrorReason.ERROR_REASON_WEBHOOK_NOT_FOUND,
        List.of(new TenterhookException.FieldViolation("webhook_id", "is unknown")),
        Duration.ofSeconds(3),
        Map.of("webhook_id", "wh"),
        true);
    var error = (TenterhookException) copy(new TenterhookException(details));
    assertEquals(Status.Code.NOT_FOUND, error.code());
    assertEquals("WEBHOOK_NOT_FOUND", error.reasonName());
    assertEquals("webhook_id", error.fieldViolations().get(0).field());
    assertEquals(Duration.ofSeconds(3), error.retryAfter().orElseThrow());
    assertEquals(Map.of("webhook_id", "wh"), error.metadata());
    assertTrue(error.isPermanent());
    assertEquals(Status.Code.CANCELLED, ((TenterhookException) copy(new TenterhookException.Closed())).code());
  }

  @Test
  void aPolicyOfZeroesTakesItsDefaults() {
    var zero = new RetryPolicy(Duration.ZERO, 0, Duration.ZERO, 0, true);
    assertEquals(List.of(100L, 200L, 400L), List.of(0, 1, 2).stream().map(n -> zero.waitAfter(n).toMillis()).toList());
    assertEquals(5000, zero.waitAfter(50).toMillis());
  }

  @Test
  void aPollOfAClosedWatchIsEmpty() {
    try (Client client = Client.to("127.0.0.1:1")) {
      Watch watch = client.watch(io.tenterhook.v1.WatchDeliveriesRequest.getDefaultInstance());
      assertTrue(watch.poll(Duration.ofMillis(50)).isEmpty());
      watch.close();
      assertTrue(watch.poll(Duration.ofSeconds(30)).isEmpty());
      client.close();
      assertThrows(TenterhookException.Closed.class, () -> client.getDelivery("d"));
    }
  }
}
