//! One worker process, from the server's side.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::frame::{self, Answer, Request};

/// How a worker is started.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The program, for the server its own.
    pub program: PathBuf,
    /// Its arguments; for the server `render-worker`.
    pub args: Vec<OsString>,
    /// All of its environment, such as what keeps its allocator within the worker's limits.
    pub environment: Vec<(OsString, OsString)>,
}

/// A running worker. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// Requests that it answered.
    pub(crate) answered: u32,
}

impl Worker {
    /// Starts a worker, without the server's own environment.
    pub(crate) fn start(command: &WorkerCommand) -> io::Result<Self> {
        let mut child = Command::new(&command.program)
            .args(&command.args)
            .env_clear()
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a worker has no pipe");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        Ok(Self { child, input, output, answered: 0 })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Cancel safety
    /// Not: a worker whose answer was not waited for must be dropped.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        frame::send(&mut self.input, request).await?;
        let answer = frame::receive(&mut self.output).await?;
        self.answered += 1;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Kills it and waits until it is gone.
    pub(crate) async fn end(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::debug!(%error, "a render worker was gone before it could be killed");
        }
    }
}

/// The bytes of a request.
pub(crate) fn encoded(request: &Request) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(request)?)
}
