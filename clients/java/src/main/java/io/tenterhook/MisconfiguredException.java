package io.tenterhook;

/**
 * The receiver itself is wrong, whoever sent the request: a secret that is empty or not base64, a body that is no
 * event. Answer 500 and fix it; the message says how, and holds no secret.
 */
public final class MisconfiguredException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  MisconfiguredException(String why) {
    super(why);
  }
}
