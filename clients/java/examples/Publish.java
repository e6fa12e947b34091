import io.tenterhook.Client;
import io.tenterhook.Json;
import io.tenterhook.TenterhookException;
import io.tenterhook.v1.Event;
import io.tenterhook.v1.EventRule;
import io.tenterhook.v1.PublishResult;
import io.tenterhook.v1.RequestTemplate;
import io.tenterhook.v1.SignatureScheme;
import io.tenterhook.v1.SigningPolicy;
import io.tenterhook.v1.Webhook;
import java.util.List;

/**
 * A service that tells what happens to its sites:
 * {@code java -cp CLASSPATH examples/Publish.java [TARGET] [RECEIVER_URL] [SECRET] [REVISION]}.
 */
public final class Publish {
  record Site(int id, String name, int revision) {}

  /** What the service is about; it has one client for its whole life. */
  record Sites(Client client) {
    void save(Site site) {
      PublishResult result = client.publish(Event.newBuilder()
          // The id names what happened, so that telling it twice makes no second event.
          .setId("site-" + site.id() + "-" + site.revision())
          .setType("updated")
          .setObjectType("dcim.site")
          .setData(Json.of(site))
          .setOrderingKey("site-" + site.id())
          .build());
      System.out.println(result.getEventId() + (result.getDuplicate() ? " known" : " new"));
    }
  }

  /** Makes the webhook, unless an earlier run did. */
  static void subscribe(Client client, String url, String secret) {
    Webhook webhook = Webhook.newBuilder()
        .setDisplayName("sites")
        .setRequest(RequestTemplate.newBuilder().setUrl(url))
        .addRules(EventRule.newBuilder().addObjectTypes("dcim.site"))
        .setSigning(SigningPolicy.newBuilder().addSchemes(SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS))
        .build();
    try {
      client.createWebhook(webhook, secret);
    } catch (TenterhookException.Conflict there) {
      System.err.println("the webhook is there: " + there.getMessage());
    }
  }

  public static void main(String[] arguments) {
    String[] given = {"localhost:50051", "http://127.0.0.1:9000/hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "1"};
    System.arraycopy(arguments, 0, given, 0, Math.min(arguments.length, given.length));
    try (Client client = Client.to(given[0])) {
      subscribe(client, given[1], given[2]);
      Sites sites = new Sites(client);
      List<String> names = List.of("Zürich", "Genève", "Lugano");
      for (int id = 0; id < names.size(); id++) {
        sites.save(new Site(id, names.get(id), Integer.parseInt(given[3])));
      }
    }
  }
}
