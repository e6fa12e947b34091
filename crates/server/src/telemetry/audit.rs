//! The audit trail as lines: in the log, and in the file of `--audit-log` as JSON.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::json;
use tenterhook_api::{AuditEntry, status_name};
use tenterhook_model::{Quiet, Timestamp, system};
use tokio::time::Instant;

use crate::regular;

/// Lines a minute on entries that the file does not take.
const LINES: u32 = 10;
/// Mode of the file: it names people.
const OWNER_ONLY: u32 = 0o600;

/// Writes the audit trail.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    file: Option<AuditFile>,
}

#[derive(Debug)]
struct AuditFile {
    path: PathBuf,
    file: Mutex<File>,
    /// Lines on entries that it did not take.
    quiet: Mutex<Quiet<Instant>>,
}

impl Audit {
    /// Writes to the log, and to the file at `path` if there is one.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let file = AuditFile {
            path: path.to_owned(),
            file: Mutex::new(appending(path)?),
            quiet: Mutex::new(Quiet::new(LINES)),
        };
        Ok(Self { file: Some(file) })
    }

    /// Opens the file by its name again, for whoever has moved it away.
    pub(crate) fn reopen(&self) {
        let Some(AuditFile { path, file, .. }) = &self.file else { return };
        match appending(path) {
            Ok(opened) => *file.lock().unwrap_or_else(PoisonError::into_inner) = opened,
            Err(error) => {
                tracing::error!(file = %path.display(), kind = %error.kind(), "cannot open the audit log; the open file is used");
            }
        }
    }

    /// Writes one entry. An entry that the file does not take is in the log.
    pub(crate) fn write(&self, entry: &AuditEntry<'_>, time: Timestamp) {
        let AuditEntry { method, caller, role, peer, subject, code, trace_id } = *entry;
        let rpc = method.rsplit('/').next().unwrap_or(method);
        let (status, peer) = (status_name(code), peer.map(|peer| peer.to_string()).unwrap_or_default());
        tracing::info!(target: "tenterhook::audit", rpc, subject, caller, role, peer, status, trace_id, "audit");
        let Some(AuditFile { path, file, quiet }) = &self.file else { return };
        let time = time.rfc3339();
        let line = json!({
            "time": time, "rpc": rpc, "subject": subject, "caller": caller, "role": role, "peer": peer,
            "status": status, "trace_id": trace_id,
        });
        // One write a line, so that lines are whole whatever happens.
        let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(format!("{line}\n").as_bytes());
        if let Err(error) = written {
            let left_out = quiet.lock().unwrap_or_else(PoisonError::into_inner).speak(Instant::now());
            if let Some(left_out) = left_out {
                let error = system::in_words(&error);
                tracing::error!(file = %path.display(), error, left_out, "cannot write to the audit log");
            }
        }
    }
}

fn appending(path: &Path) -> io::Result<File> {
    regular::open_to_write(OpenOptions::new().create(true).append(true).mode(OWNER_ONLY), path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tonic::Code;

    use super::*;

    fn entry(subject: &str) -> AuditEntry<'_> {
        AuditEntry {
            method: "/tenterhook.v1.WebhookService/PauseWebhook",
            caller: "platform team",
            role: "admin",
            peer: Some(([192, 0, 2, 1], 4_711).into()),
            subject,
            code: Code::Ok,
            trace_id: "",
        }
    }

    #[test]
    fn an_entry_is_one_line_of_json_for_its_owner_only_whatever_the_names_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit::open(Some(&path)).unwrap();
        audit.write(&entry("webhook \"a\"\n{\"time\":\"forged\"}\u{1b}[2J"), Timestamp::from_millis(0));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["rpc"], "PauseWebhook");
        assert_eq!(line["caller"], "platform team");
        assert_eq!(line["peer"], "192.0.2.1:4711");
        assert_eq!(line["status"], "ok");
        assert_eq!(line["time"], "1970-01-01T00:00:00Z");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_again_when_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("audit.jsonl"), folder.path().join("audit.1"));
        let audit = Audit::open(Some(&path)).unwrap();
        audit.write(&entry("one"), Timestamp::from_millis(0));
        std::fs::rename(&path, &moved).unwrap();
        audit.write(&entry("two"), Timestamp::from_millis(0));
        audit.reopen();
        audit.write(&entry("three"), Timestamp::from_millis(0));
        let lines = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&moved), lines(&path)), (2, 1));
    }
}
