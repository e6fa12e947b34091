//! What can be read of a damaged store, written as an export: record by record, around pages that
//! cannot be read, without a record whose checksum is wrong.

use std::io::Write;

use super::format::{self, Read};
use super::stream::Records;
use crate::error::{OpenError, StoreError};
use crate::keys;
use crate::keys::Family;
use crate::kv::place::Holds;
use crate::kv::{Kv, Pair, RedbSalvage, SledKv, Span};
use crate::open::{Location, exists, shown_url};
use crate::rows;

/// Records that are read at a time where nothing is damaged.
const CHUNK: usize = 512;
/// How often a range that cannot be read is halved before it is given up: what lies between two
/// damaged pages is found if it is more than a 256th of the range between them.
const HALVINGS: u32 = 8;

/// What a salvage has saved, and what it could not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Salvaged {
    /// Records that were written.
    pub records: u64,
    /// Records that were read and left out, because their checksum is wrong.
    pub damaged: u64,
    /// Ranges of records that could not be read.
    pub gaps: u64,
    /// Commits that are missing in the log.
    pub missing_commits: u64,
    /// Files of the log that are missing, cut short or without their header: more commits may be lost with them.
    pub damaged_logs: u64,
}

impl Salvaged {
    /// Whether all of the store was saved.
    pub fn is_whole(&self) -> bool {
        self.damaged == 0 && self.gaps == 0 && self.missing_commits == 0 && self.damaged_logs == 0
    }
}

/// Writes what can be read of the store at `url` to `output`, as [`super::export`] does.
///
/// # Errors
/// When there is no store, nothing of it can be opened, or `output` fails.
pub(super) fn salvage(url: &str, output: &mut dyn Write) -> Result<Salvaged, OpenError> {
    let missing = || OpenError::Missing(shown_url(url));
    let is_there = || exists(url)?.then_some(()).ok_or_else(missing);
    match Location::parse(url)? {
        Location::Folder(Holds::Redb, directory) => {
            is_there()?;
            let store = RedbSalvage::open(directory)?;
            format::refuse_other(&|span| store.range(span))?;
            let (missing_commits, damaged_logs) = (store.missing_commits(), store.damaged_logs());
            let salvaged = Salvaged { missing_commits, damaged_logs, ..Salvaged::default() };
            Ok(Walk::new(&|span| store.range(span), salvaged, output)?.all()?)
        }
        Location::Folder(Holds::Sled, directory) => {
            is_there()?;
            let store = SledKv::open(directory)?;
            format::refuse_other(&|span| store.range(span))?;
            Ok(Walk::new(&|span| store.range(span), Salvaged::default(), output)?.all()?)
        }
        Location::Postgres(_) => Err(OpenError::Database("its files are PostgreSQL's own; restore a backup of it")),
        Location::Memory => Err(missing()),
    }
}

/// A walk through a damaged store.
struct Walk<'a> {
    read: Read<'a>,
    output: Records<'a>,
    salvaged: Salvaged,
    /// Whether nothing was read since the last range that could not be.
    in_gap: bool,
}

impl<'a> Walk<'a> {
    fn new(read: Read<'a>, salvaged: Salvaged, output: &'a mut dyn Write) -> Result<Self, StoreError> {
        Ok(Self { read, output: Records::begin(output), salvaged, in_gap: false })
    }

    fn all(mut self) -> Result<Salvaged, StoreError> {
        for family in Family::ALL {
            let (from, to) = family.range();
            self.range(family, from, to, HALVINGS)?;
        }
        self.salvaged.records = self.output.end()?;
        Ok(self.salvaged)
    }

    /// Saves a range: forwards up to the first damage, backwards up to the last, and what is
    /// between them by halves.
    fn range(&mut self, family: Family, from: Vec<u8>, to: Vec<u8>, halvings: u32) -> Result<(), StoreError> {
        let (first, last) = (from.clone(), to.clone());
        let Some(from) = self.forwards(family, from, &to)? else { return Ok(()) };
        let to = self.backwards(family, &from, to)?;
        if from >= to {
            return Ok(());
        }
        let went_on = first != from || last != to;
        let middle = midpoint(&from, &to);
        if (halvings == 0 && !went_on) || middle <= from || middle >= to {
            self.salvaged.gaps += u64::from(!self.in_gap);
            self.in_gap = true;
            return Ok(());
        }
        let left = if went_on { HALVINGS } else { halvings - 1 };
        self.range(family, from, middle.clone(), left)?;
        self.range(family, middle, to, left)
    }

    /// Saves from the start of a range; returns where it cannot be read, unless it is at its end.
    fn forwards(&mut self, family: Family, mut from: Vec<u8>, to: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut limit = CHUNK;
        loop {
            match (self.read)(Span::new(&from, to, limit)) {
                Ok(pairs) => {
                    self.save(family, &pairs)?;
                    match pairs.last() {
                        Some((last, _)) if pairs.len() == limit => from = keys::after(last),
                        _ => return Ok(None),
                    }
                }
                // One by one, up to the page that cannot be read.
                Err(_) if limit > 1 => limit = 1,
                Err(_) => return Ok(Some(from)),
            }
        }
    }

    /// Saves from the end of a range; returns where it cannot be read, or its start.
    fn backwards(&mut self, family: Family, from: &[u8], mut to: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        while let Ok(pairs) = (self.read)(Span::new(from, &to, 1).reversed()) {
            self.save(family, &pairs)?;
            match pairs.first() {
                Some((key, _)) => to = key.to_vec(),
                None => return Ok(from.to_vec()),
            }
        }
        Ok(to)
    }

    fn save(&mut self, family: Family, pairs: &[Pair]) -> Result<(), StoreError> {
        self.in_gap &= pairs.is_empty();
        for (key, row) in pairs {
            // Rows of turns are ids without a frame, and rows of an index are empty.
            if row.is_empty() || family == Family::Turn || rows::is_intact(row) {
                self.output.record(key, row)?;
            } else {
                self.salvaged.damaged += 1;
            }
        }
        Ok(())
    }
}

/// A key half way between two.
fn midpoint(from: &[u8], to: &[u8]) -> Vec<u8> {
    let length = from.len().max(to.len()) + 1;
    let digit = |key: &[u8], at: usize| u16::from(key.get(at).copied().unwrap_or(0));
    // The sum of both, as digits from the lowest on, and then half of it.
    let (mut sum, mut carry) = (vec![0u16; length], 0);
    for at in (0..length).rev() {
        let digits = digit(from, at) + digit(to, at) + carry;
        (sum[at], carry) = (digits & 0xff, digits >> 8);
    }
    let mut half = Vec::with_capacity(length);
    for digit in sum {
        let digits = (carry << 8) | digit;
        half.push((digits / 2) as u8);
        carry = digits % 2;
    }
    half
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::{Batch, MemoryKv};
    use proptest::prelude::*;

    fn store(events: u32) -> MemoryKv {
        let kv = MemoryKv::default();
        let mut batch = Batch::default();
        for n in 0..events {
            let row = rows::encode(&crate::rows::meta::SequenceRow { sequence: u64::from(n) });
            batch.put([b"e", n.to_be_bytes().as_slice()].concat(), row);
        }
        kv.commit(batch).unwrap();
        kv
    }

    /// The events of a store of which those of some pages of ten cannot be read.
    fn salvage_without(kv: &MemoryKv, damaged: &[u32]) -> Salvaged {
        let read = |span: Span<'_>| {
            let pairs = kv.range(span)?;
            let page = |key: &[u8]| u32::from_be_bytes(key[1..5].try_into().unwrap()) / 10;
            // A cursor reads the page that it begins in, even if it takes nothing from there.
            let first = kv.range(Span { limit: 1, ..span })?;
            match pairs.iter().chain(&first).any(|(key, _)| damaged.contains(&page(key))) {
                true => Err(StoreError::Damaged("a page".into())),
                false => Ok(pairs),
            }
        };
        let mut output = Vec::new();
        Walk::new(&read, Salvaged::default(), &mut output).unwrap().all().unwrap()
    }

    #[test]
    fn all_but_the_damaged_pages_is_saved() {
        let kv = store(1_000);
        let expect = |records, gaps| Salvaged { records, gaps, ..Salvaged::default() };
        assert_eq!(salvage_without(&kv, &[]), expect(1_000, 0));
        assert_eq!(salvage_without(&kv, &[50]), expect(990, 1));
        assert_eq!(salvage_without(&kv, &[0]), expect(990, 1));
        assert_eq!(salvage_without(&kv, &[99]), expect(990, 1));
        assert_eq!(salvage_without(&kv, &[20, 80]), expect(980, 2));
        assert_eq!(salvage_without(&kv, &[1, 30, 31, 98]), expect(960, 3));
    }

    #[test]
    fn a_record_with_a_wrong_checksum_is_left_out_and_counted() {
        let kv = store(10);
        let mut batch = Batch::default();
        batch.put([b"e", 4u32.to_be_bytes().as_slice()].concat(), b"\x01nonsense".to_vec());
        kv.commit(batch).unwrap();
        assert_eq!(salvage_without(&kv, &[]), Salvaged { records: 9, damaged: 1, ..Salvaged::default() });
    }

    proptest! {
        #[test]
        fn a_midpoint_is_between(a: Vec<u8>, b: Vec<u8>) {
            let (from, to) = if a < b { (a, b) } else { (b, a) };
            let middle = midpoint(&from, &to);
            let padded = |key: &[u8]| { let mut key = key.to_vec(); key.resize(middle.len(), 0); key };
            prop_assert!(padded(&from) <= middle && middle <= padded(&to));
        }
    }
}
