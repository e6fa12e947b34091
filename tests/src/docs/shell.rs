//! A shell that runs the blocks of a page, with the real `tenterhook` and the real grpcurl.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::blocks::{Block, blocks};
use crate::binary;

/// How long one block may take; far longer than any does.
const PATIENCE: Duration = Duration::from_secs(120);
/// Lines that wait to be looked at.
const LINES: usize = 10_000;
/// Ports that the pages name, each replaced by a free one.
const PORTS: [&str; 3] = ["50051", "9464", "9000"];
/// The API as grpcurl reads it where there is no reflection.
const PROTOSET: &str = "crates/proto/src/generated/reflection.bin";
/// Printed behind a block that ended well.
const END: &str = "=== the block has ended ===";

/// A bash that runs one page; all that it started ends with it.
pub(super) struct Shell {
    page: &'static str,
    bash: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    printed: String,
    ports: Vec<(&'static str, u16)>,
    /// Where the page's commands leave their files.
    _folder: tempfile::TempDir,
}

/// Runs every block of a page in order and gives all that they printed.
pub(super) fn run_page(page: &'static str) -> String {
    let text = std::fs::read_to_string(repository().join(page)).unwrap();
    let blocks = blocks(&text);
    assert!(!blocks.is_empty(), "{page} has blocks to run");
    let mut shell = Shell::start(page);
    for block in &blocks {
        shell.run(block);
    }
    shell.printed.replace(&format!("{END}\n"), "")
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

impl Shell {
    fn start(page: &'static str) -> Self {
        let listeners = PORTS.map(|named| (named, TcpListener::bind("127.0.0.1:0").unwrap()));
        let ports: Vec<_> = listeners.iter().map(|(named, free)| (*named, free.local_addr().unwrap().port())).collect();
        let folder = tempfile::tempdir().unwrap();
        // A release has it beside the binary.
        std::fs::copy(repository().join(PROTOSET), folder.path().join("tenterhook.protoset")).unwrap();
        let mut bash = Command::new("bash");
        bash.args(["-e", "-o", "pipefail", "-s"]).current_dir(folder.path()).process_group(0);
        // Where the server listens when the page does not say.
        bash.env("TENTERHOOK_LISTEN", format!("127.0.0.1:{}", ports[0].1));
        bash.env("TENTERHOOK_OPS_LISTEN", format!("127.0.0.1:{}", ports[1].1));
        // And where its clients look for it.
        bash.env("TENTERHOOK_ADDRESS", format!("127.0.0.1:{}", ports[0].1));
        // No secret of the page may be among all that the server can tell.
        bash.env("TENTERHOOK_LOG_LEVEL", "trace");
        bash.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut bash = bash.spawn().expect("bash is installed");
        let (sender, lines) = sync_channel(LINES);
        read_lines(bash.stdout.take().unwrap(), sender.clone());
        read_lines(bash.stderr.take().unwrap(), sender);
        let mut stdin = bash.stdin.take().unwrap();
        stdin.write_all(search_path().as_bytes()).unwrap();
        Self { page, bash, stdin, lines, printed: String::new(), ports, _folder: folder }
    }

    fn run(&mut self, block: &Block) {
        let text = self.localize(&block.text);
        let (script, awaited) = match &block.awaits {
            None => (format!("{text}\necho '{END}'\n"), END.to_owned()),
            Some(awaited) => (format!("(\n{text}\n) </dev/null &\n"), self.localize(awaited)),
        };
        self.stdin.write_all(script.as_bytes()).unwrap();
        let from = self.printed.len();
        while !self.printed[from..].contains(&awaited) {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let (page, line, printed) = (self.page, block.line, &self.printed[from..]);
                panic!("{page}:{line}: the block failed, or took too long:\n{text}\nit printed:\n{printed}");
            };
            self.printed.push_str(&line);
        }
    }

    /// The text with free ports in place of the ones that the page names.
    fn localize(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (named, free)| {
            text.replace(&format!("127.0.0.1:{named}"), &format!("127.0.0.1:{free}"))
                .replace(&format!("--port {named}"), &format!("--port {free}"))
        })
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // The group holds bash and all that it started.
        let group = format!("-{}", self.bash.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.bash.wait();
    }
}

/// The line that puts `tenterhook` and grpcurl where bash finds them.
fn search_path() -> String {
    let tools = repository().join(".tools/bin");
    assert!(tools.join("grpcurl").exists(), "grpcurl is missing: run `make tools`");
    let ours = binary::tenterhook().parent().unwrap().display();
    format!("export PATH=\"{ours}:{}:$PATH\"\n", tools.display())
}

fn read_lines(output: impl Read + Send + 'static, lines: SyncSender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if lines.send(line + "\n").is_err() {
                return;
            }
        }
    });
}
