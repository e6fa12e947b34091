//! Care of a store that no server has open: check it, make it smaller, move it to another
//! engine. The command `tenterhook store` calls these.

mod check;
mod salvage;
mod search;
mod stream;

use std::io::{Read, Write};

use tenterhook_model::Entropy;

pub use check::{Family, Report};
pub use salvage::Salvaged;

use crate::error::OpenError;
use crate::keys;
use crate::kv::place::{self, Holds, Place};
use crate::kv::{Kv, MemoryKv, RedbKv, SledKv};
use crate::open::{Location, shown_url};

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
        Location::Redb(directory) => (directory, Holds::Redb),
        Location::Sled(directory) => (directory, Holds::Sled),
        Location::Memory => return Err(OpenError::Missing(shown_url(url))),
    };
    if !directory.join(engine.file()).exists() {
        return Err(OpenError::Missing(shown_url(url)));
    }
    let _taken = Place::take(directory, engine)?;
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
/// was imported by then is of no use.
pub fn import(url: &str, input: &mut dyn Read, entropy: &dyn Entropy) -> Result<u64, OpenError> {
    let kv = open_any(url)?;
    let (from, to): (&[u8], &[u8]) = (&[], &[u8::MAX]);
    if !kv.range(crate::kv::Span::new(from, to, 1))?.is_empty() {
        return Err(OpenError::NotEmpty(shown_url(url)));
    }
    Ok(stream::import(&*kv, input, entropy)?)
}

fn open_existing(url: &str) -> Result<Box<dyn Kv>, OpenError> {
    let file = match Location::parse(url)? {
        Location::Redb(directory) => directory.join(crate::kv::REDB_FILE),
        Location::Sled(directory) => directory.join(crate::kv::SLED_FILE),
        Location::Memory => return Err(OpenError::Missing(shown_url(url))),
    };
    if !file.exists() {
        return Err(OpenError::Missing(shown_url(url)));
    }
    open_any(url)
}

fn open_any(url: &str) -> Result<Box<dyn Kv>, OpenError> {
    Ok(match Location::parse(url)? {
        Location::Redb(directory) => Box::new(RedbKv::open(directory)?),
        Location::Sled(directory) => Box::new(SledKv::open(directory)?),
        Location::Memory => Box::new(MemoryKv::default()),
    })
}
