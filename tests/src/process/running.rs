//! A command that runs until it is told to stop. When it has ended, what it printed, logged and
//! stored is searched for secrets.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::canary::files;
use crate::canary::lookout::Lookout;
use crate::canary::secrets::unhex;

/// The key that a server makes beside its store.
const SEALING_KEY: &str = "sealing.key";
/// What a server says in a log for programs when it is up.
const STARTED: &str = "\"message\":\"started\"";

/// Commands that run now.
static ALIVE: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Kills every command, for an end of the tests that drops nothing.
pub(crate) fn kill_all() {
    for id in ALIVE.lock().unwrap().iter() {
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-s", "KILL", &id.to_string()]).status();
    }
}

/// The command, killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// All that was read of its output.
    printed: String,
    /// Reads its log to the end.
    logging: Option<JoinHandle<String>>,
    log: String,
    started: Receiver<String>,
    data: Option<PathBuf>,
    /// Secrets of it that bear no mark.
    secrets: Vec<Vec<u8>>,
}

/// What a command leaves.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) printed: String,
    pub(crate) log: String,
}

impl Running {
    /// Starts `command`.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        ALIVE.lock().unwrap().insert(child.id());
        let stdout = BufReader::new(child.stdout.take().expect("the output is piped"));
        let stderr = BufReader::new(child.stderr.take().expect("the log is piped"));
        let (sender, started) = sync_channel(1);
        let logging = Some(thread::spawn(move || read_log(stderr, &sender)));
        let (printed, log, data, secrets) = (String::new(), String::new(), None, Vec::new());
        Self { child, stdout, printed, logging, log, started, data, secrets }
    }

    /// Tells where it stores.
    pub(crate) fn stores_in(&mut self, data: &Path) {
        self.data = Some(data.to_owned());
    }

    /// Tells a secret of it that bears no mark.
    pub(crate) fn hides(&mut self, secret: impl Into<Vec<u8>>) {
        self.secrets.push(secret.into());
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads lines up to the first that contains `text`; answers that line.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let begin = self.printed.len();
        loop {
            let line = self.printed.len();
            let read = self.stdout.read_line(&mut self.printed).expect("the output is text");
            let (seen, line) = (&self.printed[begin..], &self.printed[line..]);
            assert!(read > 0, "the command ended before it printed `{text}`:\n{seen}");
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// The line of a log for programs that tells that a server is up.
    pub(crate) fn line_of_start(&mut self) -> String {
        self.started.recv().expect("the server starts")
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill starts").success());
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the command can be waited for").is_some()
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        self.read_all();
        let status = self.child.wait().expect("the command can be waited for");
        Ended { status, printed: self.printed.clone(), log: self.log.clone() }
    }

    /// Reads what it prints and logs until it ends.
    fn read_all(&mut self) {
        self.stdout.read_to_string(&mut self.printed).expect("the output is text");
        if let Some(logging) = self.logging.take() {
            self.log = logging.join().expect("logs can be read");
        }
    }

    /// Searches what it told and keeps.
    fn look(&mut self) {
        let key = self.data.as_ref().and_then(|data| std::fs::read_to_string(data.join(SEALING_KEY)).ok());
        self.secrets.extend(key.map(|key| unhex(key.trim())));
        let lookout = Lookout::new(&self.secrets);
        lookout.look("what a process printed", self.printed.as_bytes());
        lookout.look("the log of a process", self.log.as_bytes());
        for (path, bytes) in self.data.iter().flat_map(|data| files(data)) {
            if !path.ends_with(SEALING_KEY) {
                lookout.look(&path, &bytes);
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.read_all();
        ALIVE.lock().unwrap().remove(&self.id());
        if std::thread::panicking() {
            self.log
                .lines()
                .filter(|line| !line.contains("TRACE") && !line.contains("DEBUG"))
                .for_each(|line| eprintln!("{line}"));
        }
        self.look();
    }
}

/// Reads a log to its end, and hands on the line that tells that a server is up.
fn read_log(mut stderr: BufReader<ChildStderr>, started: &SyncSender<String>) -> String {
    let mut log = Vec::new();
    loop {
        let begin = log.len();
        if stderr.read_until(b'\n', &mut log).unwrap_or_default() == 0 {
            return String::from_utf8_lossy(&log).into_owned();
        }
        let line = String::from_utf8_lossy(&log[begin..]);
        if line.contains(STARTED) {
            // Whoever does not wait for it may be gone.
            let _ = started.try_send(line.into_owned());
        }
    }
}
