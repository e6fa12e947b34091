//! Exports a store as a stream, and imports one.

use std::io::{BufReader, Read, Write};

use bytes::Bytes;
use tenterhook_model::{Entropy, system};

use crate::embedded::check_format;
use crate::error::{OpenError, StoreError};
use crate::form::{END, Encoder, HEADER, KEY_MAX, VALUE_MAX};
use crate::keys;
use crate::kv::{Batch, Kv, Span};
use crate::rows;
use crate::rows::meta::IdentityRow;

/// Records that are read or written at a time.
const CHUNK: usize = 512;
/// Bytes that are written at a time.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of an export that are written at a time.
const WRITE_BYTES: usize = 256 * 1024;

/// Writes all records of a store; returns how many.
pub(super) fn export(kv: &dyn Kv, output: &mut dyn Write) -> Result<u64, StoreError> {
    let mut records = Records::begin(output);
    let mut from = Vec::new();
    loop {
        let pairs = kv.range(Span::new(&from, &[u8::MAX], CHUNK))?;
        for (key, value) in &pairs {
            records.record(key, value)?;
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == CHUNK => from = keys::after(last),
            _ => return records.end(),
        }
    }
}

/// A stream that is written.
pub(super) struct Records<'a> {
    output: &'a mut dyn Write,
    encoder: Encoder,
}

impl<'a> Records<'a> {
    /// Begins a stream.
    pub(super) fn begin(output: &'a mut dyn Write) -> Self {
        Self { output, encoder: Encoder::begin() }
    }

    /// Writes a record.
    pub(super) fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.encoder.record(key, value);
        if self.encoder.len() < WRITE_BYTES { Ok(()) } else { self.write() }
    }

    /// Ends the stream; returns how many records it has.
    pub(super) fn end(mut self) -> Result<u64, StoreError> {
        let count = self.encoder.end();
        self.write()?;
        self.output.flush().map_err(failed)?;
        Ok(count)
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.output.write_all(&self.encoder.take(usize::MAX)).map_err(failed)
    }
}

/// Writes the records of a stream into an empty store; answers how many. Who the store is
/// comes last, so that one that was cut short is no store.
///
/// # Errors
/// When the stream is no whole export with nothing behind it, or the store cannot be written.
pub(super) fn import(kv: &dyn Kv, input: &mut dyn Read, entropy: &dyn Entropy) -> Result<u64, OpenError> {
    let mut input = Summed { inner: BufReader::new(input), sum: crc32fast::Hasher::new() };
    if input.read(HEADER.len())? != HEADER {
        return Err(damaged("the input is no export of a store"));
    }
    let mut batch = Batch::default();
    let (mut identity, mut count, mut waiting) = (None, 0u64, 0);
    loop {
        let key_bytes = input.read_u32()?;
        if key_bytes == END {
            break;
        }
        let value_bytes = input.read_u32()?;
        if key_bytes > KEY_MAX || value_bytes > VALUE_MAX {
            return Err(damaged("the export has a record of impossible length"));
        }
        let (key, value) = (input.read(key_bytes as usize)?, input.read(value_bytes as usize)?);
        count += 1;
        if key == keys::meta::identity() {
            let row = rows::decode(&Bytes::from(value), "the identity of the store");
            let row: IdentityRow = row.map_err(|_| damaged("the export is damaged: its identity cannot be read"))?;
            check_format(&row)?;
            identity = Some(row);
            continue;
        }
        batch.put(key, value);
        waiting += 1;
        if waiting >= CHUNK || batch.bytes() >= CHUNK_BYTES {
            kv.commit(std::mem::take(&mut batch))?;
            waiting = 0;
        }
    }
    let told = input.read(8)?;
    let sum = input.sum.clone().finalize();
    if told != count.to_be_bytes() || input.read_u32()? != sum {
        return Err(damaged("the export is damaged: count or checksum differ"));
    }
    if !input.is_at_end()? {
        return Err(damaged("something follows the end of the export"));
    }
    let mut identity = identity.ok_or_else(|| damaged("the export has no identity"))?;
    let mut epoch = [0; 8];
    entropy.fill(&mut epoch);
    identity.epoch = u64::from_be_bytes(epoch);
    batch.put(keys::meta::identity(), rows::encode(&identity));
    kv.commit(batch)?;
    Ok(count)
}

/// A stream with a checksum of all that went through.
struct Summed<S> {
    inner: S,
    sum: crc32fast::Hasher,
}

impl<S: Read> Summed<S> {
    fn read(&mut self, length: usize) -> Result<Vec<u8>, OpenError> {
        let mut bytes = vec![0; length];
        self.inner.read_exact(&mut bytes).map_err(unreadable)?;
        self.sum.update(&bytes);
        Ok(bytes)
    }

    fn is_at_end(&mut self) -> Result<bool, OpenError> {
        Ok(self.inner.read(&mut [0]).map_err(unreadable)? == 0)
    }

    fn read_u32(&mut self) -> Result<u32, OpenError> {
        let mut bytes = [0; 4];
        self.inner.read_exact(&mut bytes).map_err(unreadable)?;
        self.sum.update(&bytes);
        Ok(u32::from_be_bytes(bytes))
    }
}

fn damaged(what: &str) -> OpenError {
    OpenError::Export(what.to_owned())
}

fn unreadable(error: std::io::Error) -> OpenError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged("the export is cut short"),
        _ => OpenError::Export(format!("the export cannot be read: {}", system::in_words(&error))),
    }
}

fn failed(error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            StoreError::Failed("the disk of the export is full".into())
        }
        _ => StoreError::Failed(system::in_words(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::MemoryKv;
    use tenterhook_model::OsEntropy;

    fn store() -> MemoryKv {
        let kv = MemoryKv::default();
        let mut batch = Batch::default();
        let identity = IdentityRow {
            format: 1,
            epoch: 7,
            next_lane: 3,
            seal: Bytes::from_static(b"sealed"),
            ..IdentityRow::default()
        };
        batch.put(keys::meta::identity(), rows::encode(&identity));
        for n in 0..1_500u32 {
            batch.put([b"e", n.to_be_bytes().as_slice()].concat(), n.to_string().into_bytes());
        }
        kv.commit(batch).unwrap();
        kv
    }

    fn all(kv: &MemoryKv) -> Vec<(Bytes, Bytes)> {
        kv.range(Span::new(&[], &[u8::MAX], usize::MAX)).unwrap()
    }

    #[test]
    fn what_was_exported_is_imported_with_a_new_epoch() {
        let (old, new) = (store(), MemoryKv::default());
        let mut stream = Vec::new();
        assert_eq!(export(&old, &mut stream).unwrap(), 1_501);
        assert_eq!(import(&new, &mut stream.as_slice(), &OsEntropy).unwrap(), 1_501);
        let others = |kv| all(kv).into_iter().filter(|(key, _)| *key != keys::meta::identity()).collect::<Vec<_>>();
        assert_eq!(others(&old), others(&new));
        let identity = new.get(&keys::meta::identity()).unwrap().unwrap();
        let identity: IdentityRow = rows::decode(&identity, "").unwrap();
        assert_eq!((identity.next_lane, identity.seal.as_ref()), (3, b"sealed".as_slice()));
        assert_ne!(identity.epoch, 7);
    }

    #[test]
    fn a_stream_that_is_cut_anywhere_makes_no_store() {
        let mut stream = Vec::new();
        export(&store(), &mut stream).unwrap();
        for length in [0, 5, HEADER.len(), HEADER.len() + 3, stream.len() / 2, stream.len() - 1] {
            let kv = MemoryKv::default();
            let error = import(&kv, &mut &stream[..length], &OsEntropy).unwrap_err();
            assert!(matches!(error, OpenError::Export(_)), "{length}: {error}");
            assert_eq!(kv.get(&keys::meta::identity()).unwrap(), None, "{length}");
        }
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let mut stream = Vec::new();
        export(&store(), &mut stream).unwrap();
        for at in [0, HEADER.len() + 1, stream.len() / 2, stream.len() - 3] {
            let mut damaged = stream.clone();
            damaged[at] ^= 4;
            let error = import(&MemoryKv::default(), &mut damaged.as_slice(), &OsEntropy).unwrap_err();
            assert!(matches!(error, OpenError::Export(_)), "{at}: {error}");
        }
    }

    #[test]
    fn what_follows_an_export_is_not_left_out_in_silence() {
        let mut stream = Vec::new();
        export(&store(), &mut stream).unwrap();
        for more in [&b"\n"[..], &stream.clone()] {
            let joined = [&stream, more].concat();
            let error = import(&MemoryKv::default(), &mut joined.as_slice(), &OsEntropy).unwrap_err();
            assert!(error.to_string().starts_with("something follows the end of the export"), "{error}");
        }
    }
}
