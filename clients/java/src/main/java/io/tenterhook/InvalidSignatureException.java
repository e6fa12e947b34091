package io.tenterhook;

/** The request must not be trusted; the message says why, and tells no secret. */
public final class InvalidSignatureException extends Exception {
  private static final long serialVersionUID = 1L;

  InvalidSignatureException(String why) {
    super(why);
  }
}
