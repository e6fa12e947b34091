//! Care of a store that no server has open: check it, make it smaller, move it to another
//! engine. The command `tenterhook store` calls these.

mod check;
mod format;
mod salvage;
mod search;
mod stream;

use std::io::{Read, Write};

use tenterhook_model::{Entropy, OsEntropy};

pub use check::{FamilyName, Report};
pub use salvage::Salvaged;

use crate::error::OpenError;
use crate::keys;
use crate::kv::place::{self, StoreFolder};
use crate::kv::{Batch, Kv, Node, Span};
use crate::open::{Location, exists, open_engine, shown_url};

/// Records that are removed at a time.
const CLEARED: usize = 512;

/// Looks at every record of the store at `url`, and at how they belong together.
///
/// # Errors
/// When there is no store, or it cannot be read at all; damage is in the report.
pub fn check(url: &str) -> Result<Report, OpenError> {
    check_engine(&mut *open_existing(url)?)
}

/// As [`check`], of an engine that is open already.
///
/// # Errors
/// When it cannot be read at all.
pub fn check_engine(kv: &mut dyn Kv) -> Result<Report, OpenError> {
    Ok(check::check(kv)?)
}

/// How often `text` is found in the files of the store at `url`, whether it belongs to a record
/// or is what a removed one left behind.
///
/// # Errors
/// When there is no store, a server has it open, or a file cannot be read.
pub fn search(url: &str, text: &str) -> Result<u64, OpenError> {
    let (directory, engine) = match Location::parse(url)? {
        Location::Folder(engine, directory) => (directory, engine),
        Location::Postgres(_) => {
            return Err(OpenError::Database("its files are PostgreSQL's own, and not looked into"));
        }
        Location::Memory => return Err(OpenError::Missing(shown_url(url))),
    };
    if !place::holds(directory, engine)? {
        return Err(OpenError::Missing(shown_url(url)));
    }
    let _taken = StoreFolder::take(directory, engine)?;
    Ok(search::search(directory, text.as_bytes()).map_err(place::failed)?)
}

/// Gives the space that the store at `url` no longer needs back to the file system. Answers
/// its size in bytes before and after.
///
/// # Errors
/// When there is no store, or it cannot be written.
pub fn compact(url: &str) -> Result<(u64, u64), OpenError> {
    let mut kv = open_existing(url)?;
    let before = kv.size()?;
    kv.compact()?;
    Ok((before, kv.size()?))
}

/// Writes all records of the store at `url` to `output`, secrets sealed as they are. Answers
/// how many there were.
///
/// # Errors
/// When there is no store, a read fails, or `output` does.
pub fn export(url: &str, output: &mut dyn Write) -> Result<u64, OpenError> {
    let kv = open_existing(url)?;
    if kv.get(&keys::meta::identity())?.is_none() {
        return Err(OpenError::Missing(shown_url(url)));
    }
    Ok(stream::export(&*kv, output)?)
}

/// Writes what can be read of the damaged store at `url` to `output`, in the form of an export.
/// Keep a copy of the files: the engines may repair, and so change, what they open.
///
/// # Errors
/// When there is no store, nothing of it can be opened, or `output` fails.
pub fn salvage(url: &str, output: &mut dyn Write) -> Result<Salvaged, OpenError> {
    salvage::salvage(url, output)
}

/// Makes a store at `url` of what an export has written; it needs the sealing key of the old
/// one. Whoever watches must begin anew, because the journal may be an older one. Answers how
/// many records there were.
///
/// # Errors
/// When the store is not empty, cannot be written, or `input` is cut short or damaged; what
/// was imported by then is removed again.
pub fn import(url: &str, input: &mut dyn Read, entropy: &dyn Entropy) -> Result<u64, OpenError> {
    let kv = open_any(url)?;
    let (from, to): (&[u8], &[u8]) = (&[], &[u8::MAX]);
    if !kv.range(Span::new(from, to, 1))?.is_empty() {
        return Err(OpenError::NotEmpty(shown_url(url)));
    }
    let imported = stream::import(&*kv, input, entropy);
    if imported.is_err() {
        // Half a store is of no use, and would stand in the way of the next import.
        clear(&*kv)?;
    }
    imported
}

fn clear(kv: &dyn Kv) -> Result<(), OpenError> {
    loop {
        let pairs = kv.range(Span::new(&[], &[u8::MAX], CLEARED))?;
        if pairs.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        pairs.into_iter().for_each(|(key, _)| batch.delete(key.to_vec()));
        kv.commit(batch)?;
    }
}

fn open_existing(url: &str) -> Result<Box<dyn Kv>, OpenError> {
    if !exists(url)? {
        return Err(OpenError::Missing(shown_url(url)));
    }
    let kv = open_any(url)?;
    format::refuse_other(&|span| kv.range(span))?;
    Ok(kv)
}

fn open_any(url: &str) -> Result<Box<dyn Kv>, OpenError> {
    open_engine(url, &Node::of_command(), &OsEntropy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::MemoryKv;
    use crate::rows;
    use crate::rows::meta::IdentityRow;

    /// Makes the store at `url` one of a later version, with one record that only that one can read.
    fn later(url: &str) {
        let kv = open_any(url).unwrap();
        let mut batch = Batch::default();
        let identity =
            IdentityRow { format: crate::embedded::FORMAT + 1, version: "7.1.0".into(), ..Default::default() };
        batch.put(keys::meta::identity(), rows::encode(&identity));
        batch.put(b"e-of-another-form".to_vec(), b"junk to this version".to_vec());
        kv.commit(batch).unwrap();
    }

    #[test]
    fn a_store_of_a_later_format_is_refused_by_name_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        for engine in ["redb", "sled"] {
            let url = format!("{engine}:{}", directory.path().join(engine).display());
            later(&url);
            let mut output = Vec::new();
            for (what, refused) in [
                ("check", check(&url).map(drop)),
                ("compact", compact(&url).map(drop)),
                ("export", export(&url, &mut output).map(drop)),
                ("salvage", salvage(&url, &mut output).map(drop)),
            ] {
                let error = refused.unwrap_err();
                assert!(matches!(error, OpenError::Format { .. }), "{engine} {what}: {error}");
                assert!(error.to_string().contains("use version 7.1.0 or a later one"), "{error}");
            }
            assert!(output.is_empty(), "nothing of it was written");
            let kv = open_any(&url).unwrap();
            assert_eq!(kv.range(Span::new(&[], &[u8::MAX], 9)).unwrap().len(), 2);
        }
    }

    #[test]
    fn an_import_that_fails_leaves_room_for_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let url = |name: &str| format!("redb:{}", directory.path().join(name).display());
        let kv = open_any(&url("old")).unwrap();
        let mut batch = Batch::default();
        let identity = IdentityRow { format: crate::embedded::FORMAT, ..Default::default() };
        batch.put(keys::meta::identity(), rows::encode(&identity));
        (0..2_000u32).for_each(|n| batch.put([b"e", n.to_be_bytes().as_slice()].concat(), b"x".to_vec()));
        kv.commit(batch).unwrap();
        let mut exported = Vec::new();
        stream::export(&*kv, &mut exported).unwrap();
        let cut = &exported[..exported.len() / 2 + 1];
        for _ in 0..2 {
            let error = import(&url("new"), &mut &cut[..], &OsEntropy).unwrap_err();
            assert!(matches!(error, OpenError::Export(_)), "{error}");
        }
        assert_eq!(import(&url("new"), &mut exported.as_slice(), &OsEntropy).unwrap(), 2_001);
    }

    #[test]
    fn records_that_nothing_says_whose_they_are_make_no_whole_store() {
        let mut kv = MemoryKv::default();
        assert!(check_engine(&mut kv).unwrap().is_whole(), "a new store");
        let mut batch = Batch::default();
        batch.put([b"x", [0; 26].as_slice()].concat(), b"".to_vec());
        kv.commit(batch).unwrap();
        let report = check_engine(&mut kv).unwrap();
        let names_it = |problem: &String| problem.contains("says whose store this is");
        assert!(report.problems.iter().any(names_it), "{:?}", report.problems);
    }

    #[test]
    fn an_export_of_a_later_format_is_not_imported() {
        let directory = tempfile::tempdir().unwrap();
        let url = |name: &str| format!("redb:{}", directory.path().join(name).display());
        later(&url("later"));
        let mut exported = Vec::new();
        stream::export(&*open_any(&url("later")).unwrap(), &mut exported).unwrap();
        let error = import(&url("new"), &mut exported.as_slice(), &OsEntropy).unwrap_err();
        assert!(matches!(error, OpenError::Format { .. }), "{error}");
        assert!(open_any(&url("new")).unwrap().get(&keys::meta::identity()).unwrap().is_none());
    }
}
