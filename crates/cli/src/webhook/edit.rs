//! `webhook edit`: the configuration in an editor, sent with the etag, so that nobody's change is lost.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;
use serde_json::Value;
use tenterhook_client::v1::{UpdateWebhookRequest, Webhook};
use tenterhook_model::system;
use tokio::process::Command;

use super::create::read;
use super::shown::print;
use crate::apply::written;
use crate::failure::{Done, Failure, WOULD_CHANGE};
use crate::input::read_text;
use crate::output::yaml;
use crate::session::Session;

#[derive(Debug, Clone, Args)]
pub(super) struct EditArgs {
    /// The webhook, by name, id or the beginning of an id
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
    /// Uses this file instead of opening an editor; `-` is standard input
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Checks everything, and changes nothing; exit code 3 if it would
    #[arg(long)]
    dry_run: bool,
}

/// What people may change, as YAML. Secret values are empty, which keeps them.
fn editable(webhook: &Webhook) -> String {
    let mut value = written(webhook);
    if let Value::Object(members) = &mut value {
        // A webhook stays where it is.
        members.shift_remove("namespace");
    }
    yaml::yaml(&value)
}

/// Edits.
pub(super) async fn run(args: EditArgs, session: &Session) -> Done {
    let before = session.webhook(&args.webhook).await?;
    let text = editable(&before);
    let (name, edited, draft) = match &args.file {
        Some(path) => (path.display().to_string(), read_text(path)?, None),
        None => {
            let draft = Draft::write(&before, &text)?;
            draft.edit().await?;
            ("the edited text".to_owned(), draft.read()?, Some(draft))
        }
    };
    let sent = send(session, &before, &name, &edited, args.dry_run).await;
    match (sent, draft) {
        // Nobody types it twice: the text stays where it is.
        (Err(failure), Some(draft)) => Err(failure.also(&draft.keep())),
        (sent, _) => sent,
    }
}

async fn send(session: &Session, before: &Webhook, name: &str, edited: &str, validate_only: bool) -> Done {
    let mut webhook = read(name, edited)?;
    let plain = |webhook: &Webhook| editable(webhook);
    if plain(&webhook) == plain(before) {
        session.out.say("Nothing changed.");
        return Ok(0);
    }
    if !validate_only {
        session.may_write(&format!("Change the webhook {}", before.display_name))?;
    }
    webhook.id.clone_from(&before.id);
    webhook.etag.clone_from(&before.etag);
    let update_mask = Some(prost_types::FieldMask { paths: vec!["*".to_owned()] });
    let request = UpdateWebhookRequest { webhook: Some(webhook), update_mask, validate_only };
    let response = session.client.webhooks().update_webhook(request).await.map_err(|status| session.fail(status))?;
    print(session.out, &response.into_inner().webhook.unwrap_or_default());
    Ok(if validate_only { WOULD_CHANGE } else { 0 })
}

/// A text while it is edited; removed unless it is kept.
struct Draft {
    path: PathBuf,
    kept: bool,
}

impl Draft {
    fn write(webhook: &Webhook, text: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("tenterhook-{}-{}.yaml", webhook.id, std::process::id()));
        let text =
            format!("# Save and leave the editor to send what changed. Empty secret values keep theirs.\n{text}");
        let file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
            Failure::usage(format!("cannot write {}: {}", path.display(), system::in_words(&error)))
        })?;
        Ok(Self { path, kept: false })
    }

    /// Runs the editor to its end; a person may take any time.
    async fn edit(&self) -> Result<(), Failure> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".into());
        // The variable may have arguments, in the words of the shell.
        let script = format!("{} \"$1\"", editor.to_string_lossy());
        let mut command = Command::new("sh");
        command.args(["-c", &script, "editor"]).arg(&self.path);
        let status = command.stdin(Stdio::inherit()).status().await;
        match status {
            Ok(status) if status.success() => Ok(()),
            _ => Err(Failure::usage("the editor failed, so nothing was changed").next("set EDITOR, or give --file")),
        }
    }

    fn read(&self) -> Result<String, Failure> {
        read_text(Path::new(&self.path))
    }

    fn keep(mut self) -> String {
        self.kept = true;
        format!("your text is kept in {}; give it with --file", self.path.display())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing is lost if it stays: only its owner can read it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
