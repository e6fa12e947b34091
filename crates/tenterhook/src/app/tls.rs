//! TLS of the gRPC listener.

use std::time::Duration;

use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::config::TlsMaterial;

/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How tonic is told. Client certificates are taken if they come, and not asked for otherwise:
/// a caller may show an API key instead.
pub(super) fn server_config(material: &TlsMaterial) -> ServerTlsConfig {
    let identity = Identity::from_pem(&material.certificate_pem, material.key_pem.expose());
    let config = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE);
    match &material.client_ca_pem {
        Some(pem) => config.client_ca_root(Certificate::from_pem(pem)).client_auth_optional(true),
        None => config,
    }
}
