import static org.junit.jupiter.api.Assertions.assertEquals;

import io.tenterhook.Verifier;
import io.tenterhook.testing.RecordingReceiver;
import io.tenterhook.testing.TestServer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How the service of {@link Publish} is tested: with the server itself, in memory. */
@Timeout(60)
class PublishTest {
  private static final String SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

  @Test
  void aSavedSiteIsToldOnce() throws Exception {
    try (var server = TestServer.start(); var receiver = new RecordingReceiver(); var client = server.client()) {
      Publish.subscribe(client, receiver.url(), SECRET);
      var sites = new Publish.Sites(client);
      sites.save(new Publish.Site(7, "Zürich", 1));
      sites.save(new Publish.Site(7, "Zürich", 1));
      TestServer.waitFor(client, "site-7-1");
      assertEquals(1, receiver.requests().size());
      var request = receiver.requests().get(0);
      assertEquals("site-7-1", Verifier.event(request.headers()::get, request.body(), SECRET).id());
    }
  }
}
