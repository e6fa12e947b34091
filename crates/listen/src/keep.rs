//! Keeps requests as files, byte for byte as a program would have read them.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::receiver::Received;
use crate::spelling::Spelled;

/// Requests may hold secrets of their sender: they are for the owner alone.
const OWNER_ONLY: u32 = 0o600;
const OWNER_ONLY_FOLDER: u32 = 0o700;

/// Makes the folder, if need be.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn prepare(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(OWNER_ONLY_FOLDER).create(folder)
}

/// Writes a request to the first free file at or after `number`: `0001.http`, and so on.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn keep(folder: &Path, number: u64, request: &Received, headers: &[Spelled]) -> io::Result<PathBuf> {
    for number in number.. {
        let path = folder.join(format!("{number:04}.http"));
        let opened = File::options().write(true).create_new(true).mode(OWNER_ONLY).open(&path);
        match opened {
            Ok(mut file) => return file.write_all(&bytes(request, headers)).map(|()| path),
            // One of a run before this.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::StorageFull))
}

/// The request as HTTP/1.1 writes it.
fn bytes(request: &Received, headers: &[Spelled]) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.path).into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&request.body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::{HeaderMap, Method};

    #[test]
    fn a_request_is_kept_byte_for_byte_and_none_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a/b");
        prepare(&folder).unwrap();
        let headers = [("X-A".to_owned(), "1".parse().unwrap())];
        let body = Bytes::from_static(b"\x00\xff{}");
        let peer = "127.0.0.1:4000".parse().unwrap();
        let request = Received {
            peer,
            method: Method::PUT,
            path: "/hook?a=1".to_owned(),
            headers: HeaderMap::new(),
            spelling: Default::default(),
            body,
        };
        let first = keep(&folder, 1, &request, &headers).unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), b"PUT /hook?a=1 HTTP/1.1\r\nX-A: 1\r\n\r\n\x00\xff{}");
        let second = keep(&folder, 1, &request, &headers).unwrap();
        assert!(first.ends_with("0001.http") && second.ends_with("0002.http"));
    }

    #[test]
    fn files_are_for_their_owner_and_numbers_go_on_beyond_four_digits() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("kept");
        prepare(&folder).unwrap();
        prepare(&folder).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let request = Received {
            peer: "127.0.0.1:4000".parse().unwrap(),
            method: Method::GET,
            path: "/".to_owned(),
            headers: HeaderMap::new(),
            spelling: Default::default(),
            body: Bytes::new(),
        };
        let path = keep(&folder, 9_999, &request, &[]).unwrap();
        assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
        assert_eq!(std::fs::read(&path).unwrap(), b"GET / HTTP/1.1\r\n\r\n");
        let next = keep(&folder, 9_999, &request, &[]).unwrap();
        assert!(path.ends_with("9999.http") && next.ends_with("10000.http"), "{}", next.display());
        let error = keep(&folder.join("none"), 1, &request, &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "it tries no other number");
    }
}
