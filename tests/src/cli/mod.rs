//! The command line as a client: the real binary against a real server.

mod contexts;
mod declarative;
mod errors;
mod examples;
mod helpers;
mod import_netbox;
mod import_netbox_sources;
mod import_others;
mod netbox_moves;
mod netbox_relay;
mod notifications;
mod oncall;
mod round_trip;
mod screens;
mod shells;
mod template_env;
mod verbs;
mod watching;

use std::path::Path;
use std::process::Command;
use std::thread::yield_now;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::running::Running;
use crate::process::serve::{Server, start};
use crate::process::{command, stderr, stdout};

/// A server, and a person in front of it without a terminal.
struct Desk {
    server: Server,
    folder: TempDir,
}

/// What a command showed.
#[derive(Debug)]
struct Shown {
    code: i32,
    out: String,
    err: String,
}

impl Shown {
    /// The only JSON document.
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks the exit code.
    #[track_caller]
    fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{self:#?}");
        self
    }

    /// Checks that standard output has these parts.
    #[track_caller]
    fn has(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.out.contains(part), "no `{part}` in {self:#?}");
        }
        self
    }

    /// Checks that standard error has these parts.
    #[track_caller]
    fn warns(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "no `{part}` in {self:#?}");
        }
        self
    }
}

/// Runs a command to its end.
fn finish(mut command: Command) -> Shown {
    let output = command.output().expect("the command starts");
    let code = output.status.code().expect("the command ends by itself");
    Shown { code, out: stdout(&output), err: stderr(&output) }
}

impl Desk {
    /// A server that lets anyone in.
    fn new() -> Self {
        Self::with(&["--dev"])
    }

    fn with(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = start(folder.path(), flags);
        Self { server, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file with this text.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// A command at this desk.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.env("TENTERHOOK_ADDRESS", &self.server.api).env("XDG_CONFIG_HOME", self.path().join("config"));
        // An editor and a key-command are run by the shell.
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command
    }

    /// Runs a command.
    fn run(&self, arguments: &[&str]) -> Shown {
        finish(self.command(arguments))
    }

    /// Runs a command whose output is for people on a terminal of so many columns.
    fn people(&self, columns: usize, arguments: &[&str]) -> Shown {
        let mut command = self.command(arguments);
        command.args(["-o", "table"]).env("COLUMNS", columns.to_string());
        finish(command)
    }

    /// Creates a webhook that sends every event to this port.
    fn create(&self, name: &str, port: u16) {
        self.run(&["webhook", "create", name, "--url", &format!("http://127.0.0.1:{port}/hooks")]).code(0);
    }

    /// Publishes an event and returns its id.
    fn publish(&self, event_type: &str) -> String {
        let shown = self.run(&["event", "publish", "--type", event_type, "-o", "name"]).code(0);
        shown.out.trim().to_owned()
    }

    /// Repeats a command until its JSON is as wanted.
    fn until(&self, arguments: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let value = self.run(arguments).code(0).json();
            if wanted(&value) {
                return value;
            }
            yield_now();
        }
    }
}

/// A receiver that returns this status, and its port; 0 takes a free one.
fn receiver(port: u16, status: &str) -> (Running, u16) {
    let mut running = Running::start(command(&["listen", "--port", &port.to_string(), "--status", status]));
    let line = running.line_with("http://");
    let port = line.split("127.0.0.1:").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
    (running, port)
}

/// A port where nothing listens.
const NOWHERE: u16 = 1;
