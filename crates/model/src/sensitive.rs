//! Headers that carry a secret whatever anyone says of them, known by their names.
//!
//! Their values are shown to nobody and not kept: of a webhook's own headers, of those that
//! `additional_headers` renders to, and of a receiver's response.

/// What a sensitive name is in full.
const NAMES: [&str; 4] = ["cookie2", "set-cookie2", "session-id", "x-session-id"];
/// What the last word of a sensitive name ends with, as in `X-Vault-Token`, `X-AuthToken` or
/// `X-Forwarded-Authorization`.
const ENDINGS: [&str; 24] = [
    "authorization",
    "cookie",
    "token",
    "secret",
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "credential",
    "credentials",
    "apikey",
    "auth",
    "bearer",
    "jwt",
    "authentication",
    "passcode",
    "accesskey",
    "secretkey",
    "privatekey",
    "authkey",
    "sharedkey",
    "signingkey",
    "subscriptionkey",
    "sessionid",
];
/// What the last word of a sensitive name is, as in `X-Api-Key`. Longer words may end so by chance: `X-Monkey`, `X-Spin`.
const WORDS: [&str; 6] = ["key", "keys", "pass", "session", "pin", "otp"];
/// Names that end like a sensitive one and have to be seen: the idempotency key of
/// draft-ietf-httpapi-idempotency-key-header, WebSocket's nonce (RFC 6455), a cache's tags.
const OPEN: [&str; 4] = ["idempotency-key", "x-idempotency-key", "sec-websocket-key", "surrogate-key"];

/// Whether a header of this name, in any case, is sensitive by itself.
#[must_use]
pub fn is_sensitive_header(name: &str) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if OPEN.iter().any(|open| is(open)) {
        return false;
    }
    let word = name.rsplit(['-', '_']).next().unwrap_or_default();
    let ends_with = |ending: &str| {
        let start = word.len().checked_sub(ending.len());
        start.and_then(|start| word.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
    };
    NAMES.iter().any(|secret| is(secret))
        || ENDINGS.iter().any(|ending| ends_with(ending))
        || WORDS.iter().any(|secret| word.eq_ignore_ascii_case(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_secrets_are_known_in_any_case() {
        for name in [
            "Authorization",
            "PROXY-AUTHORIZATION",
            "cookie",
            "Set-Cookie",
            "X-Api-Key",
            "api_key",
            "X-ApiKey",
            "X-Vault-Token",
            "X-AuthToken",
            "Token",
            "X-Client-Secret",
            "X-Password",
            "DB_PASSWORD",
            "X-Auth",
            "Aws-Credentials",
            "X-Authorization",
            "X-Amzn-Remapped-Authorization",
            "X-Cookie",
            "X-User-Jwt",
            "DB_PWD",
            "X-Authentication",
            "X-AccessKey",
            "X-SecretKey",
            "X-Api-Keys",
            "X-Pass",
            "X-Passcode",
            "X-Session",
            "X-Session-Id",
            "X-SessionId",
            "Cookie2",
            "X-Pin",
            "X-OTP",
        ] {
            assert!(is_sensitive_header(name), "{name}");
        }
    }

    #[test]
    fn other_names_are_open() {
        for name in [
            "",
            "-",
            "Content-Type",
            "X-Monkey",
            "X-Compass",
            "Authentication-Info",
            "WWW-Authenticate",
            "X-Token-Type",
            "X-Key-Id",
            "Idempotency-Key",
            "webhook-signature",
            "X-Hook-Signature",
            "X-Tenterhook-Delivery",
            "X-Site",
            "é",
            "aéken",
        ] {
            assert!(!is_sensitive_header(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_last_word_decides_whatever_stands_before_it(
            before in "([A-Za-z]{1,6}[-_]){0,3}", ending in prop::sample::select(&ENDINGS[..]), part in "[A-Za-z]{0,4}",
            behind in "[-_][bdfg]{1,4}", upper in any::<bool>(),
        ) {
            let case = |name: String| if upper { name.to_ascii_uppercase() } else { name };
            let name = case(format!("{before}{part}{ending}"));
            prop_assert!(is_sensitive_header(&name), "{}", name);
            let key = case(format!("{before}key"));
            prop_assert_eq!(is_sensitive_header(&key), !OPEN.iter().any(|open| key.eq_ignore_ascii_case(open)), "{}", key);
            let open = case(format!("{before}{part}{ending}{behind}"));
            prop_assert!(!is_sensitive_header(&open), "{}", open);
        }

        #[test]
        fn a_name_means_the_same_in_every_case(name in "\\PC{0,20}") {
            prop_assert_eq!(is_sensitive_header(&name), is_sensitive_header(&name.to_ascii_uppercase()));
        }
    }
}
