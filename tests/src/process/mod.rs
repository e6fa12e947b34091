//! The command as people meet it: the real binary, its output, its exit codes, its signals.

mod arguments;
mod backup;
mod care;
pub(crate) mod end_to_end;
mod failures;
pub(crate) mod footprint;
mod hostile;
mod http;
mod listen;
mod reload;
mod render;
pub(crate) mod running;
pub(crate) mod serve;
mod supervised;
mod tenants;
mod tokens;

use std::process::{Command, Output, Stdio};

use crate::binary::tenterhook;
use crate::canary::lookout::look;

/// A call of the command at its most talkative, with nothing of the test's own environment.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(tenterhook());
    command.args(arguments).env_clear().env("TENTERHOOK_LOG_LEVEL", "trace").stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let output = command(arguments).output().expect("the command starts");
    look("what a command printed", &output.stdout);
    look("the log of a command", &output.stderr);
    output
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
