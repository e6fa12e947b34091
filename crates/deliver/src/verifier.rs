//! How a receiver's certificate is checked: by the authorities that are trusted, or not at all.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use tenterhook_model::Timestamp;

use crate::certificates::{Named, stale};
use crate::der::Facts;
use crate::untrusted::Untrusted;

/// Takes the certificates that the webhook names, and those that an authority it trusts has
/// signed for the host.
///
/// A certificate that is named is taken whatever its shape, for most self-signed ones are made
/// with `CA:TRUE`, without a key usage, or as version 1, all of which webpki refuses
/// (docs/decisions/0036). Its dates count, and its names if it has any.
#[derive(Debug)]
pub(crate) struct Authorities {
    named: Vec<Named>,
    system: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    /// By all of them; `None` when there is none that can sign.
    all: Option<Arc<WebPkiServerVerifier>>,
}

impl Authorities {
    /// Trusts what a webhook names, and the roots of the system that are handed in.
    pub(crate) fn new(named: Vec<Named>, system: Arc<RootCertStore>, provider: Arc<CryptoProvider>) -> Self {
        let all = verifier(&mut named.iter(), &system, &provider);
        Self { named, system, provider, all }
    }

    /// What a certificate that is named says.
    fn named(&self, certificate: &CertificateDer<'_>) -> Option<&Facts> {
        self.named.iter().find(|named| named.der == *certificate).map(|named| &named.facts)
    }

    /// Checks by the authorities whose dates are right, for webpki does not look at those.
    fn verify(&self, shown: &Shown<'_>, ocsp: &[u8], now: UnixTime) -> Result<ServerCertVerified, Error> {
        let fresh = || self.named.iter().filter(|named| stale(&named.facts, shown.time).is_none());
        let verifier = match fresh().count() == self.named.len() {
            true => self.all.clone(),
            false => verifier(&mut fresh(), &self.system, &self.provider),
        };
        match verifier {
            Some(verifier) => verifier.verify_server_cert(shown.certificate, shown.chain, shown.name, ocsp, now),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    /// Why a certificate was refused, for its owner.
    fn explain(&self, error: &Error, shown: &Shown<'_>) -> Untrusted {
        let Some(facts) = Facts::read(shown.certificate) else { return Untrusted::Unreadable };
        let Error::InvalidCertificate(reason) = error else { return Untrusted::Unreadable };
        match reason {
            CertificateError::UnknownIssuer => self.unknown_issuer(&facts, shown),
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                stale(&facts, shown.time).map_or(Untrusted::StaleChain, Untrusted::Stale)
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                wrong_name(&facts, shown.name)
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Untrusted::Purpose,
            // A self-signed certificate that replaced another under the name of the one that is known.
            CertificateError::BadSignature if facts.is_self_signed() => Untrusted::SelfSigned,
            CertificateError::BadSignature => Untrusted::Signature,
            CertificateError::Revoked => Untrusted::Revoked,
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Untrusted::Algorithm,
            _ if facts.is_self_signed() => Untrusted::SelfSigned,
            _ if facts.version == 1 => Untrusted::Version1,
            CertificateError::Other(OtherError(inner))
                if inner.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity) =>
            {
                Untrusted::Authority
            }
            _ => Untrusted::Unreadable,
        }
    }

    fn unknown_issuer(&self, facts: &Facts, shown: &Shown<'_>) -> Untrusted {
        if self.named.is_empty() && self.system.is_empty() {
            return Untrusted::NoRoots;
        }
        let chain = shown.chain.iter().filter_map(|certificate| Facts::read(certificate));
        let issuers: Vec<_> = chain.map(|facts| facts.issuer).chain([facts.issuer.clone()]).collect();
        let stale_issuer = self.named.iter().enumerate().find_map(|(index, named)| {
            let stale = stale(&named.facts, shown.time).filter(|_| issuers.contains(&named.facts.subject))?;
            Some(Untrusted::StaleAuthority { number: index + 1, stale })
        });
        stale_issuer.unwrap_or_else(|| match facts.is_self_signed() {
            true => Untrusted::SelfSigned,
            false => Untrusted::UnknownIssuer { issuer: facts.issuer_name() },
        })
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }
}

/// A certificate that a receiver shows, with those that come with it.
struct Shown<'a> {
    certificate: &'a CertificateDer<'a>,
    chain: &'a [CertificateDer<'a>],
    name: &'a ServerName<'a>,
    time: Timestamp,
}

/// A verifier by these certificates; `None` when none of them can sign others.
fn verifier(
    named: &mut dyn Iterator<Item = &Named>,
    system: &RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    let mut roots = system.clone();
    // One that webpki does not take as an authority may still be shown by a receiver itself.
    roots.add_parsable_certificates(named.map(|named| named.der.clone()));
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok()
}

/// Checks a certificate that is trusted as it is. One without names is for the host that shows it.
fn check_named(facts: &Facts, number: usize, shown: &Shown<'_>) -> Result<(), Untrusted> {
    if let Some(stale) = stale(facts, shown.time) {
        return Err(Untrusted::StaleAuthority { number, stale });
    }
    let is_named = |name: &String| match shown.name {
        ServerName::DnsName(host) => is_for(name, host.as_ref()),
        ServerName::IpAddress(address) => name.parse() == Ok(IpAddr::from(*address)),
        _ => false,
    };
    match facts.names.is_empty() || facts.names.iter().any(is_named) {
        true => Ok(()),
        false => Err(wrong_name(facts, shown.name)),
    }
}

/// Whether the name of a certificate is for `host`: the same, or with `*` as its first label (RFC
/// 9525 section 6.3).
fn is_for(name: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let wildcard = || Some(name.strip_prefix("*.")?.eq_ignore_ascii_case(host.split_once('.')?.1));
    name.eq_ignore_ascii_case(host) || wildcard().unwrap_or(false)
}

fn wrong_name(facts: &Facts, name: &ServerName<'_>) -> Untrusted {
    let host: String = name.to_str().chars().take(HOST_CHARS).collect();
    match facts.names.is_empty() {
        true => Untrusted::NoNames { host },
        false => Untrusted::WrongName { host, names: facts.names.clone() },
    }
}

/// Characters of a host that an error shows.
const HOST_CHARS: usize = 64;

impl ServerCertVerifier for Authorities {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let time = Timestamp::new(seconds, 0).unwrap_or(Timestamp::MAX);
        let shown = Shown { certificate: end_entity, chain: intermediates, name: server_name, time };
        if let Some(index) = self.named.iter().position(|named| named.der == *end_entity) {
            check_named(&self.named[index].facts, index + 1, &shown)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.verify(&shown, ocsp_response, now).map_err(|error| self.explain(&error, &shown).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.named(cert) {
            Some(facts) => verify_with_key(facts, message, signature, self.algorithms()),
            None => verify_tls12_signature(message, cert, signature, self.algorithms()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.named(cert) {
            Some(facts) => {
                let key = SubjectPublicKeyInfoDer::from(facts.public_key.as_slice());
                verify_tls13_signature_with_raw_key(message, &key, signature, self.algorithms())
            }
            None => verify_tls13_signature(message, cert, signature, self.algorithms()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}

/// Checks a signature of TLS 1.2 by the key alone: rustls reads it from the certificate, which may
/// be of a shape that webpki does not read. A scheme stands for one algorithm a kind of key.
fn verify_with_key(
    facts: &Facts,
    message: &[u8],
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let key = SubjectPublicKeyInfoDer::from(facts.public_key.as_slice());
    let key = webpki::RawPublicKeyEntity::try_from(&key).map_err(|_| Untrusted::Algorithm)?;
    let of_scheme = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signature.scheme);
    let mut candidates = of_scheme.flat_map(|(_, algorithms)| algorithms.iter());
    match candidates.any(|algorithm| key.verify_signature(*algorithm, message, signature.signature()).is_ok()) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(Untrusted::Signature.into()),
    }
}

/// Takes any certificate, for webhooks with `insecure_skip_verify` on a server that allows
/// it. Who holds the certificate must still prove it, by the key in it.
#[derive(Debug)]
pub(crate) struct AnyCertificate(pub(crate) WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let facts = Facts::read(cert).ok_or(Untrusted::Unreadable)?;
        verify_with_key(&facts, message, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let facts = Facts::read(cert).ok_or(Untrusted::Unreadable)?;
        let key = SubjectPublicKeyInfoDer::from(facts.public_key.as_slice());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
