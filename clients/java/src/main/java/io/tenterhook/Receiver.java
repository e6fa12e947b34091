package io.tenterhook;

import java.io.InputStream;
import java.util.List;
import java.util.function.Function;

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
  public int receive(Function<String, String> header, InputStream body) throws Exception {
    byte[] bytes = body.readNBytes(maxBytes + 1);
    if (bytes.length > maxBytes) {
      return 413;
    }
    WebhookEvent event;
    try {
      event = verifier.parse(header, bytes, secrets);
    } catch (InvalidSignatureException refused) {
      LOG.log(System.Logger.Level.WARNING, "refused a webhook: {0}", refused.getMessage());
      return 401;
    } catch (MisconfiguredException wrong) {
      LOG.log(System.Logger.Level.ERROR, "cannot receive webhooks: {0}", wrong.getMessage());
      return 500;
    }
    if (event.id().isEmpty() || !seen.has(event.id())) {
      handler.handle(event);
      if (!event.id().isEmpty()) {
        seen.add(event.id());
      }
    }
    return 204;
  }
}
