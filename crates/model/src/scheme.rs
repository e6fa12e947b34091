//! The ways to sign requests: their names in the API and the headers that they set. The engine signs by them.

use serde::{Deserialize, Serialize};

/// Header of the NETBOX scheme: hex HMAC-SHA512 of the body.
pub const NETBOX_SIGNATURE: &str = "X-Hook-Signature";
/// Header of the GITHUB scheme: `sha256=` and hex HMAC-SHA256 of the body.
pub const GITHUB_SIGNATURE: &str = "X-Hub-Signature-256";
/// Header of the STANDARD_WEBHOOKS scheme: the id that is signed.
pub const STANDARD_ID: &str = "webhook-id";
/// Header of the STANDARD_WEBHOOKS scheme: seconds since 1970, of the attempt.
pub const STANDARD_TIMESTAMP: &str = "webhook-timestamp";
/// Header of the STANDARD_WEBHOOKS schemes: `v1,` or `v1a,` and base64 for every key, parted by blanks.
pub const STANDARD_SIGNATURE: &str = "webhook-signature";

/// A way to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SignatureScheme {
    /// Hex HMAC-SHA512 of the body in `X-Hook-Signature`, by the newest key.
    NetBox,
    /// `webhook-id`, `webhook-timestamp`, `webhook-signature`, by every live key.
    StandardWebhooks,
    /// `sha256=` and hex HMAC-SHA256 of the body in `X-Hub-Signature-256`, by the newest key.
    GitHub,
    /// Ed25519 in the headers of [`SignatureScheme::StandardWebhooks`], by every live key pair.
    StandardWebhooksAsymmetric,
}

impl SignatureScheme {
    /// Every scheme.
    pub const ALL: [Self; 4] = [Self::NetBox, Self::StandardWebhooks, Self::GitHub, Self::StandardWebhooksAsymmetric];

    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NetBox => "NETBOX",
            Self::StandardWebhooks => "STANDARD_WEBHOOKS",
            Self::GitHub => "GITHUB",
            Self::StandardWebhooksAsymmetric => "STANDARD_WEBHOOKS_ASYMMETRIC",
        }
    }

    /// What its keys sign with.
    pub const fn algorithm(self) -> KeyAlgorithm {
        match self {
            Self::StandardWebhooksAsymmetric => KeyAlgorithm::Ed25519,
            Self::NetBox | Self::StandardWebhooks | Self::GitHub => KeyAlgorithm::Hmac,
        }
    }

    /// The headers that it sets, which nobody else may set while it signs.
    pub const fn headers(self) -> &'static [&'static str] {
        match self {
            Self::NetBox => &[NETBOX_SIGNATURE],
            Self::StandardWebhooks | Self::StandardWebhooksAsymmetric => {
                &[STANDARD_ID, STANDARD_TIMESTAMP, STANDARD_SIGNATURE]
            }
            Self::GitHub => &[GITHUB_SIGNATURE],
        }
    }

    /// The header that carries the signature itself.
    pub const fn signature_header(self) -> &'static str {
        match self {
            Self::NetBox => NETBOX_SIGNATURE,
            Self::StandardWebhooks | Self::StandardWebhooksAsymmetric => STANDARD_SIGNATURE,
            Self::GitHub => GITHUB_SIGNATURE,
        }
    }

    /// Whether some scheme sets the header `name`.
    pub fn sets(name: &str) -> bool {
        Self::ALL.iter().flat_map(|scheme| scheme.headers()).any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// What a signing key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// HMAC: the receiver knows the same secret.
    Hmac,
    /// Ed25519: the receiver knows the public key.
    Ed25519,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_sets_the_header_of_its_signature() {
        for scheme in SignatureScheme::ALL {
            assert!(scheme.headers().contains(&scheme.signature_header()), "{scheme:?}");
            assert!(SignatureScheme::sets(&scheme.signature_header().to_ascii_uppercase()), "{scheme:?}");
        }
        assert!(!SignatureScheme::sets("X-Signature"));
    }
}
