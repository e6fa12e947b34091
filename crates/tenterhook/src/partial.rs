//! Where exports and backups go: standard output, or a file that has its name only when it is whole, so that of
//! one that fails nothing is left.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tenterhook_server::failure::InWords;

/// Mode of the file: it holds payloads.
const OWNER_ONLY: u32 = 0o600;

/// Whether `file` stands for standard input or output.
pub(crate) fn is_standard(file: &Path) -> bool {
    file == Path::new("-")
}

/// A file in the making, for its owner only; removed when dropped before it is finished.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    /// A new file that will be `target`, which must not exist.
    ///
    /// # Errors
    /// When it does, or a file cannot be made next to it.
    pub(crate) fn new(target: &Path) -> Result<Self> {
        if target.try_exists().with_context(|| format!("cannot write {}", target.display()))? {
            bail!("{} exists already; nothing is overwritten", target.display());
        }
        let mut path = target.as_os_str().to_owned();
        path.push(format!(".{}.partial", std::process::id()));
        let path = PathBuf::from(path);
        let file = File::options().write(true).create_new(true).mode(OWNER_ONLY).open(&path);
        Ok(Self { file: file.with_context(|| format!("cannot write {}", path.display()))?, path })
    }

    /// What is written to.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name. Both are on stable storage when this returns.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn finish(self, target: &Path) -> Result<()> {
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let named = self.file.sync_all().and_then(|()| std::fs::rename(&self.path, target));
        named
            .and_then(|()| File::open(folder)?.sync_all())
            .with_context(|| format!("cannot write {}", target.display()))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It is gone already when it got its name.
        let _gone = std::fs::remove_file(&self.path);
    }
}
