//! The form of a store as a stream: a line that says what it is, each record with its lengths before it, and at
//! the end how many there were and a checksum over all. Exports and backups are written in it; imports read it.

use bytes::{BufMut, Bytes, BytesMut};

/// What a stream begins with; the number is that of its form.
pub(crate) const HEADER: &[u8] = b"tenterhook store export 1\n";
/// The length of a key that says that no more come.
pub(crate) const END: u32 = u32::MAX;
/// The longest key that there can be: a namespace and two texts.
pub(crate) const KEY_MAX: u32 = 4 * 1024;
/// The longest value that there can be: a block of the journal or an event, with much to spare.
pub(crate) const VALUE_MAX: u32 = 64 * 1024 * 1024;

/// Writes a stream into memory, from where it is taken in parts.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// What was written and not taken yet.
    buffer: BytesMut,
    sum: crc32fast::Hasher,
    count: u64,
}

impl Encoder {
    /// Begins a stream.
    pub(crate) fn begin() -> Self {
        let mut encoder = Self { buffer: BytesMut::new(), sum: crc32fast::Hasher::new(), count: 0 };
        encoder.write(HEADER);
        encoder
    }

    /// Writes a record.
    pub(crate) fn record(&mut self, key: &[u8], value: &[u8]) {
        assert!(
            key.len() <= KEY_MAX as usize && value.len() <= VALUE_MAX as usize,
            "an import takes what an export writes: a record of {} and {} bytes",
            key.len(),
            value.len()
        );
        self.write(&(key.len() as u32).to_be_bytes());
        self.write(&(value.len() as u32).to_be_bytes());
        self.write(key);
        self.write(value);
        self.count += 1;
    }

    /// Ends the stream; returns how many records it has.
    pub(crate) fn end(&mut self) -> u64 {
        self.write(&END.to_be_bytes());
        self.write(&self.count.to_be_bytes());
        let sum = self.sum.clone().finalize();
        self.write(&sum.to_be_bytes());
        self.count
    }

    /// How many bytes can be taken.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Takes the first bytes, at most `limit`.
    pub(crate) fn take(&mut self, limit: usize) -> Bytes {
        let length = limit.min(self.buffer.len());
        self.buffer.split_to(length).freeze()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        self.buffer.put_slice(bytes);
    }
}
