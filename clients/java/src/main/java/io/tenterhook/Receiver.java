package io.tenterhook;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Decides over whole requests, for receivers in any framework.
 *
 * @param verifier how requests are checked
 * @param secrets all that are live while keys are rotated
 * @param seen which deliveries were handled
 * @param maxBytes the largest body to take
 * @param handler handles an event
 */
public record Receiver(Verifier verifier, List<String> secrets, Seen seen, int maxBytes, Handler handler) {
  /** 1 MiB: the largest body that the server sends. */
  public static final int MAX_BYTES = 1 << 20;
  private static final int RECENT = 10_000;
  private static final System.Logger LOG = System.getLogger(Receiver.class.getName());

  /** Handles an event. What it throws is thrown by {@link #receive}; answer 500, and the event comes again. */
  @FunctionalInterface
  public interface Handler {
    void handle(WebhookEvent event) throws Exception;
  }

  /** With the defaults. */
  public Receiver(Handler handler, String... secrets) {
    this(Verifier.DEFAULT, List.of(secrets), Seen.recent(RECENT), MAX_BYTES, handler);
  }

  /**
   * Handles the event of a request, unless it was handled before.
   *
   * @param header gives a header by its name without case, such as {@code request::getHeader}
   * @return the status of the response: 204, 401 for a request that must not be trusted, 413 for too large a body,
   *     500 where the receiver is misconfigured, which is logged
   * @throws Exception what the handler threw
   */
  public int receive(Function<String, @Nullable String> header, InputStream body) throws Exception {
    Decision decision = decide(header, body);
    if (decision.event() != null) {
      handler.handle(decision.event());
      handled(decision.event());
    }
    return decision.status();
  }

  /** What becomes of a request: the event to handle, if there is one, and the status, if that goes well. */
  record Decision(@Nullable WebhookEvent event, int status) {}

  /** Verifies a request; there is no event where it must not be trusted or was handled before. */
  Decision decide(Function<String, @Nullable String> header, InputStream body) throws IOException {
    byte[] bytes = body.readNBytes(maxBytes + 1);
    if (bytes.length > maxBytes) {
      return new Decision(null, 413);
    }
    WebhookEvent event;
    try {
      event = verifier.parse(header, bytes, secrets);
    } catch (InvalidSignatureException refused) {
      LOG.log(System.Logger.Level.WARNING, "refused a webhook: {0}", refused.getMessage());
      return new Decision(null, 401);
    } catch (MisconfiguredException wrong) {
      LOG.log(System.Logger.Level.ERROR, "cannot receive webhooks: {0}", wrong.getMessage());
      return new Decision(null, 500);
    }
    boolean known = !event.id().isEmpty() && seen.has(event.id());
    return new Decision(known ? null : event, 204);
  }

  /** Notes that an event was handled. */
  void handled(WebhookEvent event) {
    if (!event.id().isEmpty()) {
      seen.add(event.id());
    }
  }
}
