//! Searches the files of a store for bytes, without an engine: what was removed but is still
//! on a page or in the log is found too.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes that are read at a time.
const CHUNK: usize = 1024 * 1024;

/// How often `needle` is found in the files of a directory, overlapping finds included.
pub(super) fn search(directory: &Path, needle: &[u8]) -> io::Result<u64> {
    let mut found = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found += search(&entry.path(), needle)?;
        } else if kind.is_file() {
            found += search_file(&mut File::open(entry.path())?, needle)?;
        }
    }
    Ok(found)
}

fn search_file(file: &mut impl Read, needle: &[u8]) -> io::Result<u64> {
    assert!(!needle.is_empty(), "nothing is found everywhere");
    let (mut window, mut found) = (Vec::with_capacity(CHUNK + needle.len()), 0);
    loop {
        // What may be the beginning of a find stays for the next chunk.
        let kept = window.len().min(needle.len() - 1);
        window.drain(..window.len() - kept);
        if file.take(CHUNK as u64).read_to_end(&mut window)? == 0 {
            return Ok(found);
        }
        found += window.windows(needle.len()).filter(|part| *part == needle).count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_find_across_two_chunks_is_counted_once() {
        for offset in CHUNK - 8..=CHUNK + 1 {
            let mut bytes = vec![b'.'; offset];
            bytes.extend_from_slice(b"CANARY");
            bytes.extend_from_slice(&[b'.'; 40]);
            assert_eq!(search_file(&mut bytes.as_slice(), b"CANARY").unwrap(), 1, "at {offset}");
        }
    }

    #[test]
    fn finds_are_counted_in_every_file_below_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a"), b"xCANARYCANARYx").unwrap();
        std::fs::create_dir(directory.path().join("blobs")).unwrap();
        std::fs::write(directory.path().join("blobs/b"), b"CANARY").unwrap();
        assert_eq!(search(directory.path(), b"CANARY").unwrap(), 3);
        assert_eq!(search(directory.path(), b"CANARYX").unwrap(), 0);
    }
}
