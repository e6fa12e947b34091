//! The server under test: a child process of its own, and what the kernel says it used.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum as _;
use tenterhook_server::failure::InWords;
use tonic::transport::{Channel, Endpoint};

use super::secure::Over;

/// Clock ticks a second in `/proc/PID/stat` (Linux, `USER_HZ`, the same on all architectures).
const TICKS_PER_SECOND: f64 = 100.0;
/// The folder of the store in that of a run; the server makes it, for its owner only.
pub(super) const STORE: &str = "store";
/// Time for the server to end after SIGKILL.
const REAP_PAUSE: Duration = Duration::from_millis(10);

/// The server.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// Where its API listens.
    pub(super) address: SocketAddr,
}

/// What the server used up to now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    /// Seconds of CPU, of all its threads.
    pub(super) cpu_seconds: f64,
    /// The memory that it holds, in MiB.
    pub(super) resident_mib: f64,
    /// The most memory it held, in MiB.
    pub(super) peak_mib: f64,
}

impl Server {
    /// Starts `tenterhook serve` on a redb store in `folder`, with `flags` more, and waits until it listens.
    pub(super) fn start(folder: &Path, flags: &[String]) -> Result<Self> {
        Self::start_on(&format!("redb:{}", folder.join(STORE).display()), flags)
    }

    /// The same on any store.
    pub(super) fn start_on(store: &str, flags: &[String]) -> Result<Self> {
        Self::spawn(|command| serve(command, store, flags))
    }

    /// Starts a node on a store that another one has. It says nothing while it stands by, and its address stays unknown.
    pub(super) fn stand_by(store: &str, flags: &[String]) -> Result<Self> {
        let mut command = command(|command| serve(command, store, flags))?;
        let child = command.stdout(Stdio::null()).spawn().context("cannot start a node")?;
        Ok(Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) })
    }

    /// Starts the yardstick, which appends to a file in `folder`.
    pub(super) fn start_yardstick(folder: &Path, receiver: SocketAddr, webhooks: usize, over: Over) -> Result<Self> {
        Self::spawn(|command| {
            let over = over.to_possible_value().expect("no way is hidden");
            command.args(["bench", "yardstick", "--webhooks", &webhooks.to_string()]);
            command.args(["--over", over.get_name(), "--receiver", &receiver.to_string()]);
            command.arg("--log").arg(folder.join("yardstick"));
        })
    }

    fn spawn(with: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut command = command(with)?;
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        for line in BufReader::new(stdout).lines() {
            let line = line.context("cannot read what the server prints")?;
            if let Some(address) = listening(&line) {
                server.address = address;
                return Ok(server);
            }
        }
        bail!("the server ended before it listened; `tenterhook serve --dev` says why")
    }

    /// What it used up to now.
    pub(super) fn usage(&self) -> Result<Usage> {
        let folder = format!("/proc/{}", self.child.id());
        let read = |file: &str| std::fs::read_to_string(format!("{folder}/{file}")).context("the server has ended");
        let status = read("status")?;
        let (resident_mib, peak_mib) = (mib(&status, "VmRSS:")?, mib(&status, "VmHWM:")?);
        Ok(Usage { cpu_seconds: cpu_seconds(&read("stat")?)?, resident_mib, peak_mib })
    }
}

/// This executable, which is also the server, with these arguments and no environment.
fn command(with: impl FnOnce(&mut Command)) -> Result<Command> {
    let program = std::env::current_exe().context("cannot locate this executable, which is also the server")?;
    let mut command = Command::new(program);
    with(&mut command);
    command.env_clear();
    Ok(command)
}

fn serve(command: &mut Command, store: &str, flags: &[String]) {
    command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--ops-listen", "off", "--log-level", "warn"]);
    command.arg("--store").arg(store).args(flags);
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its store is thrown away: nothing needs to drain.
        let _ = self.child.kill();
        while matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(REAP_PAUSE);
        }
    }
}

/// Opens `count` connections to a server.
pub(super) async fn connect(server: SocketAddr, count: usize) -> Result<Vec<Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://{server}")).context("the server has no address")?;
    let mut channels = Vec::new();
    for _ in 0..count {
        channels.push(endpoint.clone().tcp_nodelay(true).connect().await.context("cannot connect to the server")?);
    }
    Ok(channels)
}

/// The address in the start-up line `listens on  127.0.0.1:50051 …`.
fn listening(line: &str) -> Option<SocketAddr> {
    line.trim().strip_prefix("listens on")?.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Result<f64> {
    // The name in brackets may hold blanks; fields 14 and 15 of proc(5) are user and system time.
    let after_name = stat.rsplit_once(')').context("/proc/PID/stat has no name")?.1;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>();
    Ok(ticks.context("/proc/PID/stat has no times")? / TICKS_PER_SECOND)
}

/// A row of `/proc/PID/status`.
fn mib(status: &str, row: &str) -> Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(row)).context("/proc/PID/status has no such row")?;
    let kib = line.trim().trim_end_matches(" kB").parse::<f64>().context("/proc/PID/status has no number")?;
    Ok(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figures_are_read() {
        let stat = "12 (a b) c) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 100 1 1";
        assert_eq!(cpu_seconds(stat).unwrap(), 3.0);
        assert_eq!(mib("Name:\tx\nVmHWM:\t   51200 kB\n", "VmHWM:").unwrap(), 50.0);
        assert!(cpu_seconds("x").is_err() && mib("", "VmRSS:").is_err());
    }

    #[test]
    fn the_address_is_found_in_the_start_up_lines() {
        assert_eq!(listening("  listens on  127.0.0.1:4711  gRPC"), Some("127.0.0.1:4711".parse().unwrap()));
        assert_eq!(listening("  stores in   memory:"), None);
    }

    #[test]
    fn rows_of_the_kernel_are_found_by_their_whole_name() {
        let status = "Name:\tVmRSS: 7 kB\nVmPeak:\t  9000 kB\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!((mib(status, "VmRSS:").unwrap(), mib(status, "VmHWM:").unwrap()), (1.0, 2.0));
        for (wrong, part) in
            [("VmRSS:\t kB\n", "no number"), ("VmRSS:\tmany kB\n", "no number"), ("vmrss:\t1 kB\n", "no such row")]
        {
            assert!(mib(wrong, "VmRSS:").unwrap_err().to_string().contains(part), "{wrong}");
        }
    }

    #[test]
    fn times_of_a_process_need_their_fields() {
        assert_eq!(cpu_seconds("1 (x) S 1 1 1 0 -1 0 0 0 0 0 7 0 0").unwrap(), 0.07);
        for (wrong, part) in [("1 (x) S 1 1 1 0 -1 0 0 0 0 0 a b", "no times"), ("1 x S", "no name")] {
            assert!(cpu_seconds(wrong).unwrap_err().to_string().contains(part), "{wrong}");
        }
    }

    #[test]
    fn only_a_line_with_an_address_says_that_it_listens() {
        for (line, address) in [
            ("listens on [::1]:50051", Some("[::1]:50051")),
            ("\tlistens on   127.0.0.1:1   gRPC, no TLS", Some("127.0.0.1:1")),
            ("listens on", None),
            ("listens on localhost:1", None),
            ("it listens on 127.0.0.1:1", None),
            ("", None),
        ] {
            assert_eq!(listening(line), address.map(|address| address.parse().unwrap()), "{line:?}");
        }
    }
}
