//! A schema of a database for one run: made by the server that uses it, removed after the run.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use tenterhook_model::{Entropy, OsEntropy};
use tenterhook_server::app::remove_trial;
use tenterhook_server::failure::InWords;

/// The key that nodes of a run share; what they store is thrown away.
const SEALING_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Whether each run can have a schema of its own in the database.
///
/// # Errors
/// When the URL is of something else, or names a schema.
pub(super) fn check(database: &str) -> Result<()> {
    ensure!(
        database.starts_with("postgres://") || database.starts_with("postgresql://"),
        "--store is for PostgreSQL here: postgres://USER@HOST/DATABASE"
    );
    ensure!(
        !database.contains("schema="),
        "leave schema= out of --store: each run makes its own schema and removes it"
    );
    Ok(())
}

/// Runs `work` with the URL of a schema that nobody else uses, and removes it.
pub(super) async fn with_own<T>(database: &str, work: impl AsyncFnOnce(&str) -> Result<T>) -> Result<T> {
    let mut name = [0; 4];
    OsEntropy.fill(&mut name);
    let joined = if database.contains('?') { '&' } else { '?' };
    let store = format!("{database}{joined}schema=tenterhook_demo_{:08x}", u32::from_be_bytes(name));
    let worked = work(&store).await;
    let removed = tokio::task::spawn_blocking(move || remove_trial(&store)).await.context("nothing was removed")?;
    let result = worked?;
    removed.context("the schema of the run is left behind")?;
    Ok(result)
}

/// The file with the sealing key of a run, in `folder`.
pub(super) fn write_sealing_key(folder: &Path) -> Result<PathBuf> {
    let file = folder.join("sealing.key");
    std::fs::write(&file, SEALING_KEY).context("cannot write the sealing key")?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_postgresql_and_names_no_schema() {
        assert!(check("postgres://bench@localhost/bench?sslmode=disable").is_ok());
        let refused = |url| check(url).unwrap_err().to_string();
        assert!(refused("redb:/tmp/store").contains("postgres://USER@HOST/DATABASE"));
        assert!(refused("postgres://bench@localhost/bench?schema=mine").contains("leave schema= out"));
    }

    #[test]
    fn either_scheme_of_postgresql_is_taken_and_nothing_else() {
        for right in ["postgres://a@h/d", "postgresql://a@h/d", "postgres://h"] {
            assert!(check(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "postgres:a",
            "POSTGRES://a@h/d",
            " postgres://a@h/d",
            "sled:/tmp/x",
            "postgresql://h/d?schema=",
            "postgres://h?a=1&schema=x",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sealing_key_has_32_bytes_and_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = write_sealing_key(folder.path()).unwrap();
        assert_eq!(write_sealing_key(folder.path()).unwrap(), first);
        let key = std::fs::read_to_string(first).unwrap();
        assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        assert!(write_sealing_key(&folder.path().join("none")).is_err());
    }
}
