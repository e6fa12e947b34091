//! The key that seals secrets in the store: read from its file, made on the first start.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::relay::proof::NodeKey;
use crate::failure::InWords;
use crate::regular;
use anyhow::{Result, anyhow};
use sha2::{Digest, Sha256};
use tenterhook_api::TokenKey;
use tenterhook_model::Entropy;
use tenterhook_store::SealingKey;

/// Name of the file beside the store.
const FILE_NAME: &str = "sealing.key";
/// Bytes of the key (XChaCha20-Poly1305).
const KEY_BYTES: usize = 32;
/// Mode of the file: its owner may read and write it.
const OWNER_ONLY: u32 = 0o600;
/// Mode of the store's folder, which is made for the key first.
const OWNER_ONLY_FOLDER: u32 = 0o700;

/// What keeps the key of tokens apart from the key that it is made of.
const TOKENS: &[u8] = b"tenterhook tokens v1";

/// The keys of a server.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Seals secrets in the store.
    pub sealing: SealingKey,
    /// Signs page and resume tokens; the same after a restart, so that watches can resume.
    pub tokens: TokenKey,
    /// What the nodes of one database prove to each other.
    pub(crate) nodes: NodeKey,
}

impl Keys {
    fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let tokens = Sha256::new().chain_update(TOKENS).chain_update(bytes).finalize();
        let nodes = NodeKey::of_sealing(&bytes);
        Self { sealing: SealingKey::new(bytes), tokens: TokenKey::new(tokens.into()), nodes }
    }

    /// Keys that end with the process, for a store that does.
    pub fn forgettable(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; KEY_BYTES];
        entropy.fill(&mut bytes);
        Self::new(bytes)
    }
}

/// Where the key of the store `url` is by default: in the store's folder. `None` for a store that
/// has none.
pub fn default_place(url: &str) -> Option<PathBuf> {
    tenterhook_store::folder(url).map(|folder| folder.join(FILE_NAME))
}

/// What [`load_or_make`] would refuse, without making anything.
///
/// # Errors
/// When the file is there and cannot be read, or holds no key; `None` when it is to be made.
pub fn try_load(path: &Path) -> Result<Option<Keys>> {
    match regular::read_text(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read the sealing key {}", path.display())),
        Ok(text) => parse(&text).map(Some).map_err(|why| anyhow!("{} holds no sealing key: {why}", path.display())),
    }
}

/// The keys that the file at `path` gives; it is made if there is no such file.
///
/// # Errors
/// When the file cannot be read or written, or holds no key.
pub fn load_or_make(path: &Path, entropy: &dyn Entropy) -> Result<Keys> {
    match try_load(path)? {
        Some(keys) => Ok(keys),
        None => make(path, entropy),
    }
}

fn make(path: &Path, entropy: &dyn Entropy) -> Result<Keys> {
    let mut bytes = [0; KEY_BYTES];
    entropy.fill(&mut bytes);
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(folder) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(OWNER_ONLY_FOLDER).create(folder);
        made.with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path);
    let written = file.and_then(|mut file| {
        writeln!(file, "{text}")?;
        // On stable storage before anything is sealed with it.
        file.sync_all()
    });
    let named = written.and_then(|()| match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // Its name too: without the key, what it sealed is lost.
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    });
    named.with_context(|| format!("cannot write the sealing key {}", path.display()))?;
    Ok(Keys::new(bytes))
}

fn parse(text: &str) -> Result<Keys, &'static str> {
    let digits = text.trim();
    if digits.len() != 2 * KEY_BYTES || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("it must be one line of 64 hexadecimal digits");
    }
    let mut bytes = [0; KEY_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).expect("every character was just found to be a digit");
        *byte = (value(pair[0]) * 16 + value(pair[1])) as u8;
    }
    Ok(Keys::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use tenterhook_model::OsEntropy;

    #[test]
    fn the_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store").join(FILE_NAME);
        load_or_make(&path, &OsEntropy).unwrap();
        let first = fs::read_to_string(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (OWNER_ONLY, OWNER_ONLY_FOLDER));
        load_or_make(&path, &OsEntropy).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        for junk in ["", "abc", &"g".repeat(64), &"ab".repeat(33), &"é".repeat(32)] {
            fs::write(&path, junk).unwrap();
            let error = format!("{:#}", load_or_make(&path, &OsEntropy).unwrap_err());
            assert!(error.contains("holds no sealing key"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), junk);
        }
    }

    #[test]
    fn the_default_place_is_beside_the_store() {
        assert_eq!(default_place("redb:/var/lib/t"), Some(PathBuf::from("/var/lib/t/sealing.key")));
        assert_eq!(default_place("sled:data"), Some(PathBuf::from("data/sealing.key")));
        assert_eq!(default_place("memory:"), None);
    }
}
