package io.tenterhook;

import static io.tenterhook.Fake.refuse;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.grpc.Status.Code;
import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryChange;
import io.tenterhook.v1.WatchDeliveriesRequest;
import io.tenterhook.v1.WatchDeliveriesResponse;
import io.tenterhook.v1.WebhookServiceGrpc;
import java.io.IOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a client tells of its connection, and what no further try will mend. */
@Timeout(30)
class SetupTest {
  private static WatchDeliveriesResponse change(int number) {
    var change = DeliveryChange.newBuilder().setDelivery(Delivery.newBuilder().setId("d" + number));
    return WatchDeliveriesResponse.newBuilder().setResumeToken("t" + number).setChange(change).build();
  }

  private static TenterhookException failed(Code code, Throwable cause) {
    return TenterhookException.of(Status.fromCode(code).withDescription("io exception").withCause(cause).asException());
  }

  @Test
  void whatNoFurtherTryWillMendIsPermanent() {
    var handshake = new SSLHandshakeException("failed");
    handshake.initCause(new CertificateException("no path found"));
    var untrusted = failed(Code.UNAVAILABLE, handshake);
    assertTrue(untrusted.isPermanent() && untrusted.getMessage().contains("certificate is not trusted"));
    assertTrue(untrusted.getMessage().contains("no path found"), untrusted.getMessage());
    var nowhere = failed(Code.UNAVAILABLE, new RuntimeException(new UnknownHostException("nowhere.example")));
    assertTrue(nowhere.isPermanent() && nowhere.getMessage().contains("no such host"));
    var words = "First received frame was not SETTINGS. Hex dump for first 5 bytes: 485454502f";
    var noGrpc = failed(Code.INTERNAL, new IOException(words));
    assertTrue(noGrpc.isPermanent() && noGrpc.code() == Code.UNAVAILABLE && noGrpc.getMessage().contains("https://"));
    assertFalse(failed(Code.UNAVAILABLE, new ConnectException("refused")).isPermanent());
    assertFalse(failed(Code.INTERNAL, new UnknownHostException("nowhere.example")).isPermanent());
  }

  @Test
  void aTestOfAWebhookMayTakeAsLongAsAnAttempt() {
    Function<Duration, Caller> caller =
        timeout -> new Caller(null, null, null, null, timeout, RetryPolicy.DEFAULT, new Life());
    var test = WebhookServiceGrpc.getTestWebhookMethod();
    assertEquals(Duration.ofSeconds(70), caller.apply(null).timeoutOf(test));
    assertEquals(Duration.ofSeconds(10), caller.apply(null).timeoutOf(WebhookServiceGrpc.getGetWebhookMethod()));
    assertEquals(Duration.ofSeconds(2), caller.apply(Duration.ofSeconds(2)).timeoutOf(test));
  }

  @ParameterizedTest
  @ValueSource(strings = {"https://hooks.example.com", "http://localhost", "https://[::1]/", "hooks.example.com:443"})
  void aUrlNeedsNoPort(String target) {
    Client.to(target).close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"hooks.example.com", "ftp://hooks.example.com", "https://", ":1", "::1"})
  void aTargetThatIsNoneIsRefused(String target) {
    assertThrows(IllegalArgumentException.class, () -> Client.to(target));
  }

  @Test
  void aWatchTellsWhenItCannotConnectAndWhenItHas() {
    var away = refuse(Code.UNAVAILABLE);
    List<Connectivity> told = new ArrayList<>();
    try (Fake server = new Fake(List.of(away), List.of(away), List.of(change(1), Duration.ofSeconds(20)));
        Client client = server.builder().build();
        Watch watch = client.watch(WatchDeliveriesRequest.getDefaultInstance()).onConnectivity(told::add)) {
      assertEquals("t1", watch.next().token());
    }
    assertEquals(List.of(false, false, true), told.stream().map(Connectivity::connected).toList());
    assertTrue(told.get(0).error().isPresent() && told.get(0).retryIn().isPresent());
  }

  @Test
  void aKeyFileIsReadAgainAndTheLastKeyIsKept(@TempDir Path folder) throws IOException {
    Path path = folder.resolve("key");
    assertThrows(IOException.class, () -> new ApiKeyFile(path));
    Files.writeString(path, " \n");
    assertThrows(IllegalArgumentException.class, () -> new ApiKeyFile(path));
    Files.writeString(path, "th_one\n");
    var key = new ApiKeyFile(path);
    assertEquals("th_one", key.get());
    Files.writeString(path, "th_two\n");
    assertEquals("th_two", key.get());
    Files.delete(path);
    assertEquals("th_two", key.get());
  }
}
