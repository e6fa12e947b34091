package io.tenterhook;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Verifies the signatures of key pairs: Ed25519, as Standard Webhooks writes it. */
final class PublicKeys {
  private static final Pattern PUBLIC = Pattern.compile("[ \\t\\r\\n]*whpk_([A-Za-z0-9+/]{43})={0,2}[ \\t\\r\\n]*");
  private static final Pattern PREFIX = Pattern.compile("[ \\t\\r\\n]*whpk_");
  /** With no bits after the last byte. */
  private static final Pattern SIGNATURE = Pattern.compile("v1a,([A-Za-z0-9+/]{85}[AQgw]==)");

  /** What stands before the 32 bytes of a public key in its X.509 form (RFC 8410 section 4). */
  private static final byte[] X509 = HexFormat.of().parseHex("302a300506032b6570032100");

  private PublicKeys() {}

  static boolean isOne(@Nullable String secret) {
    return secret != null && PREFIX.matcher(secret).lookingAt();
  }

  /** The bytes of a public key in its X.509 form. */
  static byte[] read(String secret) {
    Matcher matcher = PUBLIC.matcher(secret);
    if (!matcher.matches()) {
      throw new MisconfiguredException(
          "a public key is not base64 of 32 bytes, as those of Standard Webhooks are (whpk_…)");
    }
    byte[] key = Base64.getDecoder().decode(matcher.group(1));
    byte[] encoded = Arrays.copyOf(X509, X509.length + key.length);
    System.arraycopy(key, 0, encoded, X509.length, key.length);
    return encoded;
  }

  /** Whether one of the signatures is by the owner of one of the public keys. */
  static boolean signedByAny(List<byte[]> publics, List<String> given, byte[][] content) {
    return publics.stream().anyMatch(key -> given.stream().anyMatch(signature -> isSigned(key, signature, content)));
  }

  private static boolean isSigned(byte[] key, String given, byte[][] content) {
    Matcher matcher = SIGNATURE.matcher(given);
    if (!matcher.matches()) {
      return false;
    }
    try {
      PublicKey imported = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(key));
      Signature verifier = Signature.getInstance("Ed25519");
      verifier.initVerify(imported);
      for (byte[] part : content) {
        verifier.update(part);
      }
      return verifier.verify(Base64.getDecoder().decode(matcher.group(1)));
    } catch (GeneralSecurityException notOnTheCurve) {
      return false;
    }
  }
}
