//! The check of the PEM fields at save.

use std::sync::Arc;

use rcgen::KeyPair;
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{Clock, Secret, Timestamp, TransportCheck};

use super::identity::{ALWAYS, Authority, Pem, params};
use crate::CertificateCheck;

/// 2020-09-13.
#[derive(Debug)]
struct Then;

impl Clock for Then {
    fn now(&self) -> Timestamp {
        Timestamp::new(1_600_000_000, 0).unwrap()
    }
}

fn faults(policy: &TransportPolicy) -> Vec<String> {
    CertificateCheck::new(Arc::new(Then), false).check(policy).iter().map(ToString::to_string).collect()
}

fn showing(identity: &Pem) -> TransportPolicy {
    TransportPolicy {
        client_certificate_pem: identity.certificate.clone(),
        client_private_key_pem: Secret::new(identity.key.as_str()),
        ..TransportPolicy::default()
    }
}

fn trusting(pem: impl Into<String>) -> TransportPolicy {
    TransportPolicy { ca_certificates_pem: pem.into(), ..TransportPolicy::default() }
}

/// Exactly one fault, with these beginnings of field and text.
fn assert_fault(policy: &TransportPolicy, field: &str, text: &str) {
    let faults = faults(policy);
    assert!(faults.len() == 1 && faults[0].starts_with(field) && faults[0].contains(text), "{faults:?}");
}

#[test]
fn nothing_and_everything_in_order_have_no_fault() {
    assert_eq!(faults(&TransportPolicy::default()), [""; 0]);
    let authority = Authority::new();
    let whole = TransportPolicy { ca_certificates_pem: authority.pem.clone(), ..showing(&authority.sign("us")) };
    assert_eq!(faults(&whole), [""; 0]);
}

#[test]
fn several_certificates_and_text_around_them_are_fine() {
    let (one, other) = (Authority::new(), Authority::new());
    assert_eq!(faults(&trusting(format!("# first\n{}\n# second\n{}", one.pem, other.pem))), [""; 0]);
    let leaf = one.sign("us");
    let chain = Pem { certificate: leaf.certificate + &one.pem, key: leaf.key };
    assert_eq!(faults(&showing(&chain)), [""; 0]);
}

#[test]
fn what_is_no_certificate_is_refused() {
    let field = "ca_certificates_pem";
    assert_fault(&trusting("hello"), field, "has no certificate");
    assert_fault(&trusting(Authority::new().sign("a").key), field, "holds a private key");
    assert_fault(&trusting("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), field, "certificate 1");
    assert_fault(&trusting("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"), field, "is not PEM");
    let good = Authority::new().pem;
    let second = format!("{good}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_fault(&trusting(second), field, "certificate 2");
}

#[test]
fn certificate_and_key_come_together() {
    let identity = Authority::new().sign("us");
    let no_key = TransportPolicy { client_private_key_pem: Secret::default(), ..showing(&identity) };
    assert_fault(&no_key, "client_private_key_pem", "together");
    let no_certificate = TransportPolicy { client_certificate_pem: String::new(), ..showing(&identity) };
    assert_fault(&no_certificate, "client_certificate_pem", "together");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let authority = Authority::new();
    let (one, other) = (authority.sign("us"), authority.sign("us"));
    let mixed = Pem { key: other.key, ..one };
    assert_fault(&showing(&mixed), "client_private_key_pem", "is not the key of");
}

#[test]
fn a_text_that_is_no_key_is_refused_and_not_repeated() {
    let identity = Authority::new().sign("us");
    for key in ["hunter2", "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n"] {
        let policy = showing(&Pem { key: key.into(), ..identity.clone() });
        assert_fault(&policy, "client_private_key_pem", "");
        assert!(!faults(&policy)[0].contains("hunter2") && !faults(&policy)[0].contains("aHVud"));
    }
}

#[test]
fn what_has_expired_or_is_not_valid_yet_is_refused() {
    let authority = Authority::new();
    assert_fault(&showing(&authority.sign_for("us", (2000, 2020))), "client_certificate_pem", "expired 256 days ago");
    assert_fault(&showing(&authority.sign_for("us", (2021, 2030))), "client_certificate_pem", "not valid yet");
    let own = |years| params("root", years).self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    assert_fault(&trusting(own((2000, 2020))), "ca_certificates_pem", "expired 256 days ago");
    assert_eq!(faults(&trusting(own(ALWAYS))), [""; 0], "a self-signed certificate may be trusted as it is");
}

#[test]
fn skipping_the_check_is_refused_unless_the_server_allows_it() {
    let policy = TransportPolicy { insecure_skip_verify: true, ..TransportPolicy::default() };
    assert_fault(&policy, "insecure_skip_verify", "not allowed");
    assert!(CertificateCheck::new(Arc::new(Then), true).check(&policy).is_empty());
}

#[test]
fn all_faults_are_told_at_once() {
    let policy = TransportPolicy {
        ca_certificates_pem: "x".into(),
        insecure_skip_verify: true,
        client_certificate_pem: "x".into(),
        ..TransportPolicy::default()
    };
    assert_eq!(faults(&policy).len(), 3);
}

#[test]
fn pem_is_taken_as_people_paste_it() {
    let (pem, key) = (Authority::new().pem, Authority::new().sign("us"));
    for form in
        [pem.replace('\n', "\\n"), pem.replace('\n', ""), pem.replace('\n', "\r\n"), format!("Bag Attributes\n{pem}")]
    {
        assert_eq!(faults(&trusting(form)), [""; 0]);
    }
    let one_line = Pem { certificate: key.certificate.replace('\n', "\\n"), key: key.key.replace('\n', " ") };
    assert_eq!(faults(&showing(&one_line)), [""; 0]);
}

/// A library's text would quote the key, in decimal bytes.
#[test]
fn a_key_among_certificates_is_refused_and_not_repeated() {
    let identity = Authority::new().sign("us");
    let body: String = identity.key.lines().filter(|line| !line.starts_with('-')).collect();
    for key in [
        identity.key.clone(),
        identity.key.replace('\n', ""),
        identity.key.replace('\n', "\\n"),
        identity.key.replace("-----END", ""),
    ] {
        let pasted = format!("{}{key}", identity.certificate);
        let policies = [trusting(pasted.clone()), showing(&Pem { certificate: pasted, key: identity.key.clone() })];
        for policy in policies {
            let faults = faults(&policy);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].len() <= 300 && !faults[0].contains(&body[20..40]), "{faults:?}");
            let decimal = body.as_bytes()[20..24].iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
            assert!(!faults[0].contains(&decimal), "{faults:?}");
        }
    }
}

#[test]
fn a_stale_certificate_of_a_bundle_is_a_warning() {
    let stale = params("old", (2000, 2020)).self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    let policy = trusting(format!("{}{stale}", Authority::new().pem));
    assert_eq!(faults(&policy), [""; 0]);
    let warnings = CertificateCheck::new(Arc::new(Then), false).warnings(&policy);
    let texts: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["ca_certificates_pem: certificate 2 expired 256 days ago (2020-01-01)"]);
    assert!(CertificateCheck::new(Arc::new(Then), false).warnings(&TransportPolicy::default()).is_empty());
}

#[test]
fn an_encrypted_key_says_what_to_do() {
    let identity = Authority::new().sign("us");
    let key = identity.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_fault(&showing(&Pem { key, ..identity }), "client_private_key_pem", "is encrypted");
}

#[test]
fn a_key_is_what_its_bytes_are_whatever_it_is_called() {
    let identity = Authority::new().sign("us");
    let key = include_str!("keys/rsa-pkcs1.pem").replace("RSA PRIVATE", "PRIVATE");
    assert_fault(&showing(&Pem { key, ..identity.clone() }), "client_private_key_pem", "is not the key of");
    let key = identity.key.replace("PRIVATE", "EC PRIVATE");
    assert_eq!(faults(&showing(&Pem { key, ..identity })), [""; 0]);
}

#[test]
fn the_first_end_is_of_the_own_certificate_or_of_the_last_that_is_trusted() {
    let check = CertificateCheck::new(Arc::new(Then), false);
    let first_end = |policy: &TransportPolicy| check.first_end(policy).map(|end| (end.field, end.time.seconds()));
    // The beginnings of 2030, 2031 and 2032, in seconds since 1970.
    let [y2030, y2031, y2032] = [1_893_456_000, 1_924_992_000, 1_956_528_000];
    let authority = |year| Authority::of_years((2000, year)).pem;
    let bundle = authority(2_030) + &authority(2_032);
    assert_eq!(first_end(&TransportPolicy::default()), None);
    assert_eq!(first_end(&trusting("no certificate")), None);
    assert_eq!(first_end(&trusting(authority(2_030))), Some(("ca_certificates_pem", y2030)));
    assert_eq!(first_end(&trusting(bundle.clone())), Some(("ca_certificates_pem", y2032)));
    let identity = Pem { certificate: authority(2_031), key: String::new() };
    let both = TransportPolicy { ca_certificates_pem: bundle, ..showing(&identity) };
    assert_eq!(first_end(&both), Some(("client_certificate_pem", y2031)));
}
