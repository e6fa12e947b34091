//! API keys and the file that lists them: hashes only, so that a leaked file opens nothing.
//!
//! One line a holder, words separated by blanks, `#` begins a comment:
//!
//! ```text
//! sha256:HASH ROLE NAMESPACE [until=DATE] [netbox-secret=FILE] [NAME…]     an API key, as `tenterhook key new` prints the line
//! san:VALUE   ROLE NAMESPACE [until=DATE] [netbox-secret=FILE] [NAME…]     a client certificate with this DNS or URI name
//! ```
//!
//! NAMESPACE is `*` for all; DATE, as in 2027-01-31, is the last day in UTC on which the line grants anything; FILE has the
//! secret with which NetBox signs what it sends under the key. A file that is meant to list nobody has the line `# no keys`.
//! The command reads the files and hands their texts to [`KeyRing::read`].

use std::collections::HashMap;
use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tenterhook_model::{Entropy, Namespace, Role, Secret, Timestamp, UnknownRole, limits};
use thiserror::Error;

use super::role::{Grant, Scope};

/// What every key begins with, so that secret scanners find one that leaked.
pub const KEY_PREFIX: &str = "th_";
/// What the secret of every access token begins with.
pub const TOKEN_PREFIX: &str = "tht_";
/// Bytes of chance in a key: 256 bits cannot be guessed, so a plain hash is enough to keep it.
const KEY_BYTES: usize = 32;
/// Bytes of the longest key that is looked at.
const KEY_BYTES_MAX: usize = limits::API_KEY_CHARS;
/// What the last day of a line begins with.
const UNTIL: &str = "until=";
/// What the name of the file with NetBox's secret begins with.
const NETBOX_SECRET: &str = "netbox-secret=";
/// What the words between namespace and name begin with.
pub const KEY_OPTIONS: [&str; 2] = [UNTIL, NETBOX_SECRET];
/// The line that says that a file without keys is meant to have none.
const NO_KEYS: &str = "# no keys";

/// What is wrong with a line of a key file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct KeyFileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what is expected.
    pub problem: String,
}

/// A key that was just made, and what the server needs to know it.
#[derive(Debug)]
pub struct NewKey {
    /// The key, to be told once.
    pub key: Secret,
    /// The line for the key file.
    pub line: String,
}

/// The secret of an access token that was just made, and the hash to keep of it.
pub(crate) fn new_token_secret(entropy: &dyn Entropy) -> (Secret, [u8; 32]) {
    let mut bytes = [0; KEY_BYTES];
    entropy.fill(&mut bytes);
    let secret = Secret::new(format!("{TOKEN_PREFIX}{}", hex::encode(bytes)));
    let hash = digest(secret.expose());
    (secret, hash)
}

impl NewKey {
    /// Makes a key for `role` in `scope`, up to and with the day `until` (`YYYY-MM-DD`) if there is one;
    /// `name` is for people and may be empty.
    pub fn generate(role: Role, scope: &Scope, name: &str, until: Option<&str>, entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; KEY_BYTES];
        entropy.fill(&mut bytes);
        let key = Secret::new(format!("{KEY_PREFIX}{}", hex::encode(bytes)));
        let until = until.map(|day| format!("{UNTIL}{day} ")).unwrap_or_default();
        let line = format!("sha256:{} {role} {scope} {until}{name}", hex::encode(digest(key.expose())));
        Self { key, line: line.trim_end().to_owned() }
    }
}

/// What a line of the key file says of its holder.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Holder {
    pub(super) grant: Grant,
    /// With which NetBox signs what it sends in this holder's name.
    pub(super) netbox_secret: Option<Secret>,
}

/// Reads the secret in the file of this name.
///
/// # Errors
/// Why it cannot be read, in words.
pub type ReadSecret<'a> = &'a mut dyn FnMut(&str) -> Result<Secret, String>;

/// The holders that a server knows.
#[derive(Clone, Default)]
pub struct KeyRing {
    /// Holders by the first bytes of the key's hash; the rest is compared in constant time.
    keys: HashMap<[u8; 4], Vec<([u8; 32], Holder)>>,
    certificates: HashMap<String, Vec<Holder>>,
}

impl KeyRing {
    /// Reads a key file that names no other file.
    ///
    /// # Errors
    /// Every line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Vec<KeyFileError>> {
        let (ring, errors) = Self::read(text, &mut |_| Err("cannot be read here".to_owned()));
        if errors.is_empty() { Ok(ring) } else { Err(errors) }
    }

    /// Reads the lines of a key file that can be read, with the secrets that they name, and returns
    /// what is wrong with the other lines. A line without its secret grants nothing.
    pub fn read(text: &str, read_secret: ReadSecret<'_>) -> (Self, Vec<KeyFileError>) {
        let mut ring = Self::default();
        let mut errors = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            if let Err(problem) = ring.add_line(line, read_secret) {
                errors.push(KeyFileError { line: index + 1, problem });
            }
        }
        (ring, errors)
    }

    /// Whether a key file says that it is meant to list nobody.
    pub fn says_no_keys(text: &str) -> bool {
        text.lines().any(|line| line.trim().eq_ignore_ascii_case(NO_KEYS))
    }

    fn add_line(&mut self, line: &str, read_secret: ReadSecret<'_>) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [holder, role, scope, rest @ ..] = words.as_slice() else {
            return Err("expected `sha256:HASH ROLE NAMESPACE [until=DATE] [netbox-secret=FILE] [NAME]`, or the same with `san:VALUE`".into());
        };
        let role = role.parse().map_err(|error: UnknownRole| format!("the second word {error}"))?;
        let scope = match *scope {
            "*" => Scope::Every,
            name => {
                Scope::One(name.parse::<Namespace>().map_err(|error| format!("the namespace {error}, or must be `*`"))?)
            }
        };
        let (mut expire_time, mut netbox_secret, mut name) = (None, None, rest);
        while let [word, after @ ..] = name {
            if let Some(day) = word.strip_prefix(UNTIL).filter(|_| expire_time.is_none()) {
                expire_time = Some(end_of(day)?);
            } else if let Some(file) = word.strip_prefix(NETBOX_SECRET).filter(|_| netbox_secret.is_none()) {
                if file.is_empty() {
                    return Err(format!("`{NETBOX_SECRET}` must be followed by the name of a file"));
                }
                netbox_secret = Some(read_secret(file)?);
            } else {
                break;
            }
            name = after;
        }
        let grant = Grant { role, expire_time, scope, webhook: None, name: name.join(" ").into() };
        self.add(holder, Holder { grant, netbox_secret })
    }

    fn add(&mut self, word: &str, holder: Holder) -> Result<(), String> {
        match word.split_once(':') {
            Some(("sha256", hash)) => {
                let mut bytes = [0; 32];
                hex::decode_to_slice(hash, &mut bytes)
                    .map_err(|_| "the hash must be 64 hex digits, as `tenterhook key new` prints it".to_owned())?;
                self.keys.entry(bucket(&bytes)).or_default().push((bytes, holder));
                Ok(())
            }
            Some(("san", value)) if !value.is_empty() => {
                self.certificates.entry(same_name(value)).or_default().push(holder);
                Ok(())
            }
            _ => Err("the first word must be `sha256:` and a hash, or `san:` and a name".into()),
        }
    }

    /// When its grants end, as far as they do.
    pub(super) fn ends(&self) -> impl Iterator<Item = Timestamp> {
        let of_keys = self.keys.values().flatten().map(|(_, holder)| holder);
        of_keys.chain(self.certificates.values().flatten()).filter_map(|holder| holder.grant.expire_time)
    }

    /// How many holders it knows.
    pub fn len(&self) -> usize {
        self.keys.values().map(Vec::len).sum::<usize>() + self.certificates.values().map(Vec::len).sum::<usize>()
    }

    /// Whether it knows nobody.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.certificates.is_empty()
    }

    /// What its lines say of the API key with this digest; empty when it is not known.
    pub(super) fn holders_of_key(&self, KeyDigest { hash, .. }: &KeyDigest) -> Vec<&Holder> {
        let same = |known: &[u8; 32]| bool::from(known.ct_eq(hash));
        let candidates = self.keys.get(&bucket(hash)).map_or(&[][..], Vec::as_slice);
        candidates.iter().filter(|(known, _)| same(known)).map(|(_, holder)| holder).collect()
    }

    /// What its lines say of a verified client certificate with these names.
    pub(super) fn holders_of_names(&self, names: &[String]) -> Vec<&Holder> {
        let known = names.iter().filter_map(|name| self.certificates.get(&same_name(name)));
        known.flatten().collect()
    }
}

/// The end of a line's last day.
fn end_of(day: &str) -> Result<Timestamp, String> {
    Timestamp::end_of_day(day)
        .ok_or_else(|| format!("`{UNTIL}` must be followed by a date such as 2027-01-31, the last day in UTC"))
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("holders", &self.len()).finish()
    }
}

/// The name in the form in which equal names are the same text. A DNS name has no case (RFC 4343
/// section 3); of a URI, the scheme and the host have none, all else has (RFC 3986 section 6.2.2.1).
fn same_name(name: &str) -> String {
    let Some((scheme, rest)) = name.split_once(':') else { return name.to_ascii_lowercase() };
    let scheme = scheme.to_ascii_lowercase();
    let Some(rest) = rest.strip_prefix("//") else { return format!("{scheme}:{rest}") };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, host) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    format!("{scheme}://{user}{}{path}", host.to_ascii_lowercase())
}

/// The digest of a text that has the form of an API key or of a token's secret.
#[derive(Clone)]
pub(super) struct KeyDigest {
    pub(super) hash: [u8; 32],
    /// Whether it has the form of a token's secret.
    pub(super) is_token: bool,
}

impl KeyDigest {
    /// The digest of `key`; `None` when it cannot be one of ours.
    pub(super) fn of(key: &str) -> Option<Self> {
        let is_token = key.starts_with(TOKEN_PREFIX);
        let is_ours = key.len() <= KEY_BYTES_MAX && (is_token || key.starts_with(KEY_PREFIX));
        is_ours.then(|| Self { hash: digest(key), is_token })
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(***)")
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn bucket(hash: &[u8; 32]) -> [u8; 4] {
    let [a, b, c, d, ..] = *hash;
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_model::OsEntropy;

    fn new_key(role: Role, scope: Scope) -> NewKey {
        NewKey::generate(role, &scope, "ci of team a", None, &OsEntropy)
    }

    fn grants(ring: &KeyRing, key: &str) -> Vec<Grant> {
        let digest = KeyDigest::of(key);
        let holders = digest.map(|digest| ring.holders_of_key(&digest)).unwrap_or_default();
        holders.into_iter().map(|holder| holder.grant.clone()).collect()
    }

    #[test]
    fn a_new_key_is_known_by_the_line_that_was_printed_for_it() {
        let made = new_key(Role::Viewer, Scope::One("a".parse().unwrap()));
        let ring = KeyRing::parse(&made.line).unwrap();
        let [grant] = &grants(&ring, made.key.expose())[..] else { panic!("one grant") };
        assert_eq!((grant.role, grant.scope.to_string(), &*grant.name), (Role::Viewer, "a".into(), "ci of team a"));
        assert!(made.key.expose().starts_with("th_"));
        assert!(!made.line.contains(made.key.expose()));
    }

    #[test]
    fn a_key_that_is_cut_longer_or_unknown_is_nobodys() {
        let made = new_key(Role::Admin, Scope::Every);
        let ring = KeyRing::parse(&made.line).unwrap();
        let key = made.key.expose();
        let hash = made.line.split(' ').next().unwrap().trim_start_matches("sha256:");
        for bad in ["", "th_", &key[..key.len() - 1], &format!("{key}0"), &key[3..], hash, &"th_".repeat(10_000)] {
            assert_eq!(grants(&ring, bad), [], "{bad}");
        }
    }

    #[test]
    fn a_line_ends_with_its_last_day() {
        let made = NewKey::generate(Role::Viewer, &Scope::Every, "ci", Some("2027-01-31"), &OsEntropy);
        let ring = KeyRing::parse(&made.line).unwrap();
        let [grant] = &grants(&ring, made.key.expose())[..] else { panic!("one grant") };
        let end = Timestamp::end_of_day("2027-01-31").unwrap();
        assert_eq!((grant.expire_time, &*grant.name, ring.ends().collect()), (Some(end), "ci", vec![end]));
        assert!(grant.holds_at(end.before(std::time::Duration::from_millis(1))) && !grant.holds_at(end));
        for bad in ["until=", "until=2027-02-30", "until=tomorrow"] {
            let error = &KeyRing::parse(&format!("san:x admin * {bad} name")).unwrap_err()[0];
            assert!(error.problem.contains("2027-01-31"), "{bad}: {error}");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_skipped() {
        let ring = KeyRing::parse("# who\n\n  san:client.example.com operator * # a comment\n").unwrap();
        assert_eq!(ring.len(), 1);
        assert!(!ring.is_empty());
    }

    #[test]
    fn lines_that_are_right_count_although_others_are_wrong() {
        let text = "san:a viewer *\nsan:b king *\nsan:c viewer *\nsan:d viewer * netbox-secret=gone\n";
        let (ring, errors) = KeyRing::read(text, &mut |file| Err(format!("cannot read {file}")));
        assert_eq!((ring.len(), errors.len(), errors[0].line), (2, 2, 2));
        assert_eq!(errors[1].to_string(), "line 4: cannot read gone", "without its secret it grants nothing");
    }

    #[test]
    fn options_come_in_any_order_before_the_name_and_once() {
        for line in ["netbox-secret=f until=2027-01-31 ci", "until=2027-01-31 netbox-secret=f ci"] {
            let (ring, errors) = KeyRing::read(&format!("san:a publisher * {line}"), &mut |file| Ok(Secret::new(file)));
            let [holder] = ring.holders_of_names(&["a".to_owned()])[..] else { panic!("{errors:?}") };
            assert_eq!((holder.netbox_secret.as_ref().unwrap().expose(), &*holder.grant.name), ("f", "ci"));
            assert!(holder.grant.expire_time.is_some(), "{line}");
        }
        let twice = "san:a publisher * netbox-secret=f netbox-secret=g";
        let (ring, _) = KeyRing::read(twice, &mut |file| Ok(Secret::new(file)));
        assert_eq!(&*ring.holders_of_names(&["a".to_owned()])[0].grant.name, "netbox-secret=g");
    }

    #[test]
    fn only_a_line_of_its_own_says_that_no_keys_are_meant() {
        assert!(KeyRing::says_no_keys("# who\n  # No keys\n"));
        assert!(!KeyRing::says_no_keys(""));
        assert!(!KeyRing::says_no_keys("# no keys for team b\n"));
        assert!(!KeyRing::says_no_keys("san:a viewer * # no keys\n"));
    }

    #[test]
    fn certificate_names_are_compared_with_case_where_the_standards_say_so() {
        let same = |one: &str, two: &str| same_name(one) == same_name(two);
        assert!(same("Client.example.com", "client.EXAMPLE.com"));
        assert!(same("SPIFFE://Example.com/CI", "spiffe://example.COM/CI"));
        assert!(!same("spiffe://example.com/CI", "spiffe://example.com/ci"));
        assert!(!same("https://h/?a=B", "https://h/?a=b"));
        assert!(!same("https://h?B", "https://h?b"));
        assert!(!same("https://Jo@h/", "https://jo@h/"));
        assert!(same("https://jo@H/", "https://jo@h/"));
        assert!(same("URN:x:Y", "urn:x:Y"));
        assert!(!same("urn:x:Y", "urn:x:y"));
        let ring = KeyRing::parse("san:Client.example.com viewer a\nsan:spiffe://x/y admin *").unwrap();
        let roles = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            ring.holders_of_names(&names).iter().map(|holder| holder.grant.role).collect::<Vec<_>>()
        };
        assert_eq!(roles(&["client.EXAMPLE.com", "spiffe://x/y"]), [Role::Viewer, Role::Admin]);
        assert_eq!(roles(&["other.example.com", "spiffe://x/Y"]), []);
    }

    #[test]
    fn every_line_at_fault_is_told_with_its_number() {
        let good = new_key(Role::Admin, Scope::Every).line;
        let text = format!("{good}\nsha256:12 admin *\nwhat\nsan:x king *\nsan:x admin A\nmd5:1 admin *\nsan: admin *");
        let lines: Vec<usize> = KeyRing::parse(&text).unwrap_err().iter().map(|error| error.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn what_stands_at_a_wrong_place_is_not_repeated() {
        let made = new_key(Role::Admin, Scope::Every);
        let key = made.key.expose();
        for line in [format!("{key} admin *"), format!("admin {key} *"), format!("san:x admin {key}"), key.to_owned()] {
            let errors = KeyRing::parse(&line).unwrap_err();
            assert!(!errors[0].to_string().contains(key), "{}", errors[0]);
        }
    }

    #[test]
    fn debug_shows_no_hash() {
        let made = new_key(Role::Admin, Scope::Every);
        let ring = KeyRing::parse(&made.line).unwrap();
        assert_eq!(format!("{ring:?}"), "KeyRing { holders: 1 }");
        assert!(!format!("{made:?}").contains(made.key.expose()));
    }
}
