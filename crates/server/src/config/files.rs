//! The files that settings name: certificates, keys, the list of API keys.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use tenterhook_api::access::{KeyFileError, KeyRing};
use tenterhook_model::{Secret, limits, system};

use crate::regular;

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
        let text = match regular::read_text(Path::new(path)) {
            Err(error) if may_list_nobody && error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unreadable(path, &error)),
            Ok(text) => text,
        };
        let file = Self { path: PathBuf::from(path), text };
        parse_keys(&file).map_err(|faults| format!("{path}: {faults}"))?;
        if file.lists_nobody() && !may_list_nobody {
            return Err(format!(
                "{path} lists no keys, so nobody could call; add a line of `tenterhook key new`, or the line `# no keys`, or start with --bootstrap-key"
            ));
        }
        Ok(file)
    }

    /// Whether it has no holder, and does not say that it is meant to have none.
    pub(crate) fn lists_nobody(&self) -> bool {
        self.ring().0.is_empty() && !KeyRing::says_no_keys(&self.text)
    }

    /// Its lines, with the secrets in the files that they name, and what is wrong.
    fn ring(&self) -> (KeyRing, Vec<KeyFileError>) {
        KeyRing::read(&self.text, &mut |name| netbox_secret(&sibling(&self.path, name)))
    }
}

/// Reads the lines of a key file, and the files that they name.
///
/// # Errors
/// Every line that is wrong, in one text.
pub(crate) fn parse_keys(file: &KeyFile) -> Result<KeyRing, String> {
    let (ring, errors) = file.ring();
    if errors.is_empty() { Ok(ring) } else { Err(key_errors(&errors)) }
}

/// The path of the file that the key file at `path` calls `name`: it is looked for next to it.
pub(crate) fn sibling(path: &Path, name: &str) -> PathBuf {
    path.parent().unwrap_or_else(|| Path::new("")).join(name)
}

/// Reads the secret of NetBox in the file at `path`.
///
/// # Errors
/// Why there is none, in words.
pub(crate) fn netbox_secret(path: &Path) -> Result<Secret, String> {
    let shown = path.display().to_string();
    as_netbox_secret(path, &read(&shown)?)
}

/// The secret of NetBox in the file at `path`, which says `text`: all of it but the end of its line.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn as_netbox_secret(path: &Path, text: &str) -> Result<Secret, String> {
    let secret = text.trim_end_matches(['\r', '\n']);
    let problem = match secret.chars().count() {
        0 => "is empty; it must have the secret of the webhook in NetBox".to_owned(),
        1..=limits::SECRET_CHARS => return Ok(Secret::new(secret)),
        _ => format!("is longer than {} characters, which no secret in NetBox is", limits::SECRET_CHARS),
    };
    Err(format!("{} {problem}", path.display()))
}

/// What is wrong with the lines of a key file, in one text.
pub(crate) fn key_errors(errors: &[KeyFileError]) -> String {
    let mut lines: Vec<String> = errors.iter().take(LINES_NAMED).map(ToString::to_string).collect();
    if errors.len() > LINES_NAMED {
        lines.push(format!("and {} more", errors.len() - LINES_NAMED));
    }
    lines.join("; ")
}

/// The label of certificates in PEM.
pub(super) const CERTIFICATE: &str = "CERTIFICATE";
/// How certificates and keys begin in DER: with a sequence (X.690, section 8.9).
const DER_SEQUENCE: u8 = 0x30;

/// A reader of PEM files that hold at least one block whose label ends in `label`.
pub(super) fn pem(label: &'static str) -> impl FnOnce(&str) -> Result<String, String> {
    move |path| {
        let bytes = regular::read(Path::new(path)).map_err(|error| unreadable(path, &error))?;
        let text = match String::from_utf8(bytes) {
            Ok(text) => system::without_mark(text),
            Err(error) if error.as_bytes().first() == Some(&DER_SEQUENCE) => {
                return Err(format!(
                    "{path} is in DER; write it in PEM: openssl {} -inform der -in {path} -out FILE",
                    if label == CERTIFICATE { "x509" } else { "pkey" }
                ));
            }
            Err(_) => return Err(unreadable(path, &ErrorKind::InvalidData.into())),
        };
        let is_begin =
            |line: &str| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{label}-----"));
        // RFC 7468, section 11, and the older form of RFC 1421.
        let is_encrypted =
            |line: &str| line.starts_with("-----BEGIN ENCRYPTED ") || line.starts_with("Proc-Type: 4,ENCRYPTED");
        if text.lines().any(is_encrypted) {
            return Err(format!(
                "{path} is encrypted, and nobody can type its passphrase here; write it without: openssl pkey -in {path} -out FILE"
            ));
        }
        if text.lines().any(is_begin) {
            Ok(text)
        } else {
            Err(format!("{path} has no PEM block `-----BEGIN {label}-----`"))
        }
    }
}

fn read(path: &str) -> Result<String, String> {
    regular::read_text(Path::new(path)).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &str, error: &Error) -> String {
    format!("cannot read {path}: {}", system::text_in_words(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_and_keys_in_another_form_come_with_the_command_that_changes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (bytes, label, part) in [
            (&b"\x30\x82\x01\xff"[..], CERTIFICATE, "is in DER; write it in PEM: openssl x509 -inform der"),
            (b"\x30\x82\x01\xff", "PRIVATE KEY", "openssl pkey -inform der"),
            (b"\xff\xfe", CERTIFICATE, "it is not text in UTF-8"),
            (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "PRIVATE KEY", "is encrypted"),
            (b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", "PRIVATE KEY", "openssl pkey -in "),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let why = pem(label)(path.to_str().unwrap()).unwrap_err();
            assert!(why.contains(part), "{part}: {why}");
        }
    }

    #[test]
    fn many_lines_with_errors_are_one_short_text() {
        let file = KeyFile { path: PathBuf::from("keys"), text: "what\n".repeat(1_000) };
        let text = parse_keys(&file).unwrap_err();
        assert!(text.ends_with("and 990 more") && text.len() < 2_000, "{text}");
    }

    #[test]
    fn the_secret_of_netbox_is_found_next_to_the_key_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let check = |text: &str| {
            std::fs::write(&path, text).unwrap();
            KeyFile::read(path.to_str().unwrap(), false).map(|_| ())
        };
        std::fs::write(folder.path().join("nb"), "\u{feff}secret\r\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        std::fs::write(folder.path().join("long"), "x".repeat(256)).unwrap();
        check("\u{feff}san:a publisher * netbox-secret=nb\n").unwrap();
        check(&format!("san:a publisher * netbox-secret={}\n", folder.path().join("nb").display())).unwrap();
        assert_eq!(netbox_secret(&sibling(&path, "nb")).unwrap(), Secret::new("secret"));
        let wrong = "san:a publisher * netbox-secret=gone\nsan:a publisher * netbox-secret=empty\n\
                     san:a publisher * netbox-secret=long\nsan:a publisher * netbox-secret=\n";
        let why = check(wrong).unwrap_err();
        for part in [
            "line 1: cannot read ",
            "gone: ",
            "line 2: ",
            "empty is empty",
            "line 3: ",
            "line 4: `netbox-secret=` must be ",
        ] {
            assert!(why.contains(part), "{part}: {why}");
        }
    }
}
