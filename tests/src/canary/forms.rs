//! The forms in which a secret could be written down, and the search for them.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The form in which `secret` stands in `bytes`, and where.
pub(super) fn finds(secret: &[u8], bytes: &[u8]) -> Option<(&'static str, usize)> {
    Search::new([secret]).all(bytes).first().map(|found| (found.form, found.at))
}

/// Where a secret stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// The number of the secret.
    pub(super) secret: usize,
    pub(super) form: &'static str,
    pub(super) at: usize,
}

/// A search for many secrets in all their forms at once.
#[derive(Debug)]
pub(super) struct Search {
    /// The secret and the form that each pattern of the automaton stands for.
    needles: Vec<(usize, &'static str)>,
    automaton: AhoCorasick,
}

impl Search {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let (mut needles, mut texts) = (Vec::new(), Vec::new());
        for (secret, bytes) in secrets.into_iter().enumerate() {
            for (form, text) in forms(bytes) {
                needles.push((secret, form));
                texts.push(text);
            }
        }
        Self { needles, automaton: AhoCorasick::new(texts).expect("secrets are short and few") }
    }

    /// Every secret that stands in `bytes`.
    pub(super) fn all(&self, bytes: &[u8]) -> Vec<Found> {
        let found = self.automaton.find_overlapping_iter(bytes).map(|found| {
            let (secret, form) = self.needles[found.pattern().as_usize()];
            Found { secret, form, at: found.start() }
        });
        found.collect()
    }
}

fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |upper: bool| {
        let digits = secret.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        digits.collect::<String>().into_bytes()
    };
    let numbers = secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes();
    let percent = secret.iter().map(|byte| format!("%{byte:02X}")).collect::<String>().into_bytes();
    let reversed = secret.iter().rev().copied().collect();
    let mut forms = vec![
        ("it is", secret.to_vec()),
        ("lower hex", hex(false)),
        ("upper hex", hex(true)),
        ("a list of numbers", numbers),
        ("percent code", percent),
        ("reversed text", reversed),
    ];
    for offset in 0..3 {
        forms.push(("base64", base64(secret, offset, |bytes| STANDARD_NO_PAD.encode(bytes))));
        forms.push(("base64 for URLs", base64(secret, offset, |bytes| URL_SAFE_NO_PAD.encode(bytes))));
    }
    forms
}

/// The base64 of `secret` when it stands `offset` bytes after a whole group: those characters
/// that no neighbour changes.
fn base64(secret: &[u8], offset: usize, encode: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(secret);
    let text = encode(&padded);
    let (skipped, whole) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    text.as_bytes()[skipped..whole].to_vec()
}

#[test]
fn a_secret_is_found_in_every_form_and_place() {
    let secret = b"hunter2-hunter2";
    for offset in 0..3 {
        let text = STANDARD_NO_PAD.encode([&vec![b'x'; offset], &secret[..], b"behind"].concat());
        assert_eq!(finds(secret, text.as_bytes()).map(|(form, _)| form), Some("base64"), "{offset} {text}");
    }
    for (form, text) in forms(secret) {
        let around = [b"before ".as_slice(), &text, b" behind"].concat();
        let found = finds(secret, &around).map(|(form, at)| (form.split(' ').next(), at));
        assert_eq!(found, Some((form.split(' ').next(), 7)));
    }
    assert_eq!(finds(secret, b"hunter2-hunter1 hunter2-"), None);
}
