//! The log: commits that the file does not have yet, in DIR/tenterhook.log.0 and .1.
//!
//! A commit is one record, and on stable storage when [`Log::append`] returns. Records go to
//! one of the two files until it is full, and then to the other, from its start; by then the
//! redb file has all that was there. So the files stay small, and most appends overwrite what
//! is there already, which is what a file system does fastest.
//!
//! A record is its length and the CRC-32 of the rest (both `u32`), the number of the commit
//! (`u64`), and the writes: the length of key and value (`u32`, and [`REMOVED`] for a key
//! that is removed), key and value. Integers are little-endian.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::{Buf, BufMut, Bytes};

use super::super::{Batch, place};
use crate::error::{OpenError, StoreError};

/// The names of the two files.
const NAMES: [&str; 2] = ["tenterhook.log.0", "tenterhook.log.1"];
/// Length and checksum.
const FRAME: usize = 8;
/// The number of the commit, which begins what the checksum is of.
const NUMBER: usize = 8;
/// The length of the value of a key that is removed.
const REMOVED: u32 = u32::MAX;
/// What a buffer may keep in memory between two appends.
const BUFFER_BYTES: usize = 256 * 1024;

/// A log that is open.
#[derive(Debug)]
pub(super) struct Log {
    files: [File; 2],
    /// The file that is written.
    current: usize,
    /// Where its next record begins.
    end: u64,
    /// The number of the last commit.
    last: u64,
    buffer: Vec<u8>,
}

impl Log {
    /// Opens the log in the directory, or makes one. Answers the writes after commit `have`.
    pub(super) fn open(directory: &Path, have: u64) -> Result<(Self, Batch), OpenError> {
        let open =
            |name| File::options().read(true).write(true).create(true).truncate(false).open(directory.join(name));
        let files = [open(NAMES[0]).map_err(place::failed)?, open(NAMES[1]).map_err(place::failed)?];
        // The names must be there after a loss of power, as the records will be.
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(place::failed)?;
        let mut log = Self { files, current: 0, end: 0, last: have, buffer: Vec::new() };
        let writes = log.replay()?;
        Ok((log, writes))
    }

    /// Reads both files, and answers the writes of all commits that are not in the redb file.
    fn replay(&mut self) -> Result<Batch, StoreError> {
        let mut records = Vec::new();
        for (file, name) in self.files.iter().zip(NAMES) {
            records.extend(read_file(file, name, self.last)?);
        }
        records.sort_by_key(|record| record.number);
        let mut writes = Batch::default();
        for record in records {
            if record.number != self.last + 1 {
                let (expected, found) = (self.last + 1, record.number);
                return Err(StoreError::Damaged(format!("the log lacks commit {expected}: commit {found} comes next")));
            }
            self.last = record.number;
            writes.absorb(decode(record.writes)?);
        }
        Ok(writes)
    }

    /// Appends a commit. Answers its number when it is on stable storage. After a failure the
    /// next one takes its place.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        let number = self.last + 1;
        self.buffer.clear();
        encode(&mut self.buffer, number, batch);
        let file = &self.files[self.current];
        file.write_all_at(&self.buffer, self.end).and_then(|()| file.sync_data()).map_err(place::failed)?;
        self.end += self.buffer.len() as u64;
        self.last = number;
        self.buffer.shrink_to(BUFFER_BYTES);
        Ok(number)
    }

    /// The number of the last commit.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Goes on in the other file, of which the redb file has everything.
    pub(super) fn switch(&mut self) {
        self.current = 1 - self.current;
        self.end = 0;
    }

    /// Gives the room of both files back, of which the redb file has everything.
    pub(super) fn clear(&mut self) -> Result<(), StoreError> {
        self.end = 0;
        self.files.iter().try_for_each(|file| file.set_len(0)).map_err(place::failed)
    }

    /// Overwrites both files, of which the redb file has everything: what was removed from the
    /// store is no longer found in them. They keep their length, so that appends stay fast.
    pub(super) fn blank(&mut self) -> Result<(), StoreError> {
        self.end = 0;
        let zeros = vec![0; BUFFER_BYTES];
        for file in &self.files {
            let blank = || -> io::Result<()> {
                let length = file.metadata()?.len();
                let mut at = 0;
                while at < length {
                    let part = zeros.len().min((length - at) as usize);
                    file.write_all_at(&zeros[..part], at)?;
                    at += part as u64;
                }
                file.sync_data()
            };
            blank().map_err(place::failed)?;
        }
        Ok(())
    }

    /// Bytes of both files.
    pub(super) fn size(&self) -> Result<u64, StoreError> {
        let sizes = self.files.iter().map(|file| file.metadata().map(|metadata| metadata.len()));
        sizes.sum::<io::Result<u64>>().map_err(place::failed)
    }
}

/// A record whose checksum is right.
struct Record {
    number: u64,
    writes: Bytes,
    /// Bytes that it takes.
    length: usize,
}

/// The record at the start of `bytes`, if there is a whole one.
fn record(bytes: &Bytes) -> Option<Record> {
    let mut header = bytes.get(..FRAME)?;
    let (length, sum) = (header.get_u32_le() as usize, header.get_u32_le());
    let end = FRAME.checked_add(length)?;
    if length < NUMBER || end > bytes.len() || crc32fast::hash(&bytes[FRAME..end]) != sum {
        return None;
    }
    let mut summed = bytes.slice(FRAME..end);
    let number = summed.get_u64_le();
    Some(Record { number, writes: summed, length: end })
}

/// The records of a file after commit `have`. The last append may have been cut short, and
/// older records follow the newest; but newer ones behind a damaged one tell that commits
/// are lost.
fn read_file(mut file: &File, name: &str, have: u64) -> Result<Vec<Record>, StoreError> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes).map_err(place::failed)?;
    let mut rest = Bytes::from(bytes);
    let (mut records, mut last) = (Vec::<Record>::new(), None);
    while let Some(found) = record(&rest).filter(|found| last.is_none_or(|last| found.number == last + 1)) {
        rest.advance(found.length);
        last = Some(found.number);
        if found.number > have {
            records.push(found);
        }
    }
    let newest = last.unwrap_or(0).max(have);
    match find_newer(&rest, newest) {
        Some(number) => Err(StoreError::Damaged(format!("{name} is damaged before commit {number}"))),
        None => Ok(records),
    }
}

/// The number of a record anywhere in `bytes` that is newer than `newest`.
fn find_newer(bytes: &Bytes, newest: u64) -> Option<u64> {
    let headers = bytes.windows(FRAME + NUMBER).enumerate();
    // The number is looked at first: it is nearly always wrong, and the checksum costs more.
    let numbers = headers.map(|(at, mut header)| {
        (at, {
            header.advance(FRAME);
            header.get_u64_le()
        })
    });
    let mut near = numbers.filter(|(_, number)| *number > newest && number - newest <= u64::from(u32::MAX));
    near.find(|(at, _)| record(&bytes.slice(*at..)).is_some()).map(|(_, number)| number)
}

fn encode(buffer: &mut Vec<u8>, number: u64, batch: &Batch) {
    buffer.put_bytes(0, FRAME);
    buffer.put_u64_le(number);
    for (key, value) in batch.iter() {
        buffer.put_u32_le(length_of(key));
        buffer.put_u32_le(value.map_or(REMOVED, |value| length_of(value)));
        buffer.put_slice(key);
        buffer.put_slice(value.map_or(&[], |value| value));
    }
    let length = length_of(&buffer[FRAME..]);
    let sum = crc32fast::hash(&buffer[FRAME..]);
    let mut header = &mut buffer[..FRAME];
    header.put_u32_le(length);
    header.put_u32_le(sum);
}

fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a commit is bounded by the limits of its items, far below 4 GiB")
}

fn decode(mut writes: Bytes) -> Result<Batch, StoreError> {
    let damaged = || StoreError::Damaged("a record of the log does not decode".into());
    let mut batch = Batch::default();
    while !writes.is_empty() {
        let key_bytes = writes.try_get_u32_le().map_err(|_| damaged())? as usize;
        let value_bytes = writes.try_get_u32_le().map_err(|_| damaged())?;
        let value_length = if value_bytes == REMOVED { 0 } else { value_bytes as usize };
        if writes.len() < key_bytes.saturating_add(value_length) {
            return Err(damaged());
        }
        let key = Vec::from(writes.split_to(key_bytes));
        match value_bytes {
            REMOVED => batch.delete(key),
            _ => batch.put(key, Vec::from(writes.split_to(value_length))),
        }
    }
    Ok(batch)
}
