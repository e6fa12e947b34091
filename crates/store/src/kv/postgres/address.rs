//! Where a database is: the URL of `--store`, taken apart and judged before anything is sent to it.

use std::fs;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::OpenError;

/// The schema, where the URL names none.
const SCHEMA: &str = "tenterhook";
/// Bytes of a name in PostgreSQL.
const NAME_BYTES: usize = 63;
/// How long one host may take to answer a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// When the system gives a connection up whose bytes nobody acknowledges.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// Where a database is, and how to talk to it.
#[derive(Clone)]
pub(super) struct Address {
    /// What each connection begins with.
    pub(super) config: tokio_postgres::Config,
    /// The schema, as it stands in statements.
    pub(super) schema: String,
    /// Encrypts connections, and verifies the server.
    pub(super) tls: MakeRustlsConnect,
}

impl Address {
    /// Takes a URL apart.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let (bare, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut rest, mut schema, mut roots) = (Vec::new(), SCHEMA.to_owned(), None);
        let mut verifies = false;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("schema", name)) => schema = name.to_owned(),
                Some(("sslrootcert", path)) => roots = Some(path.to_owned()),
                // Each that encrypts verifies too: without that, it would stop nobody.
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => verifies = true,
                Some(("sslmode", "disable" | "allow" | "prefer")) => {}
                Some(("sslmode", _)) => return Err(wrong("sslmode is none of disable, prefer and require")),
                _ => rest.push(pair),
            }
        }
        if !is_name(&schema) {
            return Err(wrong("schema must be a lower-case name of letters, digits and `_`, at most 63 bytes"));
        }
        let joined = if rest.is_empty() { bare.to_owned() } else { format!("{bare}?{}", rest.join("&")) };
        let mut config = tokio_postgres::Config::from_str(&joined)
            .map_err(|_| wrong("give postgres://USER@HOST:PORT/DATABASE?sslmode=require&schema=NAME"))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host"));
        }
        if config.get_user().is_none() {
            return Err(wrong("it names no user"));
        }
        if !verifies && !config.get_hosts().iter().all(is_near) {
            return Err(wrong(
                "a host that is not this machine needs sslmode=require, which verifies its certificate against the system's roots or sslrootcert=FILE",
            ));
        }
        config
            .ssl_mode(if verifies { SslMode::Require } else { SslMode::Disable })
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(UNACKNOWLEDGED)
            .keepalives_idle(UNACKNOWLEDGED)
            .target_session_attrs(tokio_postgres::config::TargetSessionAttrs::ReadWrite);
        Ok(Self { config, schema, tls: MakeRustlsConnect::new(client(verifies, roots.as_deref())?) })
    }

    /// The address with this name for its connections in `pg_stat_activity`.
    pub(super) fn named(mut self, name: &str) -> Self {
        self.config.application_name(name);
        self
    }
}

/// Whether no network is on the way to a host.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
    }
}

fn is_name(name: &str) -> bool {
    let starts = |c: char| c.is_ascii_lowercase() || c == '_';
    name.len() <= NAME_BYTES
        && name.starts_with(starts)
        && name.chars().all(|c| starts(c) || c.is_ascii_digit())
        && !name.starts_with("pg_")
}

/// What verifies the server: a folder of roots is read only where it is needed.
fn client(verifies: bool, roots: Option<&str>) -> Result<rustls::ClientConfig, OpenError> {
    let mut store = rustls::RootCertStore::empty();
    match roots {
        Some(path) => {
            // A pipe would be waited for, and a device may never end.
            let is_file = fs::metadata(path).is_ok_and(|data| data.is_file());
            let pem = is_file.then(|| fs::read(path).ok()).flatten();
            let pem = pem.ok_or_else(|| wrong("the file that sslrootcert names cannot be read"))?;
            let certificates = CertificateDer::pem_slice_iter(&pem).flatten();
            store.add_parsable_certificates(certificates);
            if store.is_empty() {
                return Err(wrong("the file that sslrootcert names holds no certificate in PEM form"));
            }
        }
        None if verifies => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        None => {}
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.expect("ring has all that TLS 1.2 and 1.3 need");
    Ok(versions.with_root_certificates(store).with_no_client_auth())
}

fn wrong(why: &'static str) -> OpenError {
    OpenError::Address(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Address::parse(url).err().unwrap_or_else(|| panic!("{url} is taken")).to_string()
    }

    #[test]
    fn a_url_gives_schema_and_host() {
        let address = Address::parse("postgres://th:pw@localhost:5433/db?schema=hooks_2&connect_timeout=2").unwrap();
        assert_eq!((address.schema.as_str(), address.config.get_ports()), ("hooks_2", &[5433][..]));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Disable);
        let address = Address::parse("postgresql://th@%2Frun%2Fpostgresql/db").unwrap();
        assert_eq!(address.schema, SCHEMA);
    }

    #[test]
    fn a_network_is_crossed_encrypted_and_verified_only() {
        assert!(refused("postgres://th:s3cret@db.example/x").contains("sslmode=require"));
        assert!(refused("postgres://th@10.0.0.1,localhost/x?sslmode=prefer").contains("sslmode=require"));
        let address = Address::parse("postgres://th@db.example/x?sslmode=verify-full").unwrap();
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
        for near in ["localhost", "127.0.0.1", "[::1]"] {
            Address::parse(&format!("postgres://th@{near}/x")).unwrap();
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_the_password_is_not() {
        for (url, why) in [
            ("postgres://th:s3cret@localhost/x?sslmode=maybe", "sslmode"),
            ("postgres://th:s3cret@localhost/x?schema=Hooks", "schema"),
            ("postgres://th:s3cret@localhost/x?schema=pg_hooks", "schema"),
            ("postgres://th:s3cret@localhost/x?schema=a%22;drop", "schema"),
            ("postgres://th:s3cret@localhost/x?sslmode=require&sslrootcert=/nowhere", "sslrootcert"),
            ("postgres://th:s3cret@localhost/x?colour=red", "postgres://USER@HOST"),
            ("postgres://localhost/x", "user"),
            ("postgres://th@/x", "host"),
        ] {
            let refused = refused(url);
            assert!(refused.contains(why) && !refused.contains("s3cret"), "{url}: {refused}");
        }
    }
}
