//! One file of the log: a header that says how long the file is and which commits there are, and
//! then the records.
//!
//! The header has two slots that are written in turn, so that one is whole whatever a loss of
//! power leaves of the other. A slot is [`MAGIC`], a stamp that rises, the bytes of the file, the
//! number of a commit that was on stable storage before the slot was written, and the CRC-32 of
//! all that. Integers are little-endian.

use bytes::{Buf, BufMut};

use super::super::place;
use super::disk::{Disk, LogFile};
use crate::error::{OpenError, StoreError};

/// What a slot begins with.
const MAGIC: &[u8; 8] = b"thlog\0\0\x02";
/// Bytes from one slot to the other: what a disk writes all or nothing, or more.
const SLOT_BYTES: usize = 4096;
/// Bytes of a slot that count.
const SLOT_USED: usize = MAGIC.len() + 3 * 8 + 4;
/// Where the records begin.
pub(super) const HEADER_BYTES: u64 = 2 * SLOT_BYTES as u64;
/// Bytes of a new file. It doubles when a record does not fit.
pub(super) const START_BYTES: u64 = 256 * 1024;

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Header {
    stamp: u64,
    /// Bytes of the file, at least.
    pub(super) bytes: u64,
    /// The number of a commit that was on stable storage, in the log or in the redb file.
    pub(super) last: u64,
}

impl Header {
    fn encode(self) -> Vec<u8> {
        let mut slot = Vec::with_capacity(SLOT_USED);
        slot.put_slice(MAGIC);
        for number in [self.stamp, self.bytes, self.last] {
            slot.put_u64_le(number);
        }
        slot.put_u32_le(crc32fast::hash(&slot));
        assert_eq!(slot.len(), SLOT_USED, "a slot is as long as it is read");
        slot
    }

    fn decode(slot: &[u8]) -> Option<Self> {
        let (summed, mut sum) = slot.get(..SLOT_USED)?.split_at(SLOT_USED - 4);
        if !summed.starts_with(MAGIC) || crc32fast::hash(summed) != sum.get_u32_le() {
            return None;
        }
        let mut numbers = &summed[MAGIC.len()..];
        Some(Self { stamp: numbers.get_u64_le(), bytes: numbers.get_u64_le(), last: numbers.get_u64_le() })
    }

    /// The newest slot that is whole.
    pub(super) fn read(file: &[u8]) -> Option<Self> {
        let slots = [file.get(..SLOT_BYTES), file.get(SLOT_BYTES..2 * SLOT_BYTES)];
        slots.into_iter().flatten().filter_map(Self::decode).max_by_key(|header| header.stamp)
    }

    fn offset(self) -> u64 {
        (self.stamp % 2) * SLOT_BYTES as u64
    }
}

/// A file of the log that is written.
#[derive(Debug)]
pub(super) struct Segment {
    name: &'static str,
    file: Option<Box<dyn LogFile>>,
    header: Header,
}

impl Segment {
    /// Opens a file, if there is one.
    pub(super) fn open(disk: &dyn Disk, name: &'static str) -> Result<Self, OpenError> {
        let file = match disk.open_log(name) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(place::failed(error).into()),
        };
        Ok(Self { name, file, header: Header::default() })
    }

    /// Its name in the directory.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// All of its bytes; `None` when there is no file.
    ///
    /// # Errors
    /// When it cannot be read. When the store needs it: if it is shorter than its header says, or
    /// has no header.
    pub(super) fn read(&mut self, needed: bool) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(file) = &self.file else {
            if needed {
                return Err(StoreError::Damaged(format!("its file {} is missing", self.name)));
            }
            return Ok(None);
        };
        let bytes = file.read_all().map_err(place::failed)?;
        let header = Header::read(&bytes);
        match header {
            None if needed => return Err(StoreError::Damaged(format!("{} has no readable header", self.name))),
            Some(header) if needed && header.bytes > bytes.len() as u64 => {
                let (name, left, all) = (self.name, bytes.len(), header.bytes);
                return Err(StoreError::Damaged(format!("{name} is cut short: {left} of {all} bytes are left")));
            }
            _ => self.header = header.unwrap_or_default(),
        }
        Ok(Some(bytes))
    }

    /// What the header says.
    pub(super) fn header(&self) -> Header {
        self.header
    }

    /// Makes the file ready for records, unless it is. Commit `last` and all before it must be in
    /// the redb file.
    pub(super) fn prepare(&mut self, disk: &dyn Disk, last: u64) -> Result<(), StoreError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => disk.make_log(self.name).map_err(place::failed)?,
        };
        let file = self.file.insert(file);
        let is_whole = file.bytes().map_err(place::failed)? >= self.header.bytes;
        if self.header.bytes == 0 || !is_whole {
            file.reserve(START_BYTES).map_err(place::failed)?;
            self.write_header(START_BYTES, last)?;
        }
        Ok(())
    }

    /// Writes a record at `offset`, and that all commits up to `before` are on stable storage. The
    /// record is there too when this returns.
    pub(super) fn append(&mut self, record: &[u8], offset: u64, before: u64) -> Result<(), StoreError> {
        assert!(offset >= HEADER_BYTES, "a record at {offset} would overwrite the header");
        let end = offset + record.len() as u64;
        let mut bytes = self.header.bytes;
        if end > bytes {
            bytes = end.max(2 * bytes).next_multiple_of(START_BYTES);
            self.file()?.reserve(bytes).map_err(place::failed)?;
        }
        assert!(end <= bytes, "a record that ends at {end} lies in a file of {bytes}, or a restart does not find it");
        self.file()?.write_at(record, offset).map_err(place::failed)?;
        self.write_header(bytes, before)
    }

    /// Gives the room beyond that of a new file back. The redb file must have all commits.
    pub(super) fn shrink(&mut self, last: u64) -> Result<(), StoreError> {
        if self.header.bytes > START_BYTES {
            // The length that must be there first, and then the file: it is never too short.
            self.write_header(START_BYTES, last)?;
            self.file()?.truncate(START_BYTES).map_err(place::failed)?;
        }
        Ok(())
    }

    /// Overwrites all records with zeros. The redb file must have all commits.
    pub(super) fn blank(&mut self, last: u64) -> Result<(), StoreError> {
        let (length, zeros) = (self.size()?, vec![0; START_BYTES as usize]);
        let mut at = HEADER_BYTES;
        while at < length {
            let part = (length - at).min(START_BYTES);
            self.file()?.write_at(&zeros[..part as usize], at).map_err(place::failed)?;
            at += part;
        }
        self.write_header(self.header.bytes, last)
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> Result<u64, StoreError> {
        self.file()?.bytes().map_err(place::failed)
    }

    fn file(&self) -> Result<&dyn LogFile, StoreError> {
        self.file.as_deref().ok_or(StoreError::Closed)
    }

    /// Writes the other slot of the header and forces all that was written to the disk. After a
    /// failure the next call writes the same slot, so that the one that is whole stays.
    fn write_header(&mut self, bytes: u64, last: u64) -> Result<(), StoreError> {
        let before = self.header.last;
        assert!(before <= last, "commit {before} is safe, and a header of commit {last} would forget it");
        let next = Header { stamp: self.header.stamp + 1, bytes, last };
        assert_ne!(next.offset(), self.header.offset(), "the slot that is whole stays until the other one is");
        let file = self.file()?;
        file.write_at(&next.encode(), next.offset()).and_then(|()| file.sync()).map_err(place::failed)?;
        self.header = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(headers: &[Header]) -> Vec<u8> {
        let mut file = vec![0; HEADER_BYTES as usize];
        for header in headers {
            let at = header.offset() as usize;
            file[at..at + SLOT_USED].copy_from_slice(&header.encode());
        }
        file
    }

    #[test]
    fn the_newest_slot_counts_and_the_other_when_it_is_damaged() {
        let (old, new) = (Header { stamp: 4, bytes: 10, last: 7 }, Header { stamp: 5, bytes: 20, last: 8 });
        let whole = file(&[old, new]);
        assert_eq!(Header::read(&whole), Some(new));
        for at in 0..SLOT_USED {
            let mut damaged = whole.clone();
            damaged[SLOT_BYTES + at] ^= 1;
            assert_eq!(Header::read(&damaged), Some(old), "byte {at}");
        }
        assert_eq!(Header::read(&whole[..SLOT_BYTES]), Some(old));
    }

    #[test]
    fn what_is_no_header_is_none() {
        for bytes in [Vec::new(), vec![0; 10_000], vec![0xff; 10_000]] {
            assert_eq!(Header::read(&bytes), None);
        }
    }
}
