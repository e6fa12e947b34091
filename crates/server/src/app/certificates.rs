//! The certificates of the API's listener: read at the start, and again whenever their files change. What
//! cannot be used changes nothing: the ones before stay in force, and log, metric and `/readyz?verbose` say why.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use tenterhook_model::Secret;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::reload::Reload;
use super::steady::{LOOK, Look, Steady};
use super::tls::{self, Expiries, Unusable};
use crate::config::TlsMaterial;
use crate::telemetry::metrics::{Metrics, Watched};

/// The setting of the file with the CA of client certificates.
const CLIENT_CA: &str = "client-ca";

/// The server's side of TLS, as it is now. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl Tls {
    /// TLS that begins with `config`.
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// What a new connection is served with.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }
}

/// The files of certificates, and what is in force of them.
#[derive(Debug)]
pub(crate) struct CertificateWatch {
    tls: Tls,
    certificate: Steady,
    key: Steady,
    client_ca: Option<Steady>,
    /// Whether one of them has changed since they were taken over.
    is_due: bool,
    /// Why what they say is not in force.
    problems: Vec<Unusable>,
    metrics: Arc<Metrics>,
}

impl CertificateWatch {
    /// Watches the files of `material`, which is in force as `tls`.
    pub(crate) fn new(tls: Tls, material: &TlsMaterial, metrics: Arc<Metrics>) -> Self {
        let client_ca = material.client_ca_path.as_deref().zip(material.client_ca_pem.as_deref());
        let watch = Self {
            tls,
            certificate: Steady::new(&material.certificate_path, &material.certificate_pem),
            key: Steady::new(&material.key_path, material.key_pem.expose()),
            client_ca: client_ca.map(|(path, pem)| Steady::new(path, pem)),
            is_due: false,
            problems: Vec::new(),
            metrics,
        };
        watch.report(tls::expiries(material));
        watch
    }

    /// Watches until `cancel`, and reads everything at once when `reload` asks for it; the watch can go on after that.
    pub(crate) async fn run(mut self, mut reload: Reload, cancel: CancellationToken) -> Self {
        loop {
            // The end comes first, then what somebody waits for.
            tokio::select! { biased;
                () = cancel.cancelled() => return self,
                () = reload.asked() => self.look(true).await,
                () = sleep(LOOK) => self.look(false).await,
            }
        }
    }

    /// Reads the files, and takes over what they say once all of them can be believed: a certificate
    /// and its key are rarely written at the same moment.
    async fn look(&mut self, at_once: bool) {
        let mut is_gone = false;
        let files = [Some(&mut self.certificate), Some(&mut self.key), self.client_ca.as_mut()];
        for file in files.into_iter().flatten() {
            match file.look(at_once).await {
                Look::Same => {}
                Look::Changed => self.is_due = true,
                Look::Gone(error) => {
                    let file = file.path().display();
                    tracing::error!(%file, kind = %error.kind(), "cannot read a file of the certificates; those read last stay in force");
                    is_gone = true;
                }
            }
        }
        if self.is_due && !self.files().any(Steady::is_changing) {
            self.is_due = false;
            self.take();
        } else if is_gone {
            self.report(Expiries::default());
        }
    }

    fn files(&self) -> impl Iterator<Item = &Steady> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_ca)
    }

    /// Takes over what the files say, if it can be used.
    fn take(&mut self) {
        let material = TlsMaterial {
            certificate_path: self.certificate.path().to_owned(),
            certificate_pem: self.certificate.text().to_owned(),
            key_path: self.key.path().to_owned(),
            key_pem: Secret::new(self.key.text().to_owned()),
            client_ca_path: self.client_ca.as_ref().map(|file| file.path().to_owned()),
            client_ca_pem: self.client_ca.as_ref().map(|file| file.text().to_owned()),
        };
        match tls::usable(&material) {
            Ok(config) => {
                self.tls.replace(config);
                let expiries = tls::expiries(&material);
                self.problems.clear();
                self.report(expiries);
                let expires = expiries.server.map(|time| time.rfc3339()).unwrap_or_default();
                tracing::info!(expires, "read the certificates again; new connections are served with them");
            }
            Err(problems) => {
                let errors: Vec<String> = problems.iter().map(|(key, why)| format!("--{key}: {why}")).collect();
                let errors = errors.join("; ");
                tracing::error!(errors, "cannot use the new certificates; those read last stay in force");
                self.problems = problems;
                self.report(Expiries::default());
            }
        }
    }

    /// Lets the metrics show what is wrong with the files, and when what is in force expires; no
    /// expiry leaves the one before.
    fn report(&self, expiries: Expiries) {
        let unreadable = |file: &Steady| file.is_gone().then(|| format!("cannot read {}", file.path().display()));
        let unusable = |is_meant: fn(&str) -> bool| {
            let found = self.problems.iter().find(|(key, _)| is_meant(key));
            found.map(|(key, why)| format!("--{key} {why}"))
        };
        let of_server = unusable(|key| key != CLIENT_CA).or_else(|| unreadable(&self.certificate));
        let of_server = of_server.or_else(|| unreadable(&self.key));
        self.metrics.watched(Watched::ServerCertificate, of_server, expiries.server);
        if let Some(client_ca) = &self.client_ca {
            let of_ca = unusable(|key| key == CLIENT_CA).or_else(|| unreadable(client_ca));
            self.metrics.watched(Watched::ClientCa, of_ca, expiries.client_ca);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::telemetry::Telemetry;
    use crate::telemetry::metrics::tests::metrics;

    struct Bench {
        folder: tempfile::TempDir,
        tls: Tls,
        watch: CertificateWatch,
        telemetry: Telemetry,
        metrics: Arc<Metrics>,
    }

    /// A certificate and its key, in PEM.
    fn identity() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn write(folder: &Path, (certificate, key): (&str, &str)) {
        std::fs::write(folder.join("tls.crt"), certificate).unwrap();
        std::fs::write(folder.join("tls.key"), key).unwrap();
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (certificate_pem, key) = identity();
            write(folder.path(), (&certificate_pem, &key));
            let client_ca_pem = identity().0;
            std::fs::write(folder.path().join("ca.crt"), &client_ca_pem).unwrap();
            let material = TlsMaterial {
                certificate_path: folder.path().join("tls.crt"),
                certificate_pem,
                key_path: folder.path().join("tls.key"),
                key_pem: Secret::new(key),
                client_ca_path: Some(folder.path().join("ca.crt")),
                client_ca_pem: Some(client_ca_pem),
            };
            let tls = Tls::new(tls::server_config(&material).unwrap());
            let (telemetry, metrics) = metrics();
            let metrics = Arc::new(metrics);
            let watch = CertificateWatch::new(tls.clone(), &material, metrics.clone());
            Self { folder, tls, watch, telemetry, metrics }
        }

        async fn look(&mut self, times: usize) {
            for _ in 0..times {
                self.watch.look(false).await;
            }
        }

        fn assert_shown(&self, line: &str) {
            let text = self.telemetry.prometheus_text();
            assert!(text.contains(line), "{line} in\n{text}");
        }

        /// What `/readyz?verbose` says of the certificate and of the client CA.
        fn problems(&self) -> [Option<String>; 2] {
            let [(_, server), (_, client_ca)] = &self.metrics.watched_files()[..] else { panic!("two files") };
            [server.clone(), client_ca.clone()]
        }
    }

    /// PEM around what is no certificate.
    const EMPTY_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const VALID: &str = "tenterhook_tls_certificate_valid{certificate=\"server\"}";
    const EXPIRY: &str = "tenterhook_tls_certificate_expiry_seconds{certificate=\"server\"}";
    const CA_VALID: &str = "tenterhook_tls_certificate_valid{certificate=\"client_ca\"}";

    #[tokio::test]
    async fn a_new_certificate_is_served_within_five_seconds() {
        let mut bench = Bench::new();
        let before = bench.tls.current();
        bench.look(3).await;
        assert!(Arc::ptr_eq(&before, &bench.tls.current()), "nothing has changed");
        let (certificate, key) = identity();
        write(bench.folder.path(), (&certificate, &key));
        bench.look(4).await;
        assert!(!Arc::ptr_eq(&before, &bench.tls.current()));
        bench.assert_shown(&format!("{VALID} 1"));
        bench.assert_shown(EXPIRY);
    }

    #[tokio::test]
    async fn a_key_that_comes_a_moment_after_its_certificate_is_waited_for() {
        let mut bench = Bench::new();
        let before = bench.tls.current();
        let (certificate, key) = identity();
        std::fs::write(bench.folder.path().join("tls.crt"), &certificate).unwrap();
        bench.look(2).await;
        write(bench.folder.path(), (&certificate, &key));
        for _ in 0..2 {
            bench.look(1).await;
            assert_eq!(bench.problems(), [None, None]);
        }
        bench.look(1).await;
        assert!(!Arc::ptr_eq(&before, &bench.tls.current()));
    }

    #[tokio::test]
    async fn one_that_cannot_be_used_keeps_the_old_and_is_shown_until_it_is_fixed() {
        let mut bench = Bench::new();
        let before = bench.tls.current();
        let (certificate, key) = identity();
        let other = identity().1;
        for (certificate, key, why) in [
            ("junk", key.as_str(), "--tls-cert holds no certificate"),
            (certificate.as_str(), "junk", "--tls-key holds no private key"),
            (&certificate, &other, "--tls-key is not the key"),
            (EMPTY_CERTIFICATE, &other, "--tls-cert begins with a certificate that is damaged"),
        ] {
            write(bench.folder.path(), (certificate, key));
            bench.look(4).await;
            assert!(Arc::ptr_eq(&before, &bench.tls.current()));
            let [server, client_ca] = bench.problems();
            assert!(server.as_ref().is_some_and(|found| found.contains(why)) && client_ca.is_none(), "{server:?}");
            bench.assert_shown(&format!("{VALID} 0"));
            bench.assert_shown(&format!("{CA_VALID} 1"));
            bench.assert_shown(EXPIRY);
        }
        std::fs::remove_file(bench.folder.path().join("tls.crt")).unwrap();
        bench.look(1).await;
        assert!(Arc::ptr_eq(&before, &bench.tls.current()));
        bench.assert_shown(&format!("{VALID} 0"));
        write(bench.folder.path(), (&certificate, &key));
        bench.watch.look(true).await;
        assert!(!Arc::ptr_eq(&before, &bench.tls.current()), "and at once when somebody asks");
        bench.assert_shown(&format!("{VALID} 1"));
    }

    #[tokio::test]
    async fn a_client_ca_that_cannot_be_used_is_shown_as_such_whatever_happens_to_the_others() {
        let mut bench = Bench::new();
        let (before, folder) = (bench.tls.current(), bench.folder.path().to_owned());
        std::fs::write(folder.join("ca.crt"), "junk").unwrap();
        bench.look(4).await;
        std::fs::rename(folder.join("tls.crt"), folder.join("moved")).unwrap();
        bench.look(1).await;
        let [server, client_ca] = bench.problems();
        assert!(server.is_some_and(|why| why.starts_with("cannot read ")));
        assert_eq!(client_ca.as_deref(), Some("--client-ca no certificate in it can be used"));
        std::fs::rename(folder.join("moved"), folder.join("tls.crt")).unwrap();
        bench.look(1).await;
        assert_eq!(bench.problems()[0], None);
        bench.assert_shown(&format!("{CA_VALID} 0"));
        assert!(Arc::ptr_eq(&before, &bench.tls.current()));
        std::fs::write(folder.join("ca.crt"), identity().0).unwrap();
        bench.look(4).await;
        bench.assert_shown(&format!("{CA_VALID} 1"));
        assert!(!Arc::ptr_eq(&before, &bench.tls.current()));
    }
}
