//! The names of the client certificate that a connection was made with.

use std::sync::Arc;

use http::Extensions;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

use crate::access::names_of_certificate;

/// Names of a verified client certificate. A listener that does TLS itself puts them into the
/// extensions of each request; for tonic's own TLS they are read from the connection.
#[derive(Debug, Clone, Default)]
pub struct PeerNames(pub Arc<[String]>);

impl PeerNames {
    /// The names that the request's connection was made with; none without a certificate.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        if let Some(names) = extensions.get::<Self>() {
            return names.clone();
        }
        let info = extensions.get::<TlsConnectInfo<TcpConnectInfo>>();
        let certificates = info.and_then(TlsConnectInfo::peer_certs).unwrap_or_default();
        Self(certificates.first().map(names_of_certificate).unwrap_or_default().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listeners_own_names_are_taken() {
        let mut extensions = Extensions::new();
        assert!(PeerNames::of(&extensions).0.is_empty());
        extensions.insert(PeerNames(["client.example.com".to_owned()].into()));
        assert_eq!(&*PeerNames::of(&extensions).0, ["client.example.com"]);
    }
}
