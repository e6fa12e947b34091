//! The file of contexts, `$XDG_CONFIG_HOME/tenterhook/config.toml`: servers by name. Only its owner may read it, for a
//! command that prints a key may be in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tenterhook_model::system;

use crate::failure::Failure;

/// Permission bits of the group and of others.
const OTHERS: u32 = 0o077;

/// Every context.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one that is used when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// A server and how to reach it.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Context {
    /// `host:port`.
    pub(crate) address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    /// PEM file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// PEM file of the certificate to show (mTLS).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_cert: Option<PathBuf>,
    /// PEM file of its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_key: Option<PathBuf>,
    /// File that holds the API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
    /// Command of the shell that prints the API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_command: Option<String>,
    /// Whether every write asks first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) confirm: bool,
}

/// Where the file is; `None` without a home.
pub(crate) fn path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("tenterhook").join("config.toml"))
}

impl Contexts {
    /// Reads the file; empty when there is none.
    ///
    /// # Errors
    /// When others can read it, or it is not as it must be.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let mode = match fs::metadata(path) {
            Ok(metadata) => metadata.permissions().mode(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(Failure::usage(format!("cannot read {shown}: {}", system::text_in_words(&error))));
            }
        };
        if mode & OTHERS != 0 {
            return Err(Failure::usage(format!("{shown} can be read by others, and it leads to keys"))
                .next(format!("chmod 600 {shown}")));
        }
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {shown}: {}", system::text_in_words(&error))))?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
            Failure::usage(format!("{shown} is not a file of contexts; see line {line}"))
                .next("each context is a table [contexts.NAME] with an address; `tenterhook context add` writes one")
        })
    }

    /// Writes the file for its owner alone, whole or not at all.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = toml::to_string(self).expect("contexts are tables of texts");
        let folder = path.parent().expect("the path has the folder `tenterhook`");
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        let written = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).and_then(|()| {
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&partial, path)
        });
        written
            .map_err(|error| Failure::usage(format!("cannot write {}: {}", path.display(), system::in_words(&error))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_read_as_they_were_written_by_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenterhook/config.toml");
        assert_eq!(Contexts::read(&path).unwrap(), Contexts::default());
        let prod = Context {
            address: "hooks.example.com:443".into(),
            key_command: Some("pass 'x'".into()),
            confirm: true,
            ..Default::default()
        };
        let contexts = Contexts { current: Some("prod".into()), contexts: [("prod".to_owned(), prod)].into() };
        contexts.write(&path).unwrap();
        assert_eq!(Contexts::read(&path).unwrap(), contexts);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(Contexts::read(&path).unwrap_err().to_string().contains("chmod 600"), "{mode:o}");
        }
    }

    #[test]
    fn a_damaged_file_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "current = \"prod\"\n\n[contexts.prod]\naddress = 3\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let shown = Contexts::read(&path).unwrap_err().to_string();
        assert!(shown.contains("line 4"), "{shown}");
    }
}
