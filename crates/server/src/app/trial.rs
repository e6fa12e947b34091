//! `serve --check`: everything that a start would refuse, all at once and without starting. It
//! binds the ports and opens the store for a moment, and removes again what it had to make for that.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use tenterhook_store::probe;

use super::{ports, sealing, tls};
use crate::config::{Config, ConfigError, ServeArgs};
use crate::failure::InWords;
use crate::regular;

/// Why a setting would not do: its key, and what is wrong.
type Refused = (&'static str, String);

/// Checks the configuration that `args` give, the files that it names, ports and store.
///
/// # Errors
/// Everything that is wrong.
pub fn check(args: &ServeArgs) -> Result<(), ConfigError> {
    let mut reading = Config::read(args);
    let mut found = ports::unusable(&reading.config);
    found.extend(reading.config.tls.as_ref().and_then(|material| tls::usable(material).err()).into_iter().flatten());
    found.extend(store(&reading.config));
    found.extend(written(&reading.config));
    for (key, message) in found {
        // What stands in for a value with an error was not asked for.
        if !reading.is_faulty(key) {
            reading.fault(key, message);
        }
    }
    reading.into_result().map(drop)
}

/// Why the store or its sealing key cannot be used.
fn store(config: &Config) -> Option<Refused> {
    let given = config.sealing_key_file.as_deref();
    let place = given.map(Path::to_owned).or_else(|| sealing::default_place(&config.store));
    let key_setting = if given.is_some() { "sealing-key-file" } else { "store" };
    let key = match place.as_deref().map(sealing::try_load).transpose() {
        // Opening the directory says it better.
        Err(error) if given.is_some() || probe(&config.store, None).is_ok() => {
            return Some((key_setting, error.to_string()));
        }
        Err(_) => None,
        Ok(keys) => keys.flatten().map(|keys| keys.sealing),
    };
    if let Some(path) = given.filter(|_| key.is_none())
        && let Err(error) = try_to_make(path).with_context(|| format!("cannot write {}", path.display()))
    {
        return Some((key_setting, error.to_string()));
    }
    probe(&config.store, key.as_ref()).err().map(|error| ("store", error.to_string()))
}

/// The files that a server adds to and cannot: the audit trail, and the key file that gets its first key.
fn written(config: &Config) -> Vec<Refused> {
    let first_key = config.api_keys.as_ref().filter(|file| config.bootstrap_key && file.lists_nobody());
    let audit = config.telemetry.audit_log.as_deref().map(|path| ("audit-log", path));
    let all = audit.into_iter().chain(first_key.map(|file| ("api-keys", file.path.as_path())));
    let refused = |(key, path): (&'static str, &Path)| {
        let tried = try_to_append(path).with_context(|| format!("cannot write {}", path.display()));
        tried.err().map(|error| (key, format!("{error:#}")))
    };
    all.filter_map(refused).collect()
}

/// Opens a file to add to it. One that had to be made for that is removed again.
fn try_to_append(path: &Path) -> io::Result<()> {
    match regular::open_to_write(File::options().append(true), path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            File::options().append(true).create_new(true).open(path)?;
            fs::remove_file(path)
        }
        opened => opened.map(drop),
    }
}

/// Makes a file with the folders that it needs, and removes them again.
fn try_to_make(path: &Path) -> io::Result<()> {
    let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    let missing: Vec<&Path> = folders.take_while(|folder| !folder.exists()).collect();
    let made = match missing.first() {
        Some(folder) => DirBuilder::new().recursive(true).create(folder),
        None => Ok(()),
    };
    let made = made.and_then(|()| File::options().write(true).create_new(true).open(path)).map(drop);
    if made.is_ok() {
        fs::remove_file(path)?;
    }
    for folder in missing {
        // One that could not be made is not there.
        let _gone = fs::remove_dir(folder);
    }
    made
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_made_for_the_trial_is_removed_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/key");
        try_to_make(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let path = folder.path().join("audit.jsonl");
        try_to_append(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(try_to_append(&folder.path().join("a/audit.jsonl")).is_err(), "no folder is made for it");
        assert!(try_to_append(folder.path()).is_err());
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(try_to_append(&pipe).is_err(), "nobody reads from it");
        fs::remove_file(&pipe).unwrap();
        fs::write(&path, "kept").unwrap();
        try_to_append(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        assert!(try_to_make(&path.join("key")).is_err());
    }
}
