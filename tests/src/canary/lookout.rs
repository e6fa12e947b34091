//! Looks at everything that the servers of all tests log, answer and store, and ends the run
//! when a secret is among it. The log of this process is searched line by line as it is written,
//! with every trace that there is.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Once};

use tenterhook_store::{Kv, MemoryKv, Span};
use tonic::service::Routes;
use tower::layer::layer_fn;
use tracing::level_filters::LevelFilter;

use super::channel::Overheard;
use super::forms::{Found, Search};
use super::mark::{MARKS, may_be_told_by};
use crate::process::running::kill_all;

/// The exit code of a test binary that has failed.
const FAILED: i32 = 101;
/// Bytes shown on each side of a secret.
const AROUND: usize = 150;

/// Looks for the marks alone.
static MARKED: LazyLock<Lookout> = LazyLock::new(|| Lookout::new(&[]));

/// Looks for every marked secret and some that bear no mark.
#[derive(Debug)]
pub(crate) struct Lookout(Search);

impl Lookout {
    pub(crate) fn new(unmarked: &[Vec<u8>]) -> Self {
        Self(Search::new(MARKS.into_iter().chain(unmarked.iter().map(Vec::as_slice))))
    }

    /// Ends the run if a secret is in `bytes`, which come from `place`.
    pub(crate) fn look(&self, place: &str, bytes: &[u8]) {
        if let Some(found) = self.0.all(bytes).first() {
            end(place, bytes, *found);
        }
    }
}

/// Looks for marks.
pub(crate) fn look(place: &str, bytes: &[u8]) {
    MARKED.look(place, bytes);
}

/// A run that has shown a secret has failed, and no handler of panics may save it.
fn end(place: &str, bytes: &[u8], found: Found) -> ! {
    let around = &bytes[found.at.saturating_sub(AROUND)..bytes.len().min(found.at + AROUND)];
    let around = String::from_utf8_lossy(around);
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    // Not `eprintln`, which tests capture. If it cannot be written the code tells enough.
    let _ = writeln!(io::stderr(), "{test}: a secret was seen as {} in {place}: …{around}…", found.form);
    kill_all();
    std::process::exit(FAILED)
}

/// The routes, with every answer searched.
pub(crate) fn overheard(routes: Routes) -> Routes {
    let layer = layer_fn(|inner| Overheard { inner, hear: Arc::new(hear) });
    routes.into_axum_router().layer(layer).into()
}

/// Hears a part of the answer of a call.
pub(crate) fn hear(path: &str, bytes: &[u8]) {
    if let Some(found) = MARKED.0.all(bytes).into_iter().find(|found| !may_be_told_by(found.secret, path)) {
        end(&format!("the answer of {path}"), bytes, found);
    }
}

/// A store in memory that is searched in the end.
#[derive(Debug)]
pub(crate) struct Kept(pub(crate) MemoryKv);

impl Drop for Kept {
    fn drop(&mut self) {
        let everything = Span::new(&[], &[0xff; 64], usize::MAX);
        for (key, value) in self.0.range(everything).expect("memory can be read") {
            look("a key of the store", &key);
            look("the store", &value);
        }
    }
}

/// Listens to the log of this process from now on.
pub(crate) fn listen_to_the_log() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let log = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).without_time();
        let log = log.with_writer(|| Line).finish();
        tracing::subscriber::set_global_default(log).expect("nothing else in this process takes the log");
    });
}

/// A line of the log, written at once.
struct Line;

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        look("the log", line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
