//! TLS between the servers that are measured and the receiver of the benchmark.

use std::sync::Arc;

use anyhow::Result;
use clap::ValueEnum;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tenterhook_server::failure::InWords;

/// The receiver's certificate: its own authority, for 127.0.0.1, until 2126.
pub(super) const CERTIFICATE: &str = include_str!("receiver.pem");
/// Its key, which is published with the source and protects nothing.
const KEY: &str = include_str!("receiver-key.pem");

/// How requests reach the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Over {
    /// HTTP/1.1 without TLS.
    Plain,
    /// HTTP/1.1 over TLS.
    Https,
    /// HTTP/2 over TLS.
    Http2,
}

impl Over {
    /// The scheme of the receiver's URL.
    pub(super) fn scheme(self) -> &'static str {
        if self == Self::Plain { "http" } else { "https" }
    }

    /// The receiver's side of TLS; nothing when it has none.
    pub(super) fn server(self) -> Result<Option<Arc<ServerConfig>>> {
        if self == Self::Plain {
            return Ok(None);
        }
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().context("no version of TLS")?.with_no_client_auth();
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).context("the receiver's key is none")?;
        let mut config = builder.with_single_cert(vec![certificate()?], key).context("the key is of another")?;
        config.alpn_protocols.push(self.protocol().to_vec());
        Ok(Some(Arc::new(config)))
    }

    /// The yardstick's side of TLS; nothing when it has none.
    pub(super) fn client(self) -> Result<Option<Arc<ClientConfig>>> {
        if self == Self::Plain {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        roots.add(certificate()?).context("the receiver's certificate is none")?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().context("no version of TLS")?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols.push(self.protocol().to_vec());
        Ok(Some(Arc::new(config)))
    }

    /// Its name in the handshake (RFC 7301).
    fn protocol(self) -> &'static [u8] {
        if self == Self::Http2 { b"h2" } else { b"http/1.1" }
    }
}

fn certificate() -> Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).context("the receiver's certificate is none")
}
