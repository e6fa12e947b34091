//! The server as a process that tells all it can, and what it told.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::Sink;
use super::secrets::Secrets;
use crate::process::running::Running;
use crate::process::{command, run};

/// A server at work.
pub(super) struct Server {
    running: Running,
    pub(super) api: String,
    ops: String,
    log: PathBuf,
    life: usize,
}

fn store(folder: &Path) -> String {
    format!("redb:{}", folder.join("data").display())
}

impl Server {
    /// Starts it with every trace that there is in its log.
    pub(super) fn start(folder: &Path, secrets: &Secrets, collector: &str, life: usize) -> Self {
        let path = |path: &Path| path.display().to_string();
        let (store, log) = (store(folder), folder.join(format!("log-{life}")));
        let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
        command.args(["--store", &store, "--log-level", "trace", "--otlp-endpoint", collector, "--trace-ratio", "1"]);
        command.args(["--allow-network", "127.0.0.0/8", "--reflection"]);
        command.args(["--tls-cert", &path(&secrets.server_certificate), "--tls-key", &path(&secrets.server_key)]);
        command.args(["--api-keys", &path(&secrets.api_keys), "--sealing-key-file", &path(&secrets.sealing_key)]);
        command.stderr(File::create(&log).unwrap());
        let mut running = Running::start(command);
        let api = running.line_with("listens on").split_whitespace().nth(2).unwrap().to_owned();
        let metrics = running.line_with("metrics at");
        let ops = metrics.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        Self { running, api, ops, log, life }
    }

    /// The figures, as a scraper sees them.
    pub(super) fn metrics(&self) -> Vec<u8> {
        let (status, text) = crate::process::serve::get(&self.ops, "/metrics");
        assert!(status.contains("200") && text.contains("tenterhook_attempts_total"), "{status}\n{text}");
        text.into_bytes()
    }

    /// Stops it; answers what it has told.
    pub(super) async fn stop(self) -> Vec<Sink> {
        self.running.signal("TERM");
        let (log, life) = (self.log, self.life);
        let (status, printed) = tokio::task::spawn_blocking(move || self.running.wait()).await.unwrap();
        assert_eq!(status.code(), Some(0), "{}", std::fs::read_to_string(&log).unwrap());
        vec![
            (format!("output of life {life}"), printed.into_bytes()),
            (format!("log of life {life}"), std::fs::read(&log).unwrap()),
        ]
    }
}

/// What the commands tell that take care of a store at rest.
pub(super) fn care(folder: &Path) -> Vec<Sink> {
    let store = store(folder);
    let export = folder.join("export");
    let mut told = Vec::new();
    for arguments in [
        vec!["store", "check", "--store", &store],
        vec!["store", "export", export.to_str().unwrap(), "--store", &store],
    ] {
        let output = run(&arguments);
        let text = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&text));
        told.push((arguments[1].to_owned(), text));
    }
    told.push(("the export".to_owned(), std::fs::read(export).unwrap()));
    told
}
