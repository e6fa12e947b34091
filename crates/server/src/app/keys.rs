//! The file of API keys: read at the start, and again whenever it changes.
//!
//! A file may be read while it is being written: a line that is cut can grant another namespace,
//! an empty file would lock everybody out. So a change is believed when the file has not changed
//! over several looks, a last line without a newline grants nothing that it did not grant before,
//! and a file without lines revokes nothing unless it says so. Apart from that a key that is no
//! longer in the file is refused, whatever is wrong with other lines. The files with secrets of NetBox
//! that its lines name are read again in the same way.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use tenterhook_api::access::{Access, KeyFileError, KeyRing, NewKey, Role, Scope};
use tenterhook_model::{OsEntropy, system};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::reload::Reload;
use super::steady::{LOOK, Look, Steady};
use crate::config::{as_netbox_secret, key_errors, netbox_secret, sibling};
use crate::regular;
use crate::telemetry::metrics::{Metrics, Watched};

/// Mode of a new key file.
const OWNER_ONLY: u32 = 0o600;

/// The file of API keys, and the access that it grants.
#[derive(Debug)]
pub(crate) struct KeyWatch {
    file: Steady,
    /// The files with secrets that its lines name.
    secrets: Vec<Steady>,
    /// The text whose lines are in force.
    in_force: String,
    access: Access,
    metrics: Arc<Metrics>,
}

impl KeyWatch {
    /// Watches the file at `path`, which said `text`, for `access`.
    pub(crate) fn new(path: &Path, text: &str, access: Access, metrics: Arc<Metrics>) -> Self {
        metrics.watched(Watched::Keys, None, None);
        let (mut secrets, file) = (Vec::new(), Steady::new(path, text));
        let (ring, errors) = Self::ring(&file, text, &mut Vec::new(), &mut secrets);
        if errors.is_empty() {
            // The secrets in force are those that are watched, even if one changed a moment ago.
            access.replace(ring);
        }
        Self { file, secrets, in_force: text.to_owned(), access, metrics }
    }

    /// Watches until `cancel`, and reads the file at once when `reload` asks for it.
    pub(crate) async fn run(mut self, mut reload: Reload, cancel: CancellationToken) {
        loop {
            // The end comes first, then what somebody waits for.
            tokio::select! { biased;
                () = cancel.cancelled() => return,
                () = reload.asked() => self.look(true).await,
                () = sleep(LOOK) => self.look(false).await,
            }
        }
    }

    /// Reads the file, and takes over what it says once that can be believed. A file that is gone
    /// changes nothing.
    async fn look(&mut self, at_once: bool) {
        let has_new_secret = self.look_at_secrets(at_once).await;
        match self.file.look(at_once).await {
            Look::Same if !has_new_secret => {}
            Look::Same | Look::Changed => {
                let problem = self.take(at_once).err();
                self.metrics.watched(Watched::Keys, problem, None);
            }
            Look::Gone(error) => {
                let file = self.file.path().display();
                tracing::error!(%file, kind = %error.kind(), "cannot read the API keys; those read last stay in force");
                self.metrics.watched(
                    Watched::Keys,
                    Some(format!("cannot read {file}: {}", system::text_in_words(&error))),
                    None,
                );
            }
        }
    }

    /// Reads the files with secrets; whether one is another now. The secret of a file that is gone stays in force.
    async fn look_at_secrets(&mut self, at_once: bool) -> bool {
        let mut has_new = false;
        for secret in &mut self.secrets {
            match secret.look(at_once).await {
                Look::Same => {}
                Look::Changed => has_new = true,
                Look::Gone(error) => {
                    let file = secret.path().display();
                    tracing::error!(%file, kind = %error.kind(), "cannot read a secret of NetBox; the one read last stays in force");
                    let problem = format!("cannot read {file}: {}", system::text_in_words(&error));
                    self.metrics.watched(Watched::Keys, Some(problem), None);
                }
            }
        }
        has_new
    }

    /// The lines of `text`, which is all or a part of `file`. The secrets that they name are taken from those `known`, or
    /// read now, and become `named`.
    fn ring(
        file: &Steady,
        text: &str,
        known: &mut Vec<Steady>,
        named: &mut Vec<Steady>,
    ) -> (KeyRing, Vec<KeyFileError>) {
        KeyRing::read(text, &mut |name| {
            let path = sibling(file.path(), name);
            if let Some(place) = known.iter().position(|secret| secret.path() == path) {
                named.push(known.swap_remove(place));
            } else if !named.iter().any(|secret| secret.path() == path) {
                named.push(Steady::new(&path, netbox_secret(&path)?.expose()));
            }
            let secret = named.iter().find(|secret| secret.path() == path);
            as_netbox_secret(&path, secret.expect("it is named by now").text())
        })
    }

    /// Takes over what the file says. A line that cannot be read grants nothing, and keeps
    /// nothing: a key that was taken out is refused although another line has a typing error.
    /// With `at_once` the file is known to be complete.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    fn take(&mut self, at_once: bool) -> Result<(), String> {
        let (file, text) = (self.file.path().display(), self.file.text());
        let believed = if at_once { text } else { self.without_cut_line(text) };
        let mut secrets = Vec::new();
        let (ring, errors) = Self::ring(&self.file, believed, &mut self.secrets, &mut secrets);
        let is_cut = believed.len() < text.len();
        if ring.is_empty() && errors.is_empty() && !KeyRing::says_no_keys(believed) {
            tracing::error!(%file, "the file lists no API keys; those read before stay in force. To revoke all, write the line `# no keys`");
            return Err("the file lists no keys; the keys before are in force".to_owned());
        }
        self.secrets = secrets;
        let mut problems: Vec<String> = if errors.is_empty() { Vec::new() } else { vec![key_errors(&errors)] };
        if is_cut {
            let line = believed.lines().count() + 1;
            problems.push(format!("line {line}: may be cut, for it does not end in a newline"));
        }
        let holders = ring.len();
        self.access.replace(ring);
        self.in_force = believed.to_owned();
        if problems.is_empty() {
            tracing::info!(%file, holders, "read the API keys again");
            return Ok(());
        }
        let errors = problems.join("; ");
        tracing::error!(%file, holders, %errors, "read the API keys again, without the lines that have errors");
        Err(errors)
    }

    /// `text` without a last line that does not end in a newline, unless that line is in force already.
    fn without_cut_line<'a>(&self, text: &'a str) -> &'a str {
        let (whole, last) = text.split_at(text.rfind('\n').map_or(0, |end| end + 1));
        let is_known = last.trim().is_empty() || self.in_force.lines().any(|line| line == last);
        if is_known { text } else { whole }
    }
}

/// Makes an admin key and writes its line into the file at `path`, which lists nobody yet.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn bootstrap(path: &Path) -> io::Result<NewKey> {
    let made = NewKey::generate(Role::Admin, &Scope::Every, "bootstrap", None, &OsEntropy);
    append_line(path, &made.line)?;
    Ok(made)
}

/// Appends a line to a key file, which is made for its owner only if there is none. A last line
/// without an end is ended first.
///
/// # Errors
/// When the file cannot be read or written.
pub fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let text = match regular::read_text(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let mut file = OpenOptions::new().append(true).create(true).mode(OWNER_ONLY).open(path)?;
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    // One write, so that the file is never seen with a part of the line.
    file.write_all(format!("{gap}{line}\n").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KeyFile, parse_keys};
    use crate::telemetry::Telemetry;
    use crate::telemetry::metrics::tests::metrics;
    use http::{Extensions, HeaderMap};
    use tenterhook_api::PeerNames;
    use tenterhook_api::access::NetboxSecrets;

    const TWO: &str = "san:a.example.com viewer *\nsan:b.example.com viewer *\n";

    struct Bench {
        file: tempfile::NamedTempFile,
        access: Access,
        watch: KeyWatch,
        telemetry: Telemetry,
    }

    impl Bench {
        fn new() -> Self {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), TWO).unwrap();
            let keys = KeyFile { path: file.path().to_owned(), text: TWO.to_owned() };
            let access = Access::keys(parse_keys(&keys).unwrap());
            let (telemetry, metrics) = metrics();
            let watch = KeyWatch::new(file.path(), TWO, access.clone(), Arc::new(metrics));
            Self { file, access, watch, telemetry }
        }

        /// Looks `times` times at a file that says `text`.
        async fn look(&mut self, text: &str, times: usize) {
            std::fs::write(self.file.path(), text).unwrap();
            for _ in 0..times {
                self.watch.look(false).await;
            }
        }

        fn are_valid(&self) -> bool {
            self.telemetry.prometheus_text().lines().any(|line| line == "tenterhook_keys_valid 1")
        }

        fn knows(&self, name: &str) -> bool {
            self.access.knows_certificate(name)
        }

        /// The secrets of the holder of a certificate.
        fn secrets_of(&self, name: &str) -> NetboxSecrets {
            let mut extensions = Extensions::new();
            extensions.insert(PeerNames([name.to_owned()].into()));
            self.access.netbox_secrets(&HeaderMap::new(), &extensions)
        }
    }

    #[tokio::test]
    async fn a_change_is_believed_when_it_stays_the_same_and_within_five_seconds() {
        let mut bench = Bench::new();
        bench.look("san:a.example.com viewer *\n", 2).await;
        assert!(bench.knows("b.example.com"), "it may still be being written");
        bench.look("san:a.example.com viewer *\n", 1).await;
        assert!(bench.knows("a.example.com") && !bench.knows("b.example.com"));
    }

    #[tokio::test]
    async fn a_file_that_keeps_changing_is_not_believed() {
        let mut bench = Bench::new();
        for length in 0..TWO.len() {
            bench.look(&TWO[..length], 2).await;
            assert!(bench.knows("a.example.com") && bench.knows("b.example.com"), "{length}");
        }
    }

    #[tokio::test]
    async fn a_last_line_that_may_be_cut_grants_nothing_new_and_keeps_no_removed_key() {
        let mut bench = Bench::new();
        bench.look("san:b.example.com viewer *", 9).await;
        assert!(bench.knows("b.example.com") && !bench.knows("a.example.com"), "its line is in force already");
        assert!(bench.are_valid());
        bench.look("san:a.example.com admin *\nsan:c.example.com viewer team-a", 9).await;
        assert!(bench.knows("a.example.com") && !bench.knows("b.example.com") && !bench.knows("c.example.com"));
        assert!(!bench.are_valid(), "the metric shows the last line");
        bench.look("san:a.example.com admin *\nsan:c.example.com viewer team-ab\n", 9).await;
        assert!(bench.knows("c.example.com") && bench.are_valid());
        std::fs::write(bench.file.path(), "san:d.example.com viewer *").unwrap();
        bench.watch.look(true).await;
        assert!(bench.knows("d.example.com") && bench.are_valid(), "a reload by hand reads a complete file");
    }

    #[tokio::test]
    async fn an_emptied_file_revokes_only_when_it_says_so() {
        let mut bench = Bench::new();
        for empty in ["", "\n\n", "# to do\n", "jun"] {
            bench.look(empty, 9).await;
            assert!(bench.knows("a.example.com") && !bench.are_valid(), "{empty:?}");
        }
        bench.look("# no keys\n", 9).await;
        assert!(!bench.knows("a.example.com") && bench.are_valid());
    }

    #[tokio::test]
    async fn a_line_with_an_error_keeps_no_removed_key() {
        let mut bench = Bench::new();
        bench.look("san:a.example.com viewer *\nsan:c.example.com king *\n", 9).await;
        assert!(bench.knows("a.example.com"));
        assert!(!bench.knows("b.example.com"), "it was taken out");
        assert!(!bench.knows("c.example.com"));
        assert!(!bench.are_valid(), "and the metric shows that there is an error");
        bench.look(TWO, 9).await;
        assert!(bench.knows("b.example.com") && bench.are_valid());
        bench.look("san:c.example.com king *\n", 9).await;
        assert!(!bench.knows("a.example.com"), "nor does it when it is the only line");
        std::fs::write(bench.file.path(), b"san:b.example.com viewer *\n\xff\xfe\n").unwrap();
        bench.watch.look(true).await;
        assert!(bench.knows("b.example.com") && !bench.are_valid(), "bytes that are no text hide no line");
    }

    #[tokio::test]
    async fn whoever_asks_for_a_reload_does_not_wait() {
        let mut bench = Bench::new();
        std::fs::write(bench.file.path(), "san:a.example.com viewer *\n").unwrap();
        bench.watch.look(true).await;
        assert!(!bench.knows("b.example.com"));
    }

    #[tokio::test]
    async fn a_secret_of_netbox_is_read_again_and_stays_while_its_file_is_gone() {
        let mut bench = Bench::new();
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "one").unwrap();
        let line = format!("san:a.example.com publisher * netbox-secret={}\n", secret.path().display());
        bench.look(&line, 9).await;
        let one = bench.secrets_of("a.example.com");
        assert!(one != NetboxSecrets::default() && bench.are_valid());
        std::fs::write(secret.path(), "two").unwrap();
        bench.look(&line, 2).await;
        assert_eq!(bench.secrets_of("a.example.com"), one, "it may still be being written");
        bench.look(&line, 1).await;
        let two = bench.secrets_of("a.example.com");
        assert!(two != one && two != NetboxSecrets::default());
        std::fs::remove_file(secret.path()).unwrap();
        bench.look(&line, 9).await;
        assert!(bench.secrets_of("a.example.com") == two && !bench.are_valid(), "and the metric shows it");
        bench.look(&format!("{line}san:b.example.com viewer *\n"), 9).await;
        assert_eq!(bench.secrets_of("a.example.com"), two, "another line changes nothing");
        std::fs::write(secret.path(), "\n").unwrap();
        bench.look(&line, 9).await;
        assert!(!bench.knows("a.example.com") && !bench.are_valid(), "without a secret the line grants nothing");
        std::fs::write(secret.path(), "two\n").unwrap();
        bench.watch.look(true).await;
        assert!(bench.secrets_of("a.example.com") == two && bench.are_valid());
        bench.look(TWO, 9).await;
        assert!(bench.watch.secrets.is_empty() && bench.secrets_of("a.example.com") == NetboxSecrets::default());
    }

    #[test]
    fn a_line_is_appended_whole_to_a_file_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let made = bootstrap(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", made.line));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
        std::fs::write(&path, "san:a viewer *").unwrap();
        append_line(&path, "san:b viewer *").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "san:a viewer *\nsan:b viewer *\n");
    }

    #[tokio::test]
    async fn a_file_that_is_gone_changes_nothing() {
        let mut bench = Bench::new();
        std::fs::remove_file(bench.file.path()).unwrap();
        for _ in 0..9 {
            bench.watch.look(false).await;
        }
        assert!(bench.knows("a.example.com"));
        assert!(!bench.are_valid());
    }
}
