//! The server as a process that tells all it can, and what it told.

use std::path::Path;

use super::Sink;
use super::secrets::Secrets;
use crate::process::run;
use crate::process::serve::{self, Log};

/// The form of the log in each life.
const LOGS: [Log; 2] = [Log::Text, Log::Json];

/// A server at work.
pub(super) struct Server {
    server: serve::Server,
    life: usize,
}

impl Server {
    /// Starts it with every trace that there is in its log.
    pub(super) fn start(folder: &Path, secrets: &Secrets, collector: &str, life: usize) -> Self {
        let file = |path: &Path| path.display().to_string();
        let (certificate, key) = (file(&secrets.server_certificate), file(&secrets.server_key));
        let (api_keys, sealing_key) = (file(&secrets.api_keys), file(&secrets.sealing_key));
        let mut flags = vec!["--otlp-endpoint", collector, "--trace-ratio", "1", "--reflection"];
        flags.extend(["--allow-network", "127.0.0.0/8", "--tls-cert", &certificate, "--tls-key", &key]);
        flags.extend(["--api-keys", &api_keys, "--sealing-key-file", &sealing_key]);
        Self { server: serve::start_logging(LOGS[life], folder, &flags), life }
    }

    /// Where the API listens.
    pub(super) fn api(&self) -> &str {
        &self.server.api
    }

    /// The figures, as a scraper sees them.
    pub(super) fn metrics(&self) -> Vec<u8> {
        let (status, text) = serve::get(&self.server.ops, "/metrics");
        assert!(status.contains("200") && text.contains("tenterhook_attempts_total"), "{status}\n{text}");
        text.into_bytes()
    }

    /// Stops it; answers what it has told.
    pub(super) async fn stop(self) -> Vec<Sink> {
        self.server.running.signal("TERM");
        let life = self.life;
        let ended = tokio::task::spawn_blocking(move || self.server.running.wait()).await.unwrap();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        vec![
            (format!("output of life {life}"), ended.printed.into_bytes()),
            (format!("log of life {life}"), ended.log.into_bytes()),
        ]
    }
}

/// What the commands tell that take care of a store at rest.
pub(super) fn care(folder: &Path) -> Vec<Sink> {
    let store = format!("redb:{}", folder.join("data").display());
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
