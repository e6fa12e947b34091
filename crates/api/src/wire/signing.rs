//! How requests are signed, between the wire and the model.

use tenterhook_model::limits;
use tenterhook_model::webhook::{
    CustomSignature, HmacAlgorithm, KeyAlgorithm, KeyEncoding, SignatureEncoding, SignatureScheme, WebhookSpec,
};
use tenterhook_proto::tenterhook::v1;

use crate::check::{Check, grouped};

/// The schemes and the custom signatures at this place.
pub(crate) fn read_signing(
    check: &mut Check,
    signing: v1::SigningPolicy,
) -> (Vec<SignatureScheme>, Vec<CustomSignature>) {
    let schemes = read_schemes(check, &signing.schemes);
    check.count("custom", signing.custom.len(), limits::CUSTOM_SIGNATURES);
    let custom = check.within("custom", |check| {
        let read = |(index, custom)| check.item(index, |check| read_custom(check, custom));
        signing.custom.into_iter().take(limits::CUSTOM_SIGNATURES).enumerate().map(read).collect()
    });
    (schemes, custom)
}

fn read_schemes(check: &mut Check, given: &[i32]) -> Vec<SignatureScheme> {
    let mut schemes = Vec::new();
    check.within("schemes", |check| {
        for (index, scheme) in given.iter().enumerate() {
            check.item(index, |check| match read_scheme(*scheme) {
                None => check
                    .refuse_here("must be one of NETBOX, STANDARD_WEBHOOKS, GITHUB and STANDARD_WEBHOOKS_ASYMMETRIC"),
                Some(scheme) if schemes.contains(&scheme) => check.refuse_here("is listed twice"),
                Some(scheme) => schemes.push(scheme),
            });
        }
    });
    schemes
}

fn read_scheme(scheme: i32) -> Option<SignatureScheme> {
    match v1::SignatureScheme::try_from(scheme) {
        Ok(v1::SignatureScheme::Netbox) => Some(SignatureScheme::NetBox),
        Ok(v1::SignatureScheme::StandardWebhooks) => Some(SignatureScheme::StandardWebhooks),
        Ok(v1::SignatureScheme::Github) => Some(SignatureScheme::GitHub),
        Ok(v1::SignatureScheme::StandardWebhooksAsymmetric) => Some(SignatureScheme::StandardWebhooksAsymmetric),
        Ok(v1::SignatureScheme::Unspecified) | Err(_) => None,
    }
}

fn read_custom(check: &mut Check, custom: v1::CustomSignature) -> CustomSignature {
    use v1::{SignatureAlgorithm as Algorithm, SignatureEncoding as Encoding, SignatureKeyEncoding as Key};
    if custom.header.len() > limits::HEADER_BYTES {
        check.refuse("header", format!("must have at most {} bytes", grouped(limits::HEADER_BYTES)));
    }
    for (name, text) in [("content", &custom.content), ("value", &custom.value)] {
        if text.len() > limits::CUSTOM_SIGNATURE_BYTES {
            let (most, bytes) = (grouped(limits::CUSTOM_SIGNATURE_BYTES), grouped(text.len()));
            check.refuse(name, format!("must have at most {most} bytes, not {bytes}"));
        }
    }
    let algorithm = match Algorithm::try_from(custom.algorithm) {
        Ok(Algorithm::HmacSha1) => HmacAlgorithm::Sha1,
        Ok(Algorithm::Unspecified | Algorithm::HmacSha256) => HmacAlgorithm::Sha256,
        Ok(Algorithm::HmacSha512) => HmacAlgorithm::Sha512,
        Err(_) => {
            check.refuse("algorithm", "must be one of HMAC_SHA1, HMAC_SHA256 and HMAC_SHA512");
            HmacAlgorithm::default()
        }
    };
    let encoding = match Encoding::try_from(custom.encoding) {
        Ok(Encoding::Unspecified | Encoding::Hex) => SignatureEncoding::Hex,
        Ok(Encoding::Base64) => SignatureEncoding::Base64,
        Err(_) => {
            check.refuse("encoding", "must be HEX or BASE64");
            SignatureEncoding::default()
        }
    };
    let key_encoding = match Key::try_from(custom.key_encoding) {
        Ok(Key::Unspecified | Key::Text) => KeyEncoding::Text,
        Ok(Key::Base64) => KeyEncoding::Base64,
        Ok(Key::Hex) => KeyEncoding::Hex,
        Err(_) => {
            check.refuse("key_encoding", "must be one of TEXT, BASE64 and HEX");
            KeyEncoding::default()
        }
    };
    let (header, content, value) = (custom.header, custom.content, custom.value);
    CustomSignature { header, algorithm, encoding, key_encoding, content, value }
}

/// The policy on the wire; unset where the configuration has none.
pub(crate) fn write_signing(spec: &WebhookSpec) -> Option<v1::SigningPolicy> {
    let schemes = spec.signing.as_ref()?;
    Some(v1::SigningPolicy {
        schemes: schemes.iter().map(|scheme| write_scheme(*scheme).into()).collect(),
        custom: spec.custom_signatures.iter().map(write_custom).collect(),
    })
}

fn write_scheme(scheme: SignatureScheme) -> v1::SignatureScheme {
    match scheme {
        SignatureScheme::NetBox => v1::SignatureScheme::Netbox,
        SignatureScheme::StandardWebhooks => v1::SignatureScheme::StandardWebhooks,
        SignatureScheme::GitHub => v1::SignatureScheme::Github,
        SignatureScheme::StandardWebhooksAsymmetric => v1::SignatureScheme::StandardWebhooksAsymmetric,
    }
}

fn write_custom(custom: &CustomSignature) -> v1::CustomSignature {
    let algorithm = match custom.algorithm {
        HmacAlgorithm::Sha1 => v1::SignatureAlgorithm::HmacSha1,
        HmacAlgorithm::Sha256 => v1::SignatureAlgorithm::HmacSha256,
        HmacAlgorithm::Sha512 => v1::SignatureAlgorithm::HmacSha512,
    };
    let encoding = match custom.encoding {
        SignatureEncoding::Hex => v1::SignatureEncoding::Hex,
        SignatureEncoding::Base64 => v1::SignatureEncoding::Base64,
    };
    let key_encoding = match custom.key_encoding {
        KeyEncoding::Text => v1::SignatureKeyEncoding::Text,
        KeyEncoding::Base64 => v1::SignatureKeyEncoding::Base64,
        KeyEncoding::Hex => v1::SignatureKeyEncoding::Hex,
    };
    v1::CustomSignature {
        header: custom.header.clone(),
        algorithm: algorithm.into(),
        encoding: encoding.into(),
        key_encoding: key_encoding.into(),
        content: custom.content.clone(),
        value: custom.value.clone(),
    }
}

/// What a key is to sign with, if that is given.
pub(crate) fn read_algorithm(check: &mut Check, algorithm: i32) -> Option<KeyAlgorithm> {
    match v1::SigningKeyAlgorithm::try_from(algorithm) {
        Ok(v1::SigningKeyAlgorithm::Unspecified) => None,
        Ok(v1::SigningKeyAlgorithm::Hmac) => Some(KeyAlgorithm::Hmac),
        Ok(v1::SigningKeyAlgorithm::Ed25519) => Some(KeyAlgorithm::Ed25519),
        Err(_) => {
            check.refuse("algorithm", "must be HMAC or ED25519");
            None
        }
    }
}

/// What a key signs with, on the wire.
pub(crate) fn write_algorithm(algorithm: KeyAlgorithm) -> v1::SigningKeyAlgorithm {
    match algorithm {
        KeyAlgorithm::Hmac => v1::SigningKeyAlgorithm::Hmac,
        KeyAlgorithm::Ed25519 => v1::SigningKeyAlgorithm::Ed25519,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    fn read(policy: v1::SigningPolicy) -> Result<WebhookSpec, Vec<String>> {
        let mut check = Check::new();
        let (schemes, custom_signatures) = read_signing(&mut check, policy);
        match check.finish() {
            Ok(()) => Ok(WebhookSpec { signing: Some(schemes), custom_signatures, ..WebhookSpec::default() }),
            Err(Refusal::Faults(faults)) => Err(faults.into_iter().map(|fault| fault.field).collect()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_read_is_written_and_what_is_unset_is_its_default() {
        let full = v1::CustomSignature {
            header: "X-A".into(),
            algorithm: v1::SignatureAlgorithm::HmacSha1.into(),
            encoding: v1::SignatureEncoding::Base64.into(),
            key_encoding: v1::SignatureKeyEncoding::Hex.into(),
            content: "{{timestamp}}.{{body}}".into(),
            value: "t={{timestamp}},v1={{signature}}".into(),
        };
        let policy = v1::SigningPolicy { schemes: vec![4], custom: vec![full] };
        assert_eq!(write_signing(&read(policy.clone()).unwrap()), Some(policy));
        let bare = v1::CustomSignature { header: "X-A".into(), ..Default::default() };
        let written = write_signing(&read(v1::SigningPolicy { schemes: vec![], custom: vec![bare] }).unwrap()).unwrap();
        assert_eq!(written.custom[0].algorithm(), v1::SignatureAlgorithm::HmacSha256);
        assert_eq!(written.custom[0].encoding(), v1::SignatureEncoding::Hex);
        assert_eq!(written.custom[0].key_encoding(), v1::SignatureKeyEncoding::Text);
        assert_eq!(write_signing(&WebhookSpec::default()), None);
    }

    #[test]
    fn every_field_of_a_custom_signature_has_its_bounds() {
        let long = "x".repeat(limits::CUSTOM_SIGNATURE_BYTES + 1);
        let bad = v1::CustomSignature {
            header: "h".repeat(limits::HEADER_BYTES + 1),
            algorithm: 99,
            encoding: 99,
            key_encoding: 99,
            content: long.clone(),
            value: long,
        };
        let refused = read(v1::SigningPolicy { schemes: vec![], custom: vec![bad] }).unwrap_err();
        let fields = ["header", "content", "value", "algorithm", "encoding", "key_encoding"];
        assert_eq!(refused, fields.map(|field| format!("custom[0].{field}")));
        let many = vec![v1::CustomSignature::default(); limits::CUSTOM_SIGNATURES + 1];
        assert_eq!(read(v1::SigningPolicy { schemes: vec![], custom: many }).unwrap_err(), ["custom"]);
    }
}
