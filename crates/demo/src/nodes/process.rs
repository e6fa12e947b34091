//! A node of the demo: this program as `serve`, in a process of its own.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, bail};
use serde_json::Value;
use tenterhook_server::failure::InWords;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The shortest lease that there is.
const LEASE: &str = "3s";
/// The beginning of variables that say what the nodes are to be told here.
const OWN_VARIABLES: &str = "TENTERHOOK_";
/// Lines of a log that an error shows.
const LINES: usize = 5;

/// What a node has said of itself.
#[derive(Debug, Clone, Default)]
struct Said {
    /// The node that has the database.
    serving: Option<String>,
    has_ended: bool,
    last: Vec<String>,
}

/// A node, which is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Node {
    name: String,
    address: String,
    process: Child,
    said: watch::Receiver<Said>,
    _reading: JoinSet<()>,
}

impl Node {
    /// Starts a node on the database that `url` names.
    pub(super) fn start(name: &str, url: &str, folder: &Path) -> Result<Self> {
        // Taken for a moment: the node listens where the others look for it.
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on loopback")?;
        let address = taken.local_addr().context("the listener has no address")?.to_string();
        drop(taken);
        let program = std::env::current_exe().context("cannot find the own program")?;
        let mut command = Command::new(program);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with(OWN_VARIABLES) {
                command.env_remove(variable);
            }
        }
        // Where nobody else can read the password.
        command.env("TENTERHOOK_STORE", url).arg("serve").arg("--dev").arg("--sealing-key-file");
        command.arg(folder.join("sealing.key")).args(["--listen", &address, "--ops-listen", "off"]);
        command.args(["--lease", LEASE, "--node-name", name, "--node-address", "127.0.0.1", "--log-format", "json"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().context("cannot start a node")?;
        let log = process.stderr.take().context("the node has no log")?;
        let (say, said) = watch::channel(Said::default());
        let mut reading = JoinSet::new();
        reading.spawn(read(log, name.to_owned(), say));
        Ok(Self { name: name.to_owned(), address, process, said, _reading: reading })
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where its API is.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Which node has the database, as far as this one has said so.
    pub(super) fn serving(&self) -> Option<String> {
        self.said.borrow().serving.clone()
    }

    /// Whether this one has the database, and serves.
    pub(super) fn serves(&self) -> bool {
        let said = self.said.borrow();
        !said.has_ended && said.serving.as_deref() == Some(&*self.name)
    }

    /// Whether its process has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.said.borrow().has_ended
    }

    /// Waits until it serves, or stands by.
    ///
    /// # Errors
    /// When it ends instead, with the end of its log.
    pub(super) async fn is_up(&mut self) -> Result<()> {
        let said = self.said.wait_for(|said| said.serving.is_some() || said.has_ended).await;
        let said = said.context("the node's log is not read")?;
        if said.has_ended {
            bail!("{} did not start:\n{}", self.name, said.last.join("\n"));
        }
        Ok(())
    }

    /// Ends it as `kill -9` does.
    pub(super) async fn kill(&mut self) {
        // It may have ended by itself.
        let _ended = self.process.kill().await;
    }
}

/// Reads a node's log to its end.
async fn read(log: ChildStderr, name: String, say: watch::Sender<Said>) {
    let mut lines = BufReader::new(log).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let serving = who_serves(&line, &name);
        say.send_modify(|said| {
            said.serving = serving.or(said.serving.take());
            if said.last.len() == LINES {
                said.last.remove(0);
            }
            said.last.push(line);
        });
    }
    say.send_modify(|said| said.has_ended = true);
}

/// Which node has the database by a line of the log of the node `name`.
fn who_serves(line: &str, name: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    match line.get("message")?.as_str()? {
        "started" => Some(name.to_owned()),
        message if message.starts_with("standing by") => Some(line.get("node")?.as_str()?.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_says_who_serves() {
        let standing_by = r#"{"level":"INFO","message":"standing by: another node has the database","node":"node-1"}"#;
        assert_eq!(who_serves(standing_by, "node-2").as_deref(), Some("node-1"));
        assert_eq!(who_serves(r#"{"message":"started"}"#, "node-2").as_deref(), Some("node-2"));
        for other in ["error: no such database", r#"{"message":"draining"}"#, "{}", ""] {
            assert_eq!(who_serves(other, "node-2"), None, "{other}");
        }
    }
}
