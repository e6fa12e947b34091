//! The certificate authorities that this machine trusts: for the collector of telemetry, and for commands that
//! call a server.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use rustls::pki_types::{CertificateDer, TrustAnchor};
use tenterhook_model::system;
use webpki::anchor_from_trusted_cert;

use crate::config::{ConfigError, ConfigFault, Source};
use crate::regular;

/// The variable that names a file of authorities (OpenSSL's `SSL_CTX_set_default_verify_paths`).
const FILE: &str = "SSL_CERT_FILE";

/// Checks what `SSL_CERT_FILE` names before anything reads it: the reader waits for a pipe, and a device may have
/// no end. A file that is missing is no error, as for other programs; then nobody is trusted.
///
/// # Errors
/// When it names what is no file.
pub fn check(environment: impl Fn(&str) -> Option<OsString>) -> Result<(), ConfigError> {
    environment(FILE).map_or(Ok(()), |path| check_file(&path))
}

fn check_file(path: &OsStr) -> Result<(), ConfigError> {
    let path = Path::new(path);
    let Err(error) = regular::check(path) else { return Ok(()) };
    let why = system::in_words(&error);
    let message =
        format!("cannot read {}: {why}; name a file of PEM certificates, or unset the variable", path.display());
    Err(ConfigError(vec![ConfigFault { key: FILE.to_owned(), source: Source::Environment, message }]))
}

/// Those of the system, or of the file that `SSL_CERT_FILE` names.
pub fn of_system() -> Vec<TrustAnchor<'static>> {
    of(&rustls_native_certs::load_native_certs().certs)
}

/// Those that `certificates` stand for. What cannot be used of them is left out.
pub fn of(certificates: &[CertificateDer<'static>]) -> Vec<TrustAnchor<'static>> {
    certificates.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).map(|anchor| anchor.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    #[test]
    fn roots_are_read_from_files_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::fs::write(path("file"), "").unwrap();
        let checked = |path: &Path| {
            let path = path.to_owned();
            check(move |name| (name == FILE).then(|| path.clone().into())).map_err(|error| error.to_string())
        };
        for good in [path("file"), path("missing"), "/dev/null".into(), "".into()] {
            assert_eq!(checked(&good), Ok(()), "{}", good.display());
        }
        assert!(check(|_| None).is_ok());
        let no_file = "it is not a file, but a pipe, a socket or a device";
        for (bad, why) in [(path("pipe"), no_file), ("/dev/zero".into(), no_file), (path(""), "is a directory")] {
            let error = checked(&bad).unwrap_err();
            let said = format!("SSL_CERT_FILE: cannot read {}: {why}; name a file", bad.display());
            assert!(error.contains(&said), "{error}");
        }
    }
}
