//! Opening a store by its URL, as `--store` gives it.

use std::path::Path;
use std::sync::Arc;

use crate::Store;
use crate::embedded::{EmbeddedStore, StoreOptions, Writer};
use crate::error::OpenError;
use crate::kv::{Kv, MemoryKv, RedbKv, SledKv};

/// Where a store is and what engine it has, as `redb:DIR`, `sled:DIR` or `memory:` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Location<'a> {
    /// In a redb file in the directory.
    Redb(&'a Path),
    /// In the directory, by sled.
    Sled(&'a Path),
    /// In memory.
    Memory,
}

impl<'a> Location<'a> {
    /// The location that a URL names.
    pub(crate) fn parse(url: &'a str) -> Result<Self, OpenError> {
        match url.split_once(':') {
            Some(("redb", directory)) if !directory.is_empty() => Ok(Self::Redb(Path::new(directory))),
            Some(("sled", directory)) if !directory.is_empty() => Ok(Self::Sled(Path::new(directory))),
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("postgres" | "postgresql", _)) => Err(OpenError::Postgres),
            _ => Err(OpenError::Unknown(url.to_owned())),
        }
    }
}

/// Opens the store that `url` names: `redb:DIR`, `sled:DIR` or `memory:`. The writer must run
/// for writes to be answered.
///
/// # Errors
/// When the URL names no store, or the store cannot be opened.
pub fn open(url: &str, options: StoreOptions) -> Result<(Arc<dyn Store>, Writer), OpenError> {
    match Location::parse(url)? {
        Location::Redb(directory) => open_engine(RedbKv::open(directory)?, options),
        Location::Sled(directory) => open_engine(SledKv::open(directory)?, options),
        Location::Memory => open_engine(MemoryKv::default(), options),
    }
}

fn open_engine<K: Kv>(kv: K, options: StoreOptions) -> Result<(Arc<dyn Store>, Writer), OpenError> {
    let (store, writer) = EmbeddedStore::open(kv, options)?;
    Ok((store, writer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_engine_and_directory() {
        assert_eq!(Location::parse("redb:./data").unwrap(), Location::Redb(Path::new("./data")));
        assert_eq!(Location::parse("sled:/var/a:b").unwrap(), Location::Sled(Path::new("/var/a:b")));
        assert_eq!(Location::parse("memory:").unwrap(), Location::Memory);
    }

    #[test]
    fn other_urls_are_refused_with_what_to_give_instead() {
        for url in ["", "redb:", "sled:", "memory:x", "data", "file:data"] {
            let error = Location::parse(url).unwrap_err();
            assert!(matches!(error, OpenError::Unknown(_)) && error.to_string().contains("redb:DIR"), "{error}");
        }
        assert!(matches!(Location::parse("postgres://localhost/x").unwrap_err(), OpenError::Postgres));
    }
}
