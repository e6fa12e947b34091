//! `tenterhook import netbox`: the webhooks and event rules of NetBox, taken over in one command that can be repeated.

mod choices;
mod credentials;
mod csv;
mod export_template;
mod exported;
mod plan;
mod report;
mod rest;
mod rules;
mod source;
mod translate;

use tenterhook_client::v1::BodyFormat;

use crate::args::Common;
use crate::failure::{Done, Failure, REFUSED, WOULD_CHANGE};
use crate::output::{Output, count};
use crate::session::Session;
use choices::{Retry, Version};
use exported::Record;
use plan::{Planned, Step, plan};
use report::{Report, Skipped};
use source::Found;
use translate::{Wanted, names_its_events, translate};

pub(super) use choices::NetboxArgs;

/// Imports, or prints the export template.
///
/// # Errors
/// When the sources cannot be read, or the server cannot be reached.
pub(super) async fn run(args: NetboxArgs, common: &Common, out: Output) -> Done {
    if args.print_export_template {
        out.raw(export_template::EXPORT_TEMPLATE.trim_end());
        return Ok(0);
    }
    let (found, version) = read(&args).await?;
    let (wanted, skipped) = wanted(&found, version, &args)?;
    let session = Session::open(common, out).await?;
    let planned = plan(wanted, &args, &session).await?;
    let has = |is: fn(&Step) -> bool| planned.iter().any(|one| is(&one.step));
    let (creates, differs) = (has(|step| matches!(step, Step::Create)), has(|step| matches!(step, Step::Differs(..))));
    let refuses = has(|step| matches!(step, Step::Refused));
    let remarks = remarks(&args, creates);
    let mut report = Report { planned: &planned, skipped: &skipped, remarks: &remarks, created: false, updated: false };
    if args.dry_run || (refuses && !args.skip_refused) {
        report.print(out)?;
        return match (refuses, creates || differs) {
            (true, _) if args.dry_run => Ok(REFUSED),
            (true, _) => Err(Failure::refused("some webhooks cannot be imported as they are; nothing was changed")
                .next("change them in NetBox or the server's flags, or give --skip-refused")),
            (false, true) => Ok(WOULD_CHANGE),
            (false, false) => Ok(0),
        };
    }
    if creates && args.retry.is_none() {
        report.print(out)?;
        return Err(Failure::usage("NetBox sends each request once; say what happens here when one fails")
            .next("--retry none for receivers that must not get an event twice, --retry default for all others"));
    }
    // A column that does not exist is refused before anything is created.
    report.text(out)?;
    carry_out(&planned, &args, &session).await?;
    (report.created, report.updated) = (true, args.update);
    report.print(out)?;
    Ok(match (refuses, differs && !args.update) {
        (true, _) => REFUSED,
        (false, true) => WOULD_CHANGE,
        (false, false) => 0,
    })
}

/// Everything that the sources have, and NetBox's version if it is known.
async fn read(args: &NetboxArgs) -> Result<(Found, Option<Version>), Failure> {
    match (&args.url, &args.token_file) {
        (Some(url), Some(token)) => {
            let (found, version) = rest::read(url, token, args.netbox_ca.as_deref()).await?;
            Ok((found, args.netbox_version.or(version)))
        }
        _ => Ok((Found::read(&args.files)?, args.netbox_version)),
    }
}

/// The webhooks as they are wanted here, and the rules that are not taken over.
fn wanted(found: &Found, version: Option<Version>, args: &NetboxArgs) -> Result<(Vec<Wanted>, Vec<Skipped>), Failure> {
    let has_new = found.webhooks.iter().any(|webhook| !names_its_events(webhook));
    if has_new && found.rules.is_empty() && !found.has_empty && !args.without_rules {
        return Err(Failure::usage(
            "the event rules are missing: without one, a webhook of NetBox 3.7 or later sends nothing",
        )
        .next("give the export of /api/extras/event-rules/ too, or --without-rules if there are none"));
    }
    let body = body_format(found, version)?;
    let mut used: Vec<Vec<&Record>> = vec![Vec::new(); found.webhooks.len()];
    let (mut skipped, mut problems) = (Vec::new(), Vec::new());
    for rule in &found.rules {
        let kind = rule.text("action_type");
        if !["", "webhook"].contains(&kind) {
            skipped.push((
                rule.text("name").to_owned(),
                format!("its action is {kind}, which only NetBox can do; keep it there"),
            ));
            continue;
        }
        match found.webhooks.iter().position(|webhook| is_used_by(webhook, rule)) {
            Some(index) => used[index].push(rule),
            None => problems
                .push((format!("{}: action_object", rule.place), "is a webhook that is not in the files".to_owned())),
        }
    }
    if !problems.is_empty() {
        let number = i64::try_from(problems.len()).unwrap_or(i64::MAX);
        let message = format!("the webhooks of {} are missing", count(number, "event rule", "event rules"));
        return Err(Failure::usage(message)
            .fields(problems)
            .next("give the export of /api/extras/webhooks/ too, with all pages"));
    }
    let wanted = found.webhooks.iter().zip(&used).map(|(webhook, rules)| translate(webhook, rules, body, args));
    Ok((wanted.collect(), skipped))
}

/// Whether the action of `rule` is `webhook`: by id in JSON, by name in files for the bulk import.
fn is_used_by(webhook: &Record, rule: &Record) -> bool {
    let id = rule.number("action_object_id");
    match (id, webhook.number("id")) {
        (Some(id), Some(own)) => id == own,
        _ => [rule.text("action_object"), rule.nested("action_object", "name")].contains(&webhook.text("name")),
    }
}

/// What webhooks without a body template send.
fn body_format(found: &Found, version: Option<Version>) -> Result<BodyFormat, Failure> {
    let is_new = |webhook: &&Record| !names_its_events(webhook);
    let without: Vec<&Record> =
        found.webhooks.iter().filter(is_new).filter(|webhook| webhook.text("body_template").is_empty()).collect();
    if let Some(version) = version {
        return Ok(version.body_format());
    }
    // NetBox 4.1 gave rules a list of event types instead of flags; 4.7 gave webhooks a timeout.
    if without.is_empty() || found.rules.iter().any(|rule| rule.has("type_create")) {
        return Ok(BodyFormat::Netbox32);
    }
    if found.webhooks.iter().any(|webhook| webhook.has("timeout")) {
        return Ok(BodyFormat::Netbox47);
    }
    let number = i64::try_from(without.len()).unwrap_or(i64::MAX);
    let number = count(number, "webhook has no body template", "webhooks have no body template");
    Err(Failure::usage(format!("{number}, and what NetBox sends then depends on its version"))
        .next("give --netbox-version, such as --netbox-version 4.2"))
}

/// What holds for all webhooks.
fn remarks(args: &NetboxArgs, creates: bool) -> Vec<String> {
    let mut remarks = vec![
        "a redirect (3xx) counts as a failure; NetBox follows it".to_owned(),
        "header values must be ASCII; NetBox also sends Latin-1".to_owned(),
        "action_data of event rules is in no export; look at rules that set it".to_owned(),
    ];
    match args.retry {
        Some(Retry::Default) => remarks.push("a failed request is tried again; NetBox sends it once".to_owned()),
        None if creates => {
            remarks.push("new webhooks need --retry none or --retry default; NetBox sends each request once".to_owned())
        }
        Some(Retry::None) | None => {}
    }
    remarks.push("docs/COMPATIBILITY.md lists every difference, under \"Import\"".to_owned());
    remarks
}

async fn carry_out(planned: &[Planned], args: &NetboxArgs, session: &Session) -> Result<(), Failure> {
    let is_due = |one: &&Planned| match one.step {
        Step::Create => true,
        Step::Differs(..) => args.update,
        Step::Same | Step::Refused => false,
    };
    let due: Vec<&Planned> = planned.iter().filter(is_due).collect();
    if due.is_empty() {
        return Ok(());
    }
    let number = i64::try_from(due.len()).unwrap_or(i64::MAX);
    session.may_write(&format!("Import {}", count(number, "webhook", "webhooks")))?;
    for (done, one) in due.iter().enumerate() {
        session.out.progress(&format!("{done} of {number}"));
        one.carry_out(args.paused, session).await.map_err(|error| {
            session.out.progress("");
            session.fail(error).also(&format!("{done} of {number} were imported; run the same command again"))
        })?;
    }
    session.out.progress("");
    Ok(())
}
