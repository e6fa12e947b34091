//! Opening a store by its URL, as `--store` gives it.

use std::path::Path;
use std::sync::Arc;

use tenterhook_model::Entropy;

use crate::Store;
use crate::embedded::{EmbeddedStore, StoreOptions, Writer, recognise};
use crate::error::{OpenError, StoreError};
use crate::keys;
use crate::kv::place::{self, Holds};
use crate::kv::{Kv, MemoryKv, Node, PostgresKv, RedbKv, SledKv};
use crate::seal::SealingKey;

/// Where a store is and what engine it has, as its URL says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Location<'a> {
    /// In files of the engine in the directory.
    Folder(Holds, &'a Path),
    /// In the database that the URL names.
    Postgres(&'a str),
    /// In memory.
    Memory,
}

impl<'a> Location<'a> {
    /// The location that a URL names.
    pub(crate) fn parse(url: &'a str) -> Result<Self, OpenError> {
        match url.split_once(':') {
            Some(("memory", "")) => Some(Self::Memory),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Some(Self::Postgres(url)),
            Some((scheme, directory)) if !directory.is_empty() => {
                let engine = Holds::ALL.into_iter().find(|engine| engine.name() == scheme);
                engine.map(|engine| Self::Folder(engine, Path::new(directory)))
            }
            _ => None,
        }
        .ok_or_else(|| OpenError::Unknown(shown_url(url)))
    }
}

/// Whether `url` names a store, be it there or not.
///
/// # Errors
/// When it does not: what to give instead.
pub fn check_url(url: &str) -> Result<(), OpenError> {
    Location::parse(url).map(drop)
}

/// The folder with the files of the store at `url`; `None` for one that has no files of its own.
pub fn folder(url: &str) -> Option<&Path> {
    match Location::parse(url) {
        Ok(Location::Folder(_, directory)) => Some(directory),
        Ok(Location::Postgres(_) | Location::Memory) | Err(_) => None,
    }
}

/// Opens the store that `url` names: `redb:DIR`, `sled:DIR`, `postgres://…` or `memory:`. The writer must
/// run for writes to be answered.
///
/// # Errors
/// When the URL names no store, or the store cannot be opened: [`OpenError::Held`] while another node
/// has the database.
pub fn open(url: &str, options: StoreOptions) -> Result<(Arc<dyn Store>, Writer), OpenError> {
    let kv = open_engine(url, &options.node, &*options.entropy)?;
    let (store, writer) = EmbeddedStore::open_any(kv, options)?;
    Ok((store, writer))
}

/// Opens the engine that `url` names, for this node where nodes share it.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_engine(url: &str, node: &Node, entropy: &dyn Entropy) -> Result<Box<dyn Kv>, OpenError> {
    Ok(match Location::parse(url)? {
        Location::Folder(Holds::Redb, directory) => Box::new(RedbKv::open(directory)?),
        Location::Folder(Holds::Sled, directory) => Box::new(SledKv::open(directory)?),
        Location::Postgres(url) => Box::new(PostgresKv::open(url, node, entropy)?),
        Location::Memory => Box::new(MemoryKv::default()),
    })
}

/// Whether there is a store at `url`.
///
/// # Errors
/// When the URL names no store or one of another engine, or the database cannot be asked.
pub fn exists(url: &str) -> Result<bool, OpenError> {
    match Location::parse(url)? {
        Location::Folder(engine, directory) => place::holds(directory, engine),
        Location::Postgres(url) => PostgresKv::look(url)?.map_or(Ok(false), |kv| Ok(is_made(&kv)?)),
        Location::Memory => Ok(false),
    }
}

/// Removes the schema that a demo has made in a database, with everything in it.
///
/// # Errors
/// When the URL names no schema of a demo, or the database cannot be asked.
pub fn remove_trial(url: &str) -> Result<(), OpenError> {
    match Location::parse(url)? {
        Location::Postgres(url) => PostgresKv::remove_trial(url),
        Location::Folder(..) | Location::Memory => Err(OpenError::Database("only the schema of a demo can be removed")),
    }
}

/// Tries whether [`open`] would open the store at `url` with this sealing key. It makes no store:
/// what had to be made for the attempt is removed again.
///
/// # Errors
/// Why it would not.
pub fn probe(url: &str, sealing_key: Option<&SealingKey>) -> Result<(), OpenError> {
    match Location::parse(url)? {
        Location::Memory => Ok(()),
        // A node may stand by, so who has the lease does not matter.
        Location::Postgres(url) => PostgresKv::look(url)?.map_or(Ok(()), |kv| recognise(&kv, sealing_key)),
        Location::Folder(engine, directory) if !exists(url)? => place::probe(directory, engine),
        Location::Folder(Holds::Redb, directory) => recognise(&RedbKv::open(directory)?, sealing_key),
        Location::Folder(Holds::Sled, directory) => recognise(&SledKv::open(directory)?, sealing_key),
    }
}

/// The URL of a store as it may be shown: the user and password of a database are left out.
pub fn shown_url(url: &str) -> String {
    match url.split_once(':') {
        None | Some(("memory", _)) => url.to_owned(),
        Some((scheme, _)) if Holds::ALL.iter().any(|engine| engine.name() == scheme) => url.to_owned(),
        Some((scheme, rest)) => {
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            match rest.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}://***@{host}"),
                None => format!("{scheme}:{rest}"),
            }
        }
    }
}

/// Whether somebody has made a store in an engine that is there.
fn is_made(kv: &dyn Kv) -> Result<bool, StoreError> {
    Ok(kv.get(&keys::meta::identity())?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_engine_and_directory() {
        assert_eq!(Location::parse("redb:./data").unwrap(), Location::Folder(Holds::Redb, Path::new("./data")));
        assert_eq!(Location::parse("sled:/var/a:b").unwrap(), Location::Folder(Holds::Sled, Path::new("/var/a:b")));
        assert_eq!(Location::parse("memory:").unwrap(), Location::Memory);
        let url = "postgresql://th@localhost/x";
        assert_eq!(Location::parse(url).unwrap(), Location::Postgres(url));
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgres://th:s3cret@db/x?password=s3cret", "postgres://***@db/x"),
            ("mysql:th:s3cret@p@db/x", "mysql://***@db/x"),
            ("postgres://db/x?password=s3cret#s3cret", "postgres://db/x"),
            ("redb:/var/a@b", "redb:/var/a@b"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(shown_url(url), shown);
            let refused = Location::parse(url).map_or_else(|error| error.to_string(), |_| String::new());
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }

    #[test]
    fn only_a_store_with_files_has_a_folder() {
        assert_eq!((folder("redb:data"), folder("sled:a:b")), (Some(Path::new("data")), Some(Path::new("a:b"))));
        for url in ["memory:", "redb:", "postgres://th:secret@db/th", "postgresql:x", "data", "file:data"] {
            assert_eq!(folder(url), None, "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused_with_what_to_give_instead() {
        for url in ["", "redb:", "sled:", "memory:x", "postgres:x", "data", "file:data"] {
            let error = Location::parse(url).unwrap_err();
            assert!(matches!(error, OpenError::Unknown(_)) && error.to_string().contains("redb:DIR"), "{error}");
        }
    }
}
