//! Reading the files that settings name. Only regular files are read: opening a pipe waits for somebody who
//! writes, and then neither the start nor a signal goes on; a device may never end.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;
use tenterhook_model::system;

/// Bytes that are read of one file. The longest that make sense, lists of keys and bundles of authorities, have
/// less than a tenth.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The device that people name for an empty file (null(4)).
const NOTHING: &str = "/dev/null";

/// Everything in the file at `path`.
///
/// # Errors
/// When it cannot be read, is not a regular file, or is longer than any such file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path.canonicalize()? == Path::new(NOTHING) {
        return Ok(Vec::new());
    }
    must_be_file(&path.metadata()?)?;
    // What has become a pipe since must not be waited for either.
    let file = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)?;
    must_be_file(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Checks that what is at `path` is not waited for when others read it. What is not there is not.
///
/// # Errors
/// When it is there and not a regular file.
pub fn check(path: &Path) -> io::Result<()> {
    match path.canonicalize().and_then(|path| Ok((path.metadata()?, path))) {
        Ok((data, path)) if path != Path::new(NOTHING) => must_be_file(&data),
        _ => Ok(()),
    }
}

/// The text of the file at `path`, without its byte order mark.
///
/// # Errors
/// As [`read`], and when it is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map(system::without_mark).map_err(|_| ErrorKind::InvalidData.into())
}

/// Opens what is at `path` as `options` say, to write to it. A pipe is taken only if somebody reads it.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn open_to_write(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let is_pipe = path.metadata().is_ok_and(|data| data.file_type().is_fifo());
    // Kept open until the pipe is open twice, or its reader would see an end.
    let try_it = || {
        options.clone().custom_flags(NONBLOCK).open(path).map_err(|error| match error.raw_os_error() {
            Some(number) if number == Errno::NXIO.raw_os_error() => ErrorKind::BrokenPipe.into(),
            _ => error,
        })
    };
    let _reader_is_there = is_pipe.then(try_it).transpose()?;
    options.open(path)
}

/// The flag of open(2) that waits for nobody.
const NONBLOCK: i32 = OFlags::NONBLOCK.bits() as i32;

fn must_be_file(data: &std::fs::Metadata) -> io::Result<()> {
    match data {
        data if data.is_file() => Ok(()),
        data if data.is_dir() => Err(ErrorKind::IsADirectory.into()),
        _ => Err(ErrorKind::NotSeekable.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    fn said<T>(result: io::Result<T>) -> String {
        result.map(|_| "ok".to_owned()).unwrap_or_else(|error| system::text_in_words(&error))
    }

    #[test]
    fn only_regular_files_are_read_and_none_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "\u{feff}text").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        File::create(path("long")).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        let not_a_file = "it is not a file, but a pipe, a socket or a device";
        for (path, expected) in [
            (path("file"), "ok"),
            (path("link"), "ok"),
            (path("pipe"), not_a_file),
            (path("socket"), not_a_file),
            ("/dev/zero".into(), not_a_file),
            ("/dev/null".into(), "ok"),
            (path(""), "is a directory"),
            (path("long"), "file too large"),
            (path("gone"), "no such file or directory"),
        ] {
            assert_eq!(said(read_text(&path)), expected, "{}", path.display());
        }
        assert_eq!(read_text(&path("link")).unwrap(), "text");
    }

    #[test]
    fn a_pipe_is_written_to_once_somebody_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let mut options = OpenOptions::new();
        options.append(true);
        assert_eq!(said(open_to_write(&options, &pipe)), "nobody reads from it");
        let _reader = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(&pipe).unwrap();
        assert_eq!(said(open_to_write(&options, &pipe)), "ok");
        assert_eq!(said(open_to_write(options.create(true), &folder.path().join("file"))), "ok");
    }
}
