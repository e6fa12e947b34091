//! The directory of a store: taken by one process at a time, holding one engine, on a file
//! system with some room left.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tenterhook_model::{limits, system};

use crate::error::{OpenError, StoreError};

/// The redb file of a store.
pub(crate) const REDB_FILE: &str = "tenterhook.redb";
/// The log files beside it.
pub(super) const LOGS: [&str; 2] = ["tenterhook.log.0", "tenterhook.log.1"];
/// The file that every sled database has.
pub(crate) const SLED_FILE: &str = "conf";
/// The file that a process locks while it has the store open.
const LOCK: &str = "tenterhook.lock";
/// How often a lock that is held is tried in all.
const LOCK_ATTEMPTS: u32 = 100;
/// The wait between two of these attempts.
const LOCK_WAIT: Duration = Duration::from_millis(20);
/// Bytes of the file system below which new events are refused, so that deliveries under way
/// can still be recorded. On a small file system a tenth of it.
const RESERVE_BYTES: u64 = limits::DISK_RESERVE_BYTES;

/// Mode of the files: payloads and headers of tenants are the owner's business only.
pub(crate) const OWNER_ONLY: u32 = 0o600;
/// Mode of the directory.
const OWNER_ONLY_DIRECTORY: u32 = 0o700;
/// What a mode lets others do.
const OTHERS: u32 = 0o077;
/// What the names of a store's files begin with.
const OWN_NAMES: [&str; 6] = ["tenterhook.", "sealing.key", "conf", "db", "snap.", "blobs"];

/// What a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// A redb file.
    Redb,
    /// A sled log.
    Sled,
}

impl Holds {
    /// Every engine that keeps its files in a directory.
    pub(crate) const ALL: [Self; 2] = [Self::Redb, Self::Sled];

    /// Its name in errors, and the scheme of its URLs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Redb => "redb",
            Self::Sled => "sled",
        }
    }

    /// The file that tells the engine.
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Redb => REDB_FILE,
            Self::Sled => SLED_FILE,
        }
    }

    /// The files that it works on.
    const fn files(self) -> &'static [&'static str] {
        match self {
            Self::Redb => &[REDB_FILE, LOGS[0], LOGS[1]],
            Self::Sled => &[SLED_FILE, "db"],
        }
    }
}

/// A directory that this process has taken. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct StoreFolder {
    directory: PathBuf,
    _lock: File,
}

impl StoreFolder {
    /// Takes the directory, which is made if need be, for an engine.
    pub(crate) fn take(directory: &Path, engine: Holds) -> Result<Self, OpenError> {
        let path = || directory.display().to_string();
        let unusable = |error: io::Error| OpenError::Directory { path: path(), reason: in_words(&error) };
        DirBuilder::new().recursive(true).mode(OWNER_ONLY_DIRECTORY).create(directory).map_err(unusable)?;
        refuse_other(directory, engine)?;
        files_are_files(directory, engine)?;
        let lock = File::options().create(true).append(true).mode(OWNER_ONLY).open(directory.join(LOCK));
        let lock = lock.map_err(unusable)?;
        let locked = wait_for_lock(|| match lock.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(error)) => Some(Err(unusable(error))),
            Ok(()) => Some(Ok(())),
        });
        locked.unwrap_or_else(|| Err(OpenError::Locked(path())))?;
        let place = Self { directory: directory.to_owned(), _lock: lock };
        place.tighten().map_err(unusable)?;
        Ok(place)
    }

    /// Takes from others what they may do with the files of the store, and with the directory unless it holds files of
    /// somebody else too. Says so where they could reach them, and returns those.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(super) fn tighten(&self) -> io::Result<Vec<PathBuf>> {
        // An engine makes files that others could read, but not in a directory that is closed to them.
        let is_reachable = fs::symlink_metadata(&self.directory)?.permissions().mode() & OTHERS != 0;
        let (mut closed, mut is_ours_alone) = (Vec::new(), true);
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if OWN_NAMES.iter().any(|own| name.to_string_lossy().starts_with(own)) {
                closed.extend(close_to_others(entry.path(), is_reachable)?);
            } else {
                is_ours_alone = false;
            }
        }
        if is_ours_alone {
            closed.extend(close_to_others(self.directory.clone(), is_reachable)?);
        }
        Ok(if is_reachable { closed } else { Vec::new() })
    }

    /// Whether so little room is left that new events must be refused: on the file system, and
    /// the `free_inside` bytes of the engine's file that it will use again. Without an answer
    /// from the file system, it is not.
    pub(crate) fn is_nearly_full(&self, free_inside: u64) -> bool {
        room(&self.directory)
            .is_some_and(|Room { free, total }| free.saturating_add(free_inside) < RESERVE_BYTES.min(total / 10))
    }
}

/// Whether a directory holds a store of the engine.
///
/// # Errors
/// When it holds one of the other engine.
pub(crate) fn holds(directory: &Path, engine: Holds) -> Result<bool, OpenError> {
    refuse_other(directory, engine)?;
    Ok(directory.join(engine.file()).exists())
}

fn refuse_other(directory: &Path, engine: Holds) -> Result<(), OpenError> {
    for other in Holds::ALL {
        if other != engine && directory.join(other.file()).exists() {
            return Err(OpenError::OtherEngine { path: directory.display().to_string(), found: other.name() });
        }
    }
    Ok(())
}

/// Refuses what is there under the name of a file of the store and is none: an engine would fail
/// without its name, or wait for ever for what a pipe has to say.
fn files_are_files(directory: &Path, engine: Holds) -> Result<(), OpenError> {
    for name in engine.files().iter().chain([&LOCK]) {
        let path = directory.join(name);
        let reason = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => "is a directory",
            Ok(found) if !found.is_file() => "is no regular file",
            Err(_) if path.is_symlink() => "is a link that leads nowhere",
            _ => continue,
        };
        return Err(OpenError::File { path: path.display().to_string(), reason });
    }
    Ok(())
}

/// Tries for a lock until it is free, two seconds at most. One that was given back can still be
/// held for a moment: by threads of the engine that finish, or by a child that this process is
/// starting, which has all files open until it runs its program.
pub(crate) fn wait_for_lock<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 1..LOCK_ATTEMPTS {
        if let Some(done) = attempt() {
            return Some(done);
        }
        thread::sleep(LOCK_WAIT);
    }
    attempt()
}

/// Tries whether a directory, which holds no store, can be taken for an engine. What had to be made
/// for that is removed again.
pub(crate) fn probe(directory: &Path, engine: Holds) -> Result<(), OpenError> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<&Path> = directory.ancestors().take_while(is_missing).collect();
    let had_lock = directory.join(LOCK).exists();
    let taken = StoreFolder::take(directory, engine).map(drop);
    if !had_lock {
        // One that could not be made is not there; so for the directories.
        let _gone = fs::remove_file(directory.join(LOCK));
    }
    for made in missing {
        let _gone = fs::remove_dir(made);
    }
    taken
}

/// Bytes of a file system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// What this process may still take.
    pub(super) free: u64,
    /// All of it.
    pub(super) total: u64,
}

/// The room of the file system that a directory is on, if it says.
pub(super) fn room(directory: &Path) -> Option<Room> {
    let system = rustix::fs::statvfs(directory).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(system.f_frsize);
    Some(Room { free: bytes(system.f_bavail), total: bytes(system.f_blocks) })
}

/// Closes a file or directory to others; returns it if they had any right on it.
fn close_to_others(path: PathBuf, is_reachable: bool) -> io::Result<Option<PathBuf>> {
    let metadata = fs::symlink_metadata(&path)?;
    let mode = metadata.permissions().mode();
    if metadata.is_symlink() || mode & OTHERS == 0 {
        return Ok(None);
    }
    match fs::set_permissions(&path, Permissions::from_mode(mode & !OTHERS)) {
        Ok(()) if is_reachable => {
            tracing::warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777), "others could read the store: now only its owner can");
        }
        Ok(()) => {}
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "others may read the store: allow its owner only (chmod go=)");
        }
    }
    Ok(Some(path))
}

/// What the system says of a file of the store, and what to do where that is plain.
fn in_words(error: &io::Error) -> String {
    let words = system::in_words(error);
    match error.kind() {
        ErrorKind::PermissionDenied => format!("{words}; run it as the user that owns the store"),
        ErrorKind::ReadOnlyFilesystem => format!("{words}; mount it for writing"),
        _ => words,
    }
}

/// The error for a failed read or write.
pub(crate) fn failed(error: io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreError::Full,
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            StoreError::Damaged("a file of the store is cut short or overwritten".into())
        }
        _ => StoreError::Failed(in_words(&error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_directory_is_taken_by_one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = StoreFolder::take(directory.path(), Holds::Redb).unwrap();
        let error = StoreFolder::take(directory.path(), Holds::Redb).unwrap_err();
        assert!(
            matches!(&error, OpenError::Locked(path) if path.contains(directory.path().to_str().unwrap())),
            "{error}"
        );
        drop(first);
        assert!(StoreFolder::take(directory.path(), Holds::Redb).is_ok());
    }

    /// As between the fork and the exec of a child: the descriptor's lock outlives the store.
    #[test]
    fn a_lock_that_is_given_back_a_little_later_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let first = StoreFolder::take(directory.path(), Holds::Redb).unwrap();
        let mut inherited = Some(first._lock.try_clone().unwrap());
        drop(first);
        let lock = File::options().append(true).open(directory.path().join(LOCK)).unwrap();
        let mut attempts = 0;
        let taken = wait_for_lock(|| {
            attempts += 1;
            if attempts == 3 {
                inherited.take();
            }
            lock.try_lock().ok()
        });
        assert_eq!((taken, attempts), (Some(()), 3));
    }

    #[test]
    fn a_file_is_no_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = StoreFolder::take(file.path(), Holds::Redb).unwrap_err();
        assert!(matches!(error, OpenError::Directory { .. }), "{error}");
    }

    #[test]
    fn what_stands_in_the_place_of_a_file_is_named() {
        for (engine, name) in
            [(Holds::Redb, REDB_FILE), (Holds::Redb, LOGS[1]), (Holds::Sled, "db"), (Holds::Sled, LOCK)]
        {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(name);
            let refused = |reason: &str| {
                let text = StoreFolder::take(directory.path(), engine).unwrap_err().to_string();
                assert!(text.starts_with(path.to_str().unwrap()) && text.contains(reason), "{text}");
            };
            fs::create_dir(&path).unwrap();
            refused("is a directory");
            fs::remove_dir(&path).unwrap();
            symlink("/dev/null", &path).unwrap();
            refused("is no regular file");
            fs::remove_file(&path).unwrap();
            symlink(&path, &path).unwrap();
            refused("is a link that leads nowhere");
            fs::remove_file(&path).unwrap();
            fs::write(directory.path().join("elsewhere"), b"").unwrap();
            symlink("elsewhere", &path).unwrap();
            assert!(StoreFolder::take(directory.path(), engine).is_ok(), "a link to a file");
        }
    }

    #[test]
    fn what_the_system_refuses_is_said_in_words_with_what_to_do() {
        // EACCES, EROFS and EIO of Linux (errno(3)).
        for (number, words) in
            [(13, "run it as the user that owns the store"), (30, "mount it for writing"), (5, "error")]
        {
            let text = failed(io::Error::from_raw_os_error(number)).to_string();
            assert!(text.contains(words) && !text.contains("(os error"), "{text}");
        }
    }

    #[test]
    fn a_probe_leaves_a_directory_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        probe(&directory.path().join("a/b"), Holds::Redb).unwrap();
        probe(directory.path(), Holds::Sled).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(probe(file.path(), Holds::Redb).is_err() && file.path().exists());
    }

    #[test]
    fn the_store_of_another_engine_is_named() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(Holds::Sled.file()), b"").unwrap();
        let error = StoreFolder::take(directory.path(), Holds::Redb).unwrap_err();
        assert!(matches!(error, OpenError::OtherEngine { found: "sled", .. }), "{error}");
        let error = holds(directory.path(), Holds::Redb).unwrap_err();
        assert!(matches!(error, OpenError::OtherEngine { found: "sled", .. }), "{error}");
        assert!(StoreFolder::take(directory.path(), Holds::Sled).is_ok());
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_directory_is_its_owners_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a").join("b");
        let _place = StoreFolder::take(&path, Holds::Redb).unwrap();
        assert_eq!((mode(&path), mode(&path.join(LOCK))), (0o700, 0o600));
    }

    #[test]
    fn files_that_others_could_read_are_closed_to_them() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(REDB_FILE);
        std::fs::write(&file, b"").unwrap();
        let open = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        open(&file, 0o644);
        open(directory.path(), 0o755);
        drop(StoreFolder::take(directory.path(), Holds::Redb).unwrap());
        assert_eq!((mode(directory.path()), mode(&file)), (0o700, 0o600));
    }

    #[test]
    fn only_what_others_could_reach_is_worth_a_word() {
        let directory = tempfile::tempdir().unwrap();
        let place = StoreFolder::take(directory.path(), Holds::Redb).unwrap();
        let file = directory.path().join(REDB_FILE);
        std::fs::write(&file, b"").unwrap();
        let open = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        open(directory.path(), 0o700);
        open(&file, 0o644);
        assert_eq!(place.tighten().unwrap(), Vec::<PathBuf>::new());
        assert_eq!(mode(&file), 0o600);
        open(&file, 0o644);
        open(directory.path(), 0o711);
        assert_eq!(place.tighten().unwrap(), [file.clone(), directory.path().to_owned()]);
        assert_eq!((mode(directory.path()), mode(&file)), (0o700, 0o600));
    }

    #[test]
    fn a_directory_with_files_of_others_stays_open_and_so_do_they() {
        let directory = tempfile::tempdir().unwrap();
        let other = directory.path().join("notes.txt");
        std::fs::write(&other, b"").unwrap();
        let open = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        open(&other, 0o644);
        open(directory.path(), 0o755);
        drop(StoreFolder::take(directory.path(), Holds::Redb).unwrap());
        assert_eq!((mode(directory.path()), mode(&other)), (0o755, 0o644));
        assert_eq!(mode(&directory.path().join(LOCK)), 0o600);
    }

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        assert!(matches!(failed(ErrorKind::StorageFull.into()), StoreError::Full));
        assert!(matches!(failed(ErrorKind::PermissionDenied.into()), StoreError::Failed(_)));
    }
}
