//! The secrets that the tests give to servers. Each bears a mark that no other text holds, so
//! that one search finds whatever of them is shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tenterhook_model::{Entropy, OsEntropy};

/// What all secrets bear that are never seen again.
const NEVER: &[u8; 16] = b"NeverToBeSeen7Zx";
/// What those bear that the calls tell once that set them: signing secrets.
const ONCE: &[u8; 16] = b"OnceToBeSeen7ZxQ";
/// What is searched for: the marks, and the marks as they begin in secrets that are written in
/// base64 (`whsec_…`) or in hex (`th_…`).
pub(super) const MARKS: [&[u8]; 4] = [NEVER, ONCE, b"T25jZVRvQmVTZWVuN1p4", b"4e65766572546f42655365656e375a78"];
/// Which of them calls may tell.
const MAY_BE_TOLD: [bool; MARKS.len()] = [false, true, true, false];
/// Chance of this many bytes becomes a secret, and no identifier.
const SECRET_BYTES: usize = 32;

/// Whether a mark is one that `path` may tell, the path of a call.
pub(super) fn may_be_told_by(mark: usize, path: &str) -> bool {
    MAY_BE_TOLD[mark] && super::secrets::TELL_ONCE.iter().any(|end| path.ends_with(end))
}

/// A secret text, such as the value of a header; `name` tells it from others.
pub(crate) fn hidden(name: &str) -> String {
    marked(NEVER, name)
}

/// A signing secret that is plain text.
pub(crate) fn signing(name: &str) -> String {
    marked(ONCE, name)
}

/// A signing secret in the form of Standard Webhooks.
pub(crate) fn standard(name: &str) -> String {
    let mut key = marked(ONCE, name).into_bytes();
    key.resize(SECRET_BYTES, b'.');
    format!("whsec_{}", STANDARD.encode(key))
}

/// A key of 32 bytes.
pub(crate) fn key() -> [u8; 32] {
    let mut key = [7; SECRET_BYTES];
    key[..NEVER.len()].copy_from_slice(NEVER);
    key
}

fn marked(mark: &[u8; 16], name: &str) -> String {
    format!("{}-{name}", std::str::from_utf8(mark).expect("marks are text"))
}

/// Chance that marks the secrets that are made of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Marking {
    /// Of API keys.
    Never,
    /// Of signing secrets.
    Once,
}

impl Entropy for Marking {
    fn fill(&self, bytes: &mut [u8]) {
        OsEntropy.fill(bytes);
        if bytes.len() >= SECRET_BYTES {
            let mark = if matches!(self, Self::Never) { NEVER } else { ONCE };
            bytes[..mark.len()].copy_from_slice(mark);
        }
    }
}

#[test]
fn secrets_of_every_kind_bear_a_mark() {
    let mut made = [0; SECRET_BYTES];
    Marking::Never.fill(&mut made);
    let hex: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
    for (secret, mark) in [(hidden("a"), 0), (signing("a"), 1), (standard("a"), 2), (hex, 3)] {
        assert!(secret.as_bytes().windows(MARKS[mark].len()).any(|part| part == MARKS[mark]), "{secret}");
    }
    assert!(key().starts_with(NEVER));
}
