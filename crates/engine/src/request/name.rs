//! Names and values of headers: which are legal, and which are the server's own.

use tenterhook_model::authentication::AUTHORIZATION;
use tenterhook_model::limits;

/// Framing, hop-by-hop and the server's own headers (RFC 9110 section 7.6.1, RFC 9112
/// section 6), in lower case.
const SERVERS_OWN: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Characters of a name that an error shows.
const NAME_SHOWN_CHARS: usize = 60;
/// Beginnings of further names of that kind, in lower case.
const SERVERS_OWN_PREFIXES: [&str; 2] = ["proxy-", "x-tenterhook-"];

/// Whether a webhook whose signatures and authentication take the headers `taken` may set the header `name`; says why not.
pub(crate) fn check_name(name: &str, taken: &[String]) -> Result<(), String> {
    if name.is_empty() {
        return Err("has no name".to_owned());
    }
    if !name.bytes().all(is_token) {
        return Err("has a name with characters that no header's name may have (RFC 9110 section 5.6.2)".to_owned());
    }
    if is_servers_own(name) {
        return Err(format!("has the name `{name}`, which only the server sets"));
    }
    if taken.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        let by =
            if name.eq_ignore_ascii_case(AUTHORIZATION) { "`authentication` or a signature" } else { "the signature" };
        return Err(format!("has the name `{name}`, which {by} uses"));
    }
    Ok(())
}

/// A line of `additional_headers` in an error: by its name, if that is one. What has no colon where
/// it belongs is not repeated, for it may be a value.
pub(super) fn line_of(name: &str) -> String {
    if name.is_empty() || !name.bytes().all(is_token) {
        return "a line".to_owned();
    }
    let shown: String = name.chars().take(NAME_SHOWN_CHARS).collect();
    format!("the line `{shown}`")
}

fn is_servers_own(name: &str) -> bool {
    let begins = |prefix: &&str| {
        name.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    SERVERS_OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) || SERVERS_OWN_PREFIXES.iter().any(begins)
}

/// The characters of a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether `value` may be sent; says why not, without showing it.
pub(super) fn check_value(value: &str) -> Result<(), &'static str> {
    match value.bytes().find(|byte| !(matches!(byte, b' '..=b'~') || *byte == b'\t')) {
        None => Ok(()),
        Some(0x80..) => Err("has characters that are not ASCII; use the filter `urlencode` or `tojson`"),
        Some(_) => Err("has a line break or another control character"),
    }
}

/// Whether one header is short enough; says why not.
pub(super) fn check_length(name: &str, value: &str) -> Result<(), String> {
    let bytes = name.len() + value.len();
    if bytes <= limits::HEADER_BYTES {
        return Ok(());
    }
    Err(format!("is a header of {bytes} bytes; at most {} are allowed", limits::HEADER_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens_that_are_not_the_servers_own() {
        let free =
            ["X-A", "!#$%&'*+-.^_`|~", "Content-Type", "User-Agent", "X-Tenterhook", "tracestate", "Proxy", "x-te"];
        for name in free {
            assert_eq!(check_name(name, &[]), Ok(()), "{name}");
        }
        let own =
            ["Host", "CONTENT-LENGTH", "te", "Proxy-Authorization", "proxy-x", "X-TenterHook-Delivery", "traceparent"];
        let illegal = ["", "X A", "X:A", " X", "X\u{e9}", "X(", "X\0", "é-proxy", ":path"];
        for name in own.into_iter().chain(illegal) {
            assert!(check_name(name, &[]).is_err(), "{name}");
        }
    }

    #[test]
    fn signature_headers_belong_to_the_schemes_that_sign() {
        use SignatureScheme::{GitHub, NetBox, StandardWebhooks};
        use tenterhook_model::webhook::SignatureScheme;
        let taken =
            |scheme: SignatureScheme| scheme.headers().iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let cases = [
            ("x-hook-signature", NetBox),
            ("X-Hub-Signature-256", GitHub),
            ("Webhook-Id", StandardWebhooks),
            ("webhook-timestamp", StandardWebhooks),
            ("WEBHOOK-SIGNATURE", StandardWebhooks),
        ];
        for (name, scheme) in cases {
            assert!(check_name(name, &taken(scheme)).is_err(), "{name}");
            assert_eq!(check_name(name, &[]), Ok(()), "{name}");
        }
        assert_eq!(check_name("webhook-id", &taken(NetBox)), Ok(()));
    }

    #[test]
    fn values_are_visible_ascii_blanks_and_tabs() {
        assert_eq!(check_value("a\tb ~!"), Ok(()));
        assert!(check_value("Zürich").unwrap_err().contains("urlencode"));
        for bad in ["a\nb", "a\rb", "a\0", "a\u{7f}"] {
            assert!(check_value(bad).unwrap_err().contains("control"), "{bad:?}");
        }
    }

    #[test]
    fn a_header_counts_with_its_name() {
        assert_eq!(check_length("X-A", &"v".repeat(limits::HEADER_BYTES - 3)), Ok(()));
        assert!(check_length("X-A", &"v".repeat(limits::HEADER_BYTES - 2)).is_err());
    }
}
