//! `tenterhook export`, `diff` and `apply`: webhooks as files, matched by namespace and name.

mod files;
mod plan;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use tenterhook_client::v1::{CreateWebhookRequest, DeleteWebhookRequest, UpdateWebhookRequest};
use tenterhook_model::{harmless_line, system};

use crate::failure::{Done, Failure, WOULD_CHANGE};
use crate::output::{count, yaml};
use crate::session::Session;
use plan::{Plan, Step, plan};
use tenterhook_terminal::folded;

pub(crate) use files::only;
pub(crate) use plan::written;

/// What `tenterhook export` takes.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Writes a file for each webhook into this folder, which is created if missing; files there are replaced
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// What `tenterhook diff` takes.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// File or folder with the webhooks; `-` is standard input; repeatable
    #[arg(long = "file", short, value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
    /// Deletes webhooks with the label managed-by of these files that are in none of them
    #[arg(long)]
    prune: bool,
    /// Sends secrets again; they cannot be compared, as none is shown
    #[arg(long)]
    secrets: bool,
}

/// What `tenterhook apply` takes.
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    diff: DiffArgs,
    /// Shows what would change, as `tenterhook diff` does; exit code 3 if something would
    #[arg(long)]
    dry_run: bool,
}

/// Prints or writes every webhook of the namespace.
///
/// # Errors
/// When a call fails, or a file cannot be written.
pub(crate) async fn export(args: ExportArgs, session: &Session) -> Done {
    let webhooks = session.webhooks().await?;
    let documents: Vec<(&str, Value)> =
        webhooks.iter().map(|webhook| (webhook.id.as_str(), written(webhook))).collect();
    let Some(folder) = &args.dir else {
        let documents: Vec<String> = documents.iter().map(|(_, document)| yaml::yaml(document)).collect();
        session.out.raw(documents.join("---\n").trim_end());
        return Ok(0);
    };
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::usage(format!("cannot make {}: {}", folder.display(), system::in_words(&error))))?;
    for (id, document) in &documents {
        let path = folder.join(format!("{}.yaml", file_name(document["display_name"].as_str().unwrap_or(id), id)));
        let written = std::fs::File::create(&path).and_then(|mut file| file.write_all(yaml::yaml(document).as_bytes()));
        written.map_err(|error| {
            Failure::usage(format!("cannot write {}: {}", path.display(), system::in_words(&error)))
        })?;
    }
    let number = i64::try_from(documents.len()).unwrap_or(i64::MAX);
    session.out.one(&json!({"webhook_count": number}), "", || {
        format!("Wrote {} to {}.", count(number, "webhook", "webhooks"), folder.display())
    });
    Ok(0)
}

/// The name where it is a name of a file, else the id.
pub(crate) fn file_name<'a>(name: &'a str, id: &'a str) -> &'a str {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) && !name.starts_with('.');
    if is_plain && !name.is_empty() && name.len() <= 100 { name } else { id }
}

/// Shows what would change.
///
/// # Errors
/// When the files are wrong, or the server refuses them.
pub(crate) async fn diff(args: DiffArgs, session: &Session) -> Done {
    let plan = plan(files::read(&args.files, &session.namespace)?, args.secrets, session).await?;
    let changes = changes(&plan.steps, args.prune);
    show(session, &plan, args.prune, false);
    Ok(if changes > 0 { WOULD_CHANGE } else { 0 })
}

/// Changes what differs.
///
/// # Errors
/// When the files are wrong, the server refuses them, or someone else was faster.
pub(crate) async fn apply(args: ApplyArgs, session: &Session) -> Done {
    if args.dry_run {
        return diff(args.diff, session).await;
    }
    let DiffArgs { files, prune, secrets } = args.diff;
    let plan = plan(files::read(&files, &session.namespace)?, secrets, session).await?;
    let steps = &plan.steps;
    let deletes = if prune { steps.iter().filter(|step| matches!(step, Step::Prune(_))).count() } else { 0 };
    let number = changes(steps, prune);
    if number == 0 {
        show(session, &plan, prune, true);
        return Ok(0);
    }
    let question = format!("Change {}", count(i64::try_from(number).unwrap_or(i64::MAX), "webhook", "webhooks"));
    if deletes > 0 {
        session.must_confirm(&format!("{question} ({deletes} of them deleted)"))?
    } else {
        session.may_write(&question)?
    }
    let sent = steps.iter().filter(|step| prune || !matches!(step, Step::Prune(_)));
    for (done, step) in sent.enumerate() {
        let sent = send(session, step).await;
        sent.map_err(|error| {
            session.fail(error).also(&format!("{done} of {number} changes were made; `tenterhook diff` shows the rest"))
        })?;
    }
    show(session, &plan, prune, true);
    Ok(0)
}

/// How many steps change something.
fn changes(steps: &[Step], prune: bool) -> usize {
    steps.iter().filter(|step| prune || !matches!(step, Step::Prune(_))).count()
}

async fn send(session: &Session, step: &Step) -> Result<(), tenterhook_client::Error> {
    let mut service = session.client.webhooks();
    match step {
        Step::Create(one) => {
            let signing_secret = one.signing_secret.expose().to_owned();
            let request =
                CreateWebhookRequest { webhook: Some(one.webhook.clone()), signing_secret, ..Default::default() };
            service.create_webhook(request).await?;
        }
        Step::Update(one, before, differences, hidden) => {
            let mut webhook = one.webhook.clone();
            webhook.id.clone_from(&before.id);
            // What was compared is what is changed, or nothing is.
            webhook.etag.clone_from(&before.etag);
            let top = |field: &str| field.split(['.', '[']).next().unwrap_or(field).to_owned();
            let mut paths: Vec<String> = differences.iter().map(|one| top(&one.field)).collect();
            paths.extend(hidden.iter().cloned());
            paths.sort();
            paths.dedup();
            let update_mask = Some(prost_types::FieldMask { paths });
            service
                .update_webhook(UpdateWebhookRequest { webhook: Some(webhook), update_mask, ..Default::default() })
                .await?;
        }
        Step::Prune(webhook) => {
            let request = DeleteWebhookRequest {
                webhook_id: webhook.id.clone(),
                etag: webhook.etag.clone(),
                ..Default::default()
            };
            service.delete_webhook(request).await?;
        }
    }
    Ok(())
}

/// Prints the steps.
fn show(session: &Session, plan: &Plan, prune: bool, applied: bool) {
    let steps = &plan.steps;
    let shown = steps.iter().filter(|step| prune || !matches!(step, Step::Prune(_)));
    let mut value = json!({"changes": shown.map(Step::json).collect::<Value>(), "applied": applied});
    value["not_compared"] = json!({"secrets": plan.with_secrets, "signing_secrets": plan.with_signing_secrets});
    let of = |step: &Step| step.json()["display_name"].as_str().unwrap_or_default().to_owned();
    let shown = steps.iter().filter(|step| prune || !matches!(step, Step::Prune(_)));
    let names: Vec<String> = shown.map(of).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    session.out.several(&value, &names, || {
        let mut text: String = steps.iter().map(|step| line(step, prune, session.out.width())).collect();
        let number = count(i64::try_from(changes(steps, prune)).unwrap_or(i64::MAX), "change", "changes");
        text.push_str(&format!("{number}.{}", if applied { "" } else { " Nothing was changed." }));
        for note in not_compared(plan) {
            text.push('\n');
            text.push_str(&folded(&note, session.out.width()));
        }
        text
    });
}

/// What may differ although nothing says so: the server shows no secret.
fn not_compared(plan: &Plan) -> Vec<String> {
    let of = |names: &[String]| count(i64::try_from(names.len()).unwrap_or(i64::MAX), "webhook", "webhooks");
    let mut notes = Vec::new();
    if !plan.with_secrets.is_empty() {
        let webhooks = of(&plan.with_secrets);
        notes.push(format!("Secrets of {webhooks} were not compared, as none is shown; --secrets sends them again."));
    }
    if !plan.with_signing_secrets.is_empty() {
        let webhooks = of(&plan.with_signing_secrets);
        notes.push(format!(
            "Signing secrets of {webhooks} were not compared; `tenterhook webhook rotate-key` changes one."
        ));
    }
    notes
}

/// A step for people: a sign, the name, and a line for each field.
fn line(step: &Step, prune: bool, width: Option<usize>) -> String {
    let value = step.json();
    let name = harmless_line(value["display_name"].as_str().unwrap_or_default());
    match step {
        Step::Create(one) => format!("+ {name}  new, of {}\n", harmless_line(&one.place.to_string())),
        Step::Prune(_) if prune => format!("- {name}  in none of the files\n"),
        Step::Prune(webhook) => {
            let waiting = webhook.health.as_ref().map_or(0, |health| health.waiting);
            let waiting = count(waiting, "delivery", "deliveries");
            format!("? {name}  in none of the files; --prune would delete it and cancel {waiting}\n")
        }
        Step::Update(_, _, differences, _) => {
            let mut text = String::new();
            for difference in differences {
                let line = harmless_line(&format!("~ {name}  {}", difference.line("default")));
                text.push_str(&folded(&line, width));
                text.push('\n');
            }
            if differences.is_empty() {
                text.push_str(&format!("~ {name}  its secrets are sent again\n"));
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_names_that_are_names_of_files() {
        assert_eq!(file_name("orders", "wh_1"), "orders");
        for hostile in ["", "../x", "a/b", ".x", "a b", "\u{1b}"] {
            assert_eq!(file_name(hostile, "wh_1"), "wh_1", "{hostile:?}");
        }
    }

    #[test]
    fn a_name_of_a_file_has_a_hundred_characters_at_most() {
        let (longest, longer) = ("a".repeat(100), "a".repeat(101));
        assert_eq!(file_name(&longest, "wh_1"), longest);
        for (name, shown) in [(&*longer, "wh_1"), ("a.b-c_D9", "a.b-c_D9"), ("ä", "wh_1"), ("..", "wh_1"), ("a.", "a.")]
        {
            assert_eq!(file_name(name, "wh_1"), shown, "{name}");
        }
    }

    /// A step that deletes a webhook for which so many deliveries wait.
    fn prune(name: &str, waiting: i64) -> Step {
        let health = tenterhook_client::v1::WebhookHealth { waiting, ..Default::default() };
        Step::Prune(Box::new(tenterhook_client::v1::Webhook {
            display_name: name.into(),
            health: Some(health),
            ..Default::default()
        }))
    }

    #[test]
    fn what_nobody_can_compare_is_said() {
        assert_eq!(not_compared(&Plan::default()), [""; 0]);
        let names = |count: usize| vec!["a".to_owned(); count];
        let plan = Plan { with_secrets: names(1), with_signing_secrets: names(2), ..Plan::default() };
        assert_eq!(
            not_compared(&plan),
            [
                "Secrets of 1 webhook were not compared, as none is shown; --secrets sends them again.",
                "Signing secrets of 2 webhooks were not compared; `tenterhook webhook rotate-key` changes one."
            ]
        );
    }

    #[test]
    fn what_is_in_no_file_is_a_change_only_when_it_is_deleted() {
        let steps = [prune("a", 0), prune("b", 1)];
        assert_eq!((changes(&steps, true), changes(&steps, false), changes(&[], true)), (2, 0, 0));
        assert_eq!(line(&steps[0], true, None), "- a  in none of the files\n");
        let kept = "in none of the files; --prune would delete it and cancel";
        assert_eq!(line(&steps[0], false, None), format!("? a  {kept} 0 deliveries\n"));
        assert_eq!(line(&steps[1], false, None), format!("? b  {kept} 1 delivery\n"));
        assert_eq!(line(&prune("a\u{1b}[2J\nb", 0), true, None), "- a\\u{1b}[2J\\nb  in none of the files\n");
    }
}
