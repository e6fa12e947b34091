//! The files that settings name: certificates, keys, the list of API keys.

use std::path::{Path, PathBuf};

use tenterhook_api::access::KeyRing;
use tenterhook_model::{Secret, system};

use crate::app::keys;

/// Certificates and key of the gRPC API, as PEM.
#[derive(Debug, Clone)]
pub struct TlsMaterial {
    /// The certificate chain.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: Secret,
    /// Who signs client certificates; `None` asks for none.
    pub client_ca_pem: Option<String>,
}

/// The file of API keys and what it said when it was read.
#[derive(Debug, Clone)]
pub struct KeyFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it said.
    pub text: String,
}

impl KeyFile {
    /// Reads and checks the file at `path`.
    pub(crate) fn read(path: &str) -> Result<Self, String> {
        let text = read(path)?;
        let ring = keys::parse(&text).map_err(|faults| format!("{path}: {faults}"))?;
        if ring.is_empty() && !KeyRing::says_no_keys(&text) {
            return Err(format!(
                "{path} lists no keys, so nobody could call; add a line of `tenterhook key new`, or the line `# no keys`"
            ));
        }
        Ok(Self { path: PathBuf::from(path), text })
    }
}

/// A reader of PEM files that hold at least one block whose label ends in `label`.
pub(super) fn pem(label: &'static str) -> impl FnOnce(&str) -> Result<String, String> {
    move |path| {
        let text = read(path)?;
        let is_begin =
            |line: &str| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{label}-----"));
        if text.lines().any(is_begin) {
            Ok(text)
        } else {
            Err(format!("{path} has no PEM block `-----BEGIN {label}-----`"))
        }
    }
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(Path::new(path))
        .map_err(|error| format!("cannot read {path}: {}", system::text_in_words(&error)))
}
