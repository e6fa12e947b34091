//! The file of API keys: read at the start, and again whenever it changes.
//!
//! A file may be read while it is being written: a line that is cut can grant another namespace,
//! an empty file would lock everybody out. So a change is believed when the file has not changed
//! over several looks and ends in a newline, and a file without keys only when it says so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tenterhook_api::access::{Access, KeyFileError, KeyRing};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often the file is looked at. A key that is taken out must be refused within 5 seconds.
const LOOK: Duration = Duration::from_secs(1);
/// Looks over which a change must stay the same before it is believed.
const STEADY_LOOKS: u32 = 2;
/// Lines of a key file about which one log entry says what is wrong.
const LINES_LOGGED: usize = 10;

/// Reads the lines of a key file.
///
/// # Errors
/// Every line that is wrong, in one text.
pub(crate) fn parse(text: &str) -> Result<KeyRing, String> {
    KeyRing::parse(text).map_err(|errors| listed(&errors))
}

fn listed(errors: &[KeyFileError]) -> String {
    let mut lines: Vec<String> = errors.iter().take(LINES_LOGGED).map(ToString::to_string).collect();
    if errors.len() > LINES_LOGGED {
        lines.push(format!("and {} more", errors.len() - LINES_LOGGED));
    }
    lines.join("; ")
}

/// The file, and what it said last.
#[derive(Debug)]
pub(crate) struct KeyWatch {
    path: PathBuf,
    /// What the file said when it was last believed or refused.
    settled: String,
    /// What it says now, and over how many looks it has, until that is settled.
    changed: Option<(String, u32)>,
    access: Access,
}

impl KeyWatch {
    /// Watches the file at `path`, which said `text`, for `access`.
    pub(crate) fn new(path: &Path, text: &str, access: Access) -> Self {
        Self { path: path.to_owned(), settled: text.to_owned(), changed: None, access }
    }

    /// Watches until `cancel`.
    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        loop {
            // The end comes first.
            tokio::select! { biased;
                () = cancel.cancelled() => return,
                () = sleep(LOOK) => self.look().await,
            }
        }
    }

    /// Reads the file, and takes over what it says once that has been the same for long enough.
    /// A file that is gone changes nothing.
    async fn look(&mut self) {
        let text = match tokio::fs::read_to_string(&self.path).await {
            Ok(text) => text,
            Err(error) => {
                self.changed = None;
                tracing::error!(file = %self.path.display(), %error, "cannot read the API keys; those read last stay in force");
                return;
            }
        };
        if text == self.settled {
            self.changed = None;
            return;
        }
        let looks = match &self.changed {
            Some((before, looks)) if *before == text => looks + 1,
            _ => 0,
        };
        if looks < STEADY_LOOKS {
            self.changed = Some((text, looks));
            return;
        }
        self.changed = None;
        self.take(&text);
        self.settled = text;
    }

    /// Takes over what the file says. A line that cannot be read grants nothing, and keeps
    /// nothing: a key that was taken out is refused although another line has a typing error.
    fn take(&self, text: &str) {
        let file = self.path.display();
        let (ring, errors) = KeyRing::read(text);
        if !text.is_empty() && !text.ends_with('\n') {
            tracing::error!(%file, "the API keys do not end in a newline, so the last line may be cut; those read before stay in force");
            return;
        }
        if ring.is_empty() && !KeyRing::says_no_keys(text) {
            tracing::error!(%file, "the file lists no API keys; those read before stay in force. To revoke all, write the line `# no keys`");
            return;
        }
        let holders = ring.len();
        self.access.replace(ring);
        if errors.is_empty() {
            tracing::info!(%file, holders, "read the API keys again");
        } else {
            let errors = listed(&errors);
            tracing::error!(%file, holders, %errors, "read the API keys again, without the lines that have errors");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "san:a.example.com viewer *\nsan:b.example.com viewer *\n";

    struct Bench {
        file: tempfile::NamedTempFile,
        access: Access,
        watch: KeyWatch,
    }

    impl Bench {
        fn new() -> Self {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), TWO).unwrap();
            let access = Access::keys(parse(TWO).unwrap());
            let watch = KeyWatch::new(file.path(), TWO, access.clone());
            Self { file, access, watch }
        }

        /// Looks `times` times at a file that says `text`.
        async fn look(&mut self, text: &str, times: usize) {
            std::fs::write(self.file.path(), text).unwrap();
            for _ in 0..times {
                self.watch.look().await;
            }
        }

        fn knows(&self, name: &str) -> bool {
            self.access.knows_certificate(name)
        }
    }

    #[tokio::test]
    async fn a_change_is_believed_when_it_stays_the_same_and_within_five_seconds() {
        let mut bench = Bench::new();
        bench.look("san:a.example.com viewer *\n", 2).await;
        assert!(bench.knows("b.example.com"), "it may still be being written");
        bench.look("san:a.example.com viewer *\n", 1).await;
        assert!(bench.knows("a.example.com") && !bench.knows("b.example.com"));
        assert!(LOOK * (STEADY_LOOKS + 2) < Duration::from_secs(5));
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
    async fn a_file_without_a_newline_at_its_end_is_not_believed() {
        let mut bench = Bench::new();
        bench.look("san:a.example.com admin *\nsan:b.example.com viewer team-a", 9).await;
        assert!(bench.knows("b.example.com"));
        bench.look("san:a.example.com admin *\nsan:c.example.com viewer team-ab\n", 9).await;
        assert!(bench.knows("c.example.com") && !bench.knows("b.example.com"));
    }

    #[tokio::test]
    async fn an_emptied_file_revokes_only_when_it_says_so() {
        let mut bench = Bench::new();
        for empty in ["", "\n\n", "# to do\n", "junk\n"] {
            bench.look(empty, 9).await;
            assert!(bench.knows("a.example.com"), "{empty:?}");
        }
        bench.look("# no keys\n", 9).await;
        assert!(!bench.knows("a.example.com"));
    }

    #[tokio::test]
    async fn a_line_with_an_error_keeps_no_removed_key() {
        let mut bench = Bench::new();
        bench.look("san:a.example.com viewer *\nsan:c.example.com king *\n", 9).await;
        assert!(bench.knows("a.example.com"));
        assert!(!bench.knows("b.example.com"), "it was taken out");
        assert!(!bench.knows("c.example.com"));
    }

    #[tokio::test]
    async fn a_file_that_is_gone_changes_nothing() {
        let mut bench = Bench::new();
        std::fs::remove_file(bench.file.path()).unwrap();
        for _ in 0..9 {
            bench.watch.look().await;
        }
        assert!(bench.knows("a.example.com"));
    }

    #[test]
    fn many_lines_with_errors_are_one_short_text() {
        let text = parse(&"what\n".repeat(1_000)).unwrap_err();
        assert!(text.ends_with("and 990 more") && text.len() < 2_000, "{text}");
    }
}
