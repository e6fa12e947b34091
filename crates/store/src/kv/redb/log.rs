//! The log: commits that the file does not have yet, in DIR/tenterhook.log.0 and .1.
//!
//! A commit is one record, and on stable storage when [`Log::append`] returns. Records go to
//! one of the two files until some megabytes have gathered, and then to the other, from its
//! start; by then the redb file has all that was there. So the files stay small, and most appends
//! overwrite what is there already, which is what a file system does fastest.
//!
//! A file has a known length from the start, and a header that names the commit before the newest
//! one ([`super::segment`]). So a file that was cut is told from an append that a loss of power
//! cut: that was in the midst of the file, and never acknowledged.
//!
//! A record is its length and the CRC-32 of the rest (both `u32`), the number of the commit
//! (`u64`), and the writes: the length of key and value (`u32`, and [`REMOVED`] for a key
//! that is removed), key and value. Integers are little-endian.

use bytes::{Buf, BufMut, Bytes};

use super::super::Batch;
use super::super::place::LOGS;
use super::disk::Disk;
use super::file::Progress;
use super::segment::{HEADER_BYTES, Header, Segment};
use crate::error::{OpenError, StoreError};

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
    files: [Segment; 2],
    /// The file that is written.
    current: usize,
    /// Where its next record begins.
    end: u64,
    /// The number of the last commit.
    last: u64,
    /// Bytes of the largest record for which there was no room and has been none since; 0 if none.
    refused: usize,
    buffer: Vec<u8>,
}

/// What a log has that the redb file lacks.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// The writes.
    pub(super) writes: Batch,
    /// Commits that are missing: only [`Log::salvage`] goes on without them.
    pub(super) missing: u64,
    /// Files that are missing, cut short or without their header: nobody knows all commits that they had.
    pub(super) damaged_files: u64,
}

impl Log {
    /// Opens the log on `disk` of a redb file that is as far as `have`. Returns the writes of the
    /// commits after that. Nothing is changed on the disk: see [`Log::prepare`].
    pub(super) fn open(disk: &dyn Disk, have: Progress) -> Result<(Self, Batch), OpenError> {
        let files = [Segment::open(disk, LOGS[0])?, Segment::open(disk, LOGS[1])?];
        let mut log = Self { files, current: 0, end: HEADER_BYTES, last: have.last, refused: 0, buffer: Vec::new() };
        let writes = log.replay(have)?;
        Ok((log, writes))
    }

    /// Reads both files, and returns the writes of all commits that are not in the redb file.
    fn replay(&mut self, have: Progress) -> Result<Batch, StoreError> {
        let (mut records, mut named) = (Vec::new(), have.last);
        for file in &mut self.files {
            let Some(bytes) = file.read(have.log_needed)? else { continue };
            records.extend(read_records(bytes, file.name(), have.last)?);
            named = named.max(file.header().last);
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
        assert!(self.last >= have.last, "the log ends at {} and the file has {}", self.last, have.last);
        if self.last < named {
            let (first, name) = (self.last + 1, LOGS.join(" or "));
            return Err(StoreError::Damaged(format!("{name} lacks the commits from {first} to {named}")));
        }
        Ok(writes)
    }

    /// All that can be read of the log on `disk`, whatever is missing.
    pub(super) fn salvage(disk: &dyn Disk, have: Progress) -> Replay {
        let (mut replay, mut records, mut named) = (Replay::default(), Vec::new(), have.last);
        for name in LOGS {
            let is_whole = Segment::open(disk, name).is_ok_and(|mut file| file.read(have.log_needed).is_ok());
            replay.damaged_files += u64::from(!is_whole);
            let bytes = disk.open_log(name).and_then(|file| file.read_all()).unwrap_or_default();
            named = named.max(Header::read(&bytes).map_or(0, |header| header.last));
            records.extend(find_records(&Bytes::from(bytes), have.last));
        }
        records.sort_by_key(|record| record.number);
        records.dedup_by_key(|record| record.number);
        let mut last = have.last;
        for record in records {
            assert!(record.number > last, "commit {} is salvaged after {last}", record.number);
            replay.missing += record.number - last - 1;
            last = record.number;
            match decode(record.writes) {
                Ok(writes) => replay.writes.absorb(writes),
                Err(_) => replay.missing += 1,
            }
        }
        replay.missing += named.saturating_sub(last);
        replay
    }

    /// Makes the files ready for records. The redb file must have all commits of the log, and
    /// not need it.
    pub(super) fn prepare(&mut self, disk: &dyn Disk) -> Result<(), StoreError> {
        let last = self.last;
        self.files.iter_mut().try_for_each(|file| file.prepare(disk, last))
    }

    /// Appends a commit. Returns its number when it is on stable storage. After a failure the
    /// next one takes its place.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        let number = self.last + 1;
        assert!(self.end >= HEADER_BYTES, "commit {number} at {} would overwrite the header", self.end);
        self.buffer.clear();
        encode(&mut self.buffer, number, batch);
        let length = self.buffer.len();
        let appended = self.files[self.current].append(&self.buffer, self.end, self.last);
        match &appended {
            Ok(()) if length >= self.refused => self.refused = 0,
            Err(StoreError::Full) => self.refused = self.refused.max(length),
            _ => {}
        }
        appended?;
        let written = self.files[self.current].header().last;
        assert!(written < number, "the file says that commit {written} was safe before commit {number} was written");
        self.end += length as u64;
        self.last = number;
        self.buffer.shrink_to(BUFFER_BYTES);
        Ok(number)
    }

    /// Tries whether there is room now for the largest record that was refused, by zeros in the
    /// place of the next one: a small record may fit where that one does not.
    pub(super) fn probe(&mut self) -> Result<(), StoreError> {
        if self.refused > 0 {
            self.files[self.current].append(&vec![0; self.refused], self.end, self.last)?;
            self.refused = 0;
        }
        Ok(())
    }

    /// Where the next record begins in its file.
    #[cfg(test)]
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The number of the last commit.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Switches to the other file, whose records the redb file already holds.
    pub(super) fn switch(&mut self) {
        self.current = 1 - self.current;
        self.end = HEADER_BYTES;
    }

    /// Gives room of both files back, whose records the redb file already holds.
    pub(super) fn shrink(&mut self) -> Result<(), StoreError> {
        self.end = HEADER_BYTES;
        let last = self.last;
        self.files.iter_mut().try_for_each(|file| file.shrink(last))
    }

    /// Overwrites the records of both files, all of which the redb file already holds: what was
    /// removed from the store is no longer found in them. They keep their length.
    pub(super) fn blank(&mut self) -> Result<(), StoreError> {
        self.end = HEADER_BYTES;
        let last = self.last;
        self.files.iter_mut().try_for_each(|file| file.blank(last))
    }

    /// Bytes of both files.
    pub(super) fn size(&self) -> Result<u64, StoreError> {
        self.files.iter().map(Segment::size).sum()
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
/// older records follow the newest; but newer ones behind a damaged one show that commits
/// are lost. A file without a header is one of a version that wrote none: it begins with a record.
fn read_records(bytes: Vec<u8>, name: &str, have: u64) -> Result<Vec<Record>, StoreError> {
    let begin = if Header::read(&bytes).is_some() { HEADER_BYTES as usize } else { 0 };
    let mut rest = Bytes::from(bytes);
    rest.advance(begin.min(rest.len()));
    let (mut records, mut last) = (Vec::<Record>::new(), None);
    while let Some(found) = record(&rest).filter(|found| last.is_none_or(|last| found.number == last + 1)) {
        rest.advance(found.length);
        last = Some(found.number);
        if found.number > have {
            records.push(found);
        }
    }
    let newest = last.unwrap_or(0).max(have);
    match find_record(&rest, newest) {
        Some((_, newer)) => Err(StoreError::Damaged(format!("{name} is damaged before commit {}", newer.number))),
        None => Ok(records),
    }
}

/// Every record after commit `have`, wherever in `bytes` it is.
fn find_records(bytes: &Bytes, have: u64) -> Vec<Record> {
    let (mut records, mut rest) = (Vec::new(), bytes.clone());
    while let Some((at, found)) = find_record(&rest, have) {
        rest.advance(at + found.length);
        records.push(found);
    }
    records
}

/// The first record anywhere in `bytes` that is newer than `newest`, and where it is.
fn find_record(bytes: &Bytes, newest: u64) -> Option<(usize, Record)> {
    // Most of a file is zeros that were never written.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let headers = bytes[..bytes.len().min(used + FRAME + NUMBER)].windows(FRAME + NUMBER).enumerate();
    // The number is looked at first: it is nearly always wrong, and the checksum costs more.
    let mut near = headers.filter(|(_, header)| {
        let number = (&header[FRAME..]).get_u64_le();
        number > newest && number - newest <= u64::from(u32::MAX)
    });
    near.find_map(|(at, _)| record(&bytes.slice(at..)).map(|record| (at, record)))
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
    debug_assert!(buffer.len() >= FRAME + NUMBER, "the record of commit {number} has a frame and a number");
    let length = length_of(&buffer[FRAME..]);
    let sum = crc32fast::hash(&buffer[FRAME..]);
    let mut header = &mut buffer[..FRAME];
    header.put_u32_le(length);
    header.put_u32_le(sum);
}

/// The body of a fuzz target: a log of any bytes is read or refused, and what is read of it is
/// written again as it was.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn fuzz(data: &[u8]) {
    let (have, data) = data.split_first().map_or((0, data), |(have, rest)| (u64::from(*have), rest));
    let bytes = Bytes::copy_from_slice(data);
    let found = find_records(&bytes, have);
    assert!(found.iter().all(|record| record.number > have), "only newer ones are found");
    let Ok(records) = read_records(data.to_vec(), "a log", have) else { return };
    for record in &records {
        assert!(record.number > have && record.length <= data.len(), "commit {} of {have}", record.number);
    }
    assert!(records.windows(2).all(|two| two[1].number == two[0].number + 1), "commits come in their order");
    for record in records {
        let Ok(batch) = decode(record.writes.clone()) else { continue };
        let mut again = Vec::new();
        encode(&mut again, record.number, &batch);
        let read = decode(record_of(&again).writes);
        assert!(read.is_ok_and(|read| read.iter().eq(batch.iter())), "commit {} changes", record.number);
    }
}

#[cfg(any(test, feature = "fuzz"))]
fn record_of(bytes: &[u8]) -> Record {
    record(&Bytes::copy_from_slice(bytes)).expect("a record that was just written is whole")
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
