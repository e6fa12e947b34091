//! What a webhook names is trusted, and what is not trusted is told in words that say what to do.

use std::sync::Arc;

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa};
use rustls::crypto::ring;
use rustls::{ServerConfig, version};
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{Exchange, Outcome};

use super::identity::{ALWAYS, Authority, Pem, mutual_server, params, self_signed, server, version_1};
use super::support::{Receiver, Table, answer, deliverer, loopback, post_over};
use crate::{Deliverer, Outbound, Roots, TcpDialer};

const HOST: &str = "127.0.0.1";

/// An attempt at a receiver that shows `identity`, by a webhook that names `trusted`.
async fn attempt(identity: &Pem, trusted: &str) -> Exchange {
    attempt_at(server(identity, &["h2", "http/1.1"]), trusting(trusted)).await
}

async fn attempt_at(config: ServerConfig, transport: TransportPolicy) -> Exchange {
    let receiver = Receiver::tls(config, |_| answer(200, "")).await;
    deliverer().attempt(post_over(&format!("https://{}/", receiver.address), transport)).await
}

fn trusting(pem: &str) -> TransportPolicy {
    TransportPolicy { ca_certificates_pem: pem.to_owned(), ..TransportPolicy::default() }
}

/// Words that say what to do, of a bearable length and without names of Rust types.
fn assert_says(exchange: &Exchange, words: &str) {
    let text = &exchange.error;
    assert_eq!(exchange.outcome, Outcome::Tls, "{text}");
    assert!(text.contains(words), "{text}");
    let foreign = ["Other(", "Err(", "InvalidCertificate", "::", "Error", "UnknownIssuer", "CaUsedAs", "DnsName"];
    assert!(text.len() <= 400 && !foreign.iter().any(|word| text.contains(word)), "{text}");
}

#[tokio::test]
async fn a_certificate_that_is_named_is_trusted_whatever_its_shape() {
    let mut authority = params(HOST, ALWAYS);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut constrained = params(HOST, ALWAYS);
    constrained.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let mut for_clients = params(HOST, ALWAYS);
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let mut nameless = params(HOST, ALWAYS);
    nameless.subject_alt_names.clear();
    let shapes = [authority, constrained, for_clients, nameless, params(HOST, ALWAYS)];
    for identity in shapes.into_iter().map(self_signed).chain([version_1(), Authority::new().sign(HOST)]) {
        let exchange = attempt(&identity, &identity.certificate).await;
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""));
    }
}

#[tokio::test]
async fn a_kept_connection_serves_only_the_trust_that_it_was_made_under() {
    for protocols in [&["h2", "http/1.1"][..], &["http/1.1"]] {
        let (identity, other) = (self_signed(params(HOST, ALWAYS)), self_signed(params(HOST, ALWAYS)));
        let receiver = Receiver::tls(server(&identity, protocols), |_| answer(200, "")).await;
        let (deliverer, url) = (deliverer(), format!("https://{}/", receiver.address));
        for (trusted, expected) in
            [(&identity, Outcome::Success), (&other, Outcome::Tls), (&identity, Outcome::Success)]
        {
            let exchange = deliverer.attempt(post_over(&url, trusting(&trusted.certificate))).await;
            assert_eq!(exchange.outcome, expected, "{protocols:?}: {}", exchange.error);
        }
    }
}

#[tokio::test]
async fn a_named_certificate_works_over_tls_1_2_too() {
    for identity in [version_1(), self_signed(params(HOST, ALWAYS))] {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&version::TLS12]).unwrap();
        let resolver = server(&identity, &[]).cert_resolver;
        let config = builder.with_no_client_auth().with_cert_resolver(resolver);
        let exchange = attempt_at(config, trusting(&identity.certificate)).await;
        assert_eq!((exchange.outcome, exchange.error.as_str()), (Outcome::Success, ""));
    }
}

/// The certificate is public: the key is what its owner has.
#[tokio::test]
async fn a_named_certificate_without_its_key_is_not_trusted() {
    for identity in [version_1(), self_signed(params(HOST, ALWAYS))] {
        let thief = Pem { certificate: identity.certificate.clone(), key: self_signed(params("x", ALWAYS)).key };
        let exchange = attempt(&thief, &identity.certificate).await;
        assert_eq!(exchange.outcome, Outcome::Tls, "{}", exchange.error);
    }
}

#[tokio::test]
async fn names_and_dates_of_a_named_certificate_count() {
    let other = self_signed(params("other.example.com", ALWAYS));
    assert_says(&attempt(&other, &other.certificate).await, "it is for other.example.com, not for 127.0.0.1");
    let expired = self_signed(params(HOST, (2000, 2010)));
    assert_says(&attempt(&expired, &expired.certificate).await, "ca_certificates_pem: certificate 1 expired");
    let early = self_signed(params(HOST, (3000, 3010)));
    assert_says(&attempt(&early, &early.certificate).await, "is not valid yet (from 3000-01-01)");
}

#[tokio::test]
async fn one_stale_certificate_of_a_bundle_harms_nobody() {
    let (authority, stale) = (Authority::new(), self_signed(params("old", (2000, 2010))));
    let bundle = format!("{}{}", stale.certificate, authority.pem);
    assert_eq!(attempt(&authority.sign(HOST), &bundle).await.outcome, Outcome::Success);
}

#[tokio::test]
async fn an_authority_that_has_expired_is_not_trusted_and_told() {
    let authority = Authority::of_years((2000, 2010));
    let exchange = attempt(&authority.sign(HOST), &authority.pem).await;
    assert_says(&exchange, "ca_certificates_pem: certificate 1 expired");
    assert!(exchange.error.contains("(2010-01-01)"), "{}", exchange.error);
}

#[tokio::test]
async fn the_roots_of_the_system_can_be_trusted_along_with_others() {
    let (system, own) = (Authority::new(), Authority::new());
    let outbound = || Outbound {
        egress: tenterhook_model::Egress::default(),
        addresses: loopback(),
        resolver: Arc::new(Table::default()),
        roots: Roots::of(&system.pem),
        dialer: TcpDialer::default(),
    };
    let both = TransportPolicy { trust_system_roots: true, ..trusting(&own.pem) };
    let cases = [
        (&system, both.clone(), Outcome::Success),
        (&own, both, Outcome::Success),
        (&system, trusting(&own.pem), Outcome::Tls),
        (&system, TransportPolicy::default(), Outcome::Success),
        (&own, TransportPolicy { trust_system_roots: true, ..TransportPolicy::default() }, Outcome::Tls),
    ];
    for (authority, transport, outcome) in cases {
        let receiver = Receiver::tls(server(&authority.sign(HOST), &[]), |_| answer(200, "")).await;
        let request = post_over(&format!("https://{}/", receiver.address), transport);
        let exchange = Deliverer::new(outbound()).attempt(request).await;
        assert_eq!(exchange.outcome, outcome, "{}", exchange.error);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_receivers_certificate_is_told() {
    let authority = Authority::new();
    let trusted = authority.pem.as_str();
    let mut ca = params(HOST, ALWAYS);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut for_clients = params(HOST, ALWAYS);
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let mut nameless = params(HOST, ALWAYS);
    nameless.subject_alt_names.clear();
    let cases = [
        (self_signed(params(HOST, ALWAYS)), "it is self-signed; put exactly this certificate into ca_certificates_pem"),
        (self_signed(ca.clone()), "it is self-signed"),
        (version_1(), "it is self-signed"),
        (Authority::named("Elsewhere").sign(HOST), "`Elsewhere` signed it, whose certificate is unknown here"),
        (Authority::new().sign(HOST), "it is signed with another key"),
        (authority.sign("other.example.com"), "it is for other.example.com, not for 127.0.0.1"),
        (authority.sign_for(HOST, (2000, 2010)), "(2010-01-01); renew it at the receiver"),
        (authority.sign_for(HOST, (3000, 3010)), "it is not valid yet (from 3000-01-01)"),
        (authority.sign_as(nameless), "it has no subjectAltName"),
        (authority.sign_as(for_clients), "reissue it with serverAuth"),
        (authority.sign_as(ca), "it is that of an authority (CA:TRUE)"),
    ];
    for (identity, words) in cases {
        assert_says(&attempt(&identity, trusted).await, words);
    }
}

#[tokio::test]
async fn what_else_is_wrong_with_tls_is_told() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let wants_one = mutual_server(&authority.sign(HOST), &clients);
    assert_says(&attempt_at(wants_one, trusting(&authority.pem)).await, "the receiver wants a client certificate");
    let plain = Receiver::http(|_| answer(200, "")).await;
    let url = format!("https://{}/", plain.address);
    assert_says(&deliverer().attempt(post_over(&url, trusting(&authority.pem))).await, "use an http URL");
}

#[tokio::test]
async fn a_connection_is_not_used_beyond_the_life_of_its_authority() {
    use std::sync::atomic::{AtomicI64, Ordering};
    use tenterhook_model::{Clock, Timestamp};
    #[derive(Debug)]
    struct Now(AtomicI64);
    impl Clock for Now {
        fn now(&self) -> Timestamp {
            Timestamp::new(self.0.load(Ordering::SeqCst), 0).unwrap()
        }
    }
    let clock = Arc::new(Now(AtomicI64::new(1_000_000_000)));
    let trusts = crate::trust::Trusts::new(Roots::none(), false, clock.clone());
    let policy = Arc::new(trusting(&Authority::of_years((2000, 2010)).pem));
    let before = trusts.of(&policy, true).id;
    assert_eq!(trusts.of(&policy, true).id, before);
    clock.0.store(1_300_000_000, Ordering::SeqCst);
    let after = trusts.of(&policy, true).id;
    assert_ne!(after, before);
    assert_eq!(trusts.of(&policy, true).id, after);
}

#[tokio::test]
async fn a_pasted_certificate_is_read_for_a_connection_as_at_save() {
    let authority = Authority::new();
    for pem in
        [authority.pem.replace('\n', "\\n"), authority.pem.replace('\n', " "), format!("\u{feff}  {}", authority.pem)]
    {
        assert_eq!(attempt(&authority.sign(HOST), &pem).await.outcome, Outcome::Success);
    }
}
