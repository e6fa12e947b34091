//! The files that settings name: certificates, keys, the list of API keys.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

use tenterhook_api::access::{KeyFileError, KeyRing};
use tenterhook_model::{Secret, system};

/// Lines of a key file about which one text says what is wrong.
const LINES_NAMED: usize = 10;

/// Certificates and key of the gRPC API, as PEM.
#[derive(Debug, Clone)]
pub struct TlsMaterial {
    /// The file of the certificate chain.
    pub certificate_path: PathBuf,
    /// The certificate chain.
    pub certificate_pem: String,
    /// The file of its private key.
    pub key_path: PathBuf,
    /// Its private key.
    pub key_pem: Secret,
    /// The file of the CA of client certificates.
    pub client_ca_path: Option<PathBuf>,
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
    /// Reads and checks the file at `path`. With `may_list_nobody` it may be missing or empty: it gets
    /// its first key at the start.
    pub(crate) fn read(path: &str, may_list_nobody: bool) -> Result<Self, String> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if may_list_nobody && error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unreadable(path, &error)),
            Ok(text) => text,
        };
        parse_keys(&text).map_err(|faults| format!("{path}: {faults}"))?;
        let file = Self { path: PathBuf::from(path), text };
        if file.lists_nobody() && !may_list_nobody {
            return Err(format!(
                "{path} lists no keys, so nobody could call; add a line of `tenterhook key new`, or the line `# no keys`, or start with --bootstrap-key"
            ));
        }
        Ok(file)
    }

    /// Whether it has no holder, and does not say that it is meant to have none.
    pub(crate) fn lists_nobody(&self) -> bool {
        KeyRing::read(&self.text).0.is_empty() && !KeyRing::says_no_keys(&self.text)
    }
}

/// Reads the lines of a key file.
///
/// # Errors
/// Every line that is wrong, in one text.
pub(crate) fn parse_keys(text: &str) -> Result<KeyRing, String> {
    KeyRing::parse(text).map_err(|errors| key_errors(&errors))
}

/// What is wrong with the lines of a key file, in one text.
pub(crate) fn key_errors(errors: &[KeyFileError]) -> String {
    let mut lines: Vec<String> = errors.iter().take(LINES_NAMED).map(ToString::to_string).collect();
    if errors.len() > LINES_NAMED {
        lines.push(format!("and {} more", errors.len() - LINES_NAMED));
    }
    lines.join("; ")
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
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &str, error: &Error) -> String {
    format!("cannot read {path}: {}", system::text_in_words(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_lines_with_errors_are_one_short_text() {
        let text = parse_keys(&"what\n".repeat(1_000)).unwrap_err();
        assert!(text.ends_with("and 990 more") && text.len() < 2_000, "{text}");
    }
}
