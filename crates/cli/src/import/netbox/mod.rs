//! `tenterhook import netbox`: the webhooks and event rules of NetBox, taken over in one command that can be repeated.

mod choices;
mod csv;
mod export_template;
mod rest;
mod rules;
mod source;
mod translate;
mod verify;

use tenterhook_client::v1::BodyFormat;

use super::flags::Retry;
use super::flow::Import;
use super::object::Record;
use super::origin::NETBOX;
use super::paging::Place;
use super::report::Skipped;
use super::wanted::Wanted;
use crate::args::Common;
use crate::failure::{Done, Failure};
use crate::output::{Output, count};
use crate::session::Session;
use choices::Version;
use source::Found;
use translate::{names_its_events, translate};

pub(super) use choices::NetboxArgs;

/// Imports, compares, or prints the export template.
///
/// # Errors
/// When the sources cannot be read, or the server cannot be reached.
pub(super) async fn run(args: NetboxArgs, common: &Common, out: Output) -> Done {
    if args.print_export_template {
        out.raw(export_template::EXPORT_TEMPLATE.trim_end());
        return Ok(0);
    }
    if !args.verify.is_empty() {
        let session = Session::open(common, out).await?;
        return Box::pin(verify::run(&args.verify, args.since.as_deref(), &session)).await;
    }
    let (found, version) = read(&args).await?;
    let (wanted, skipped) = wanted(&found, version, &args)?;
    let remarks = |creates| remarks(args.retry, creates);
    let flags = &args.flags;
    let import = Import { origin: NETBOX, flags, retry: args.retry, wanted, skipped, remarks: &remarks };
    Box::pin(import.run(common, out)).await
}

/// Everything that the sources have, and NetBox's version if it is known.
async fn read(args: &NetboxArgs) -> Result<(Found, Option<Version>), Failure> {
    match (&args.url, &args.token_file) {
        (Some(url), Some(token)) => {
            let place = Place { url, token, ca: args.netbox_ca.as_deref() };
            let (found, version) = rest::read(place).await?;
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
fn remarks(retry: Option<Retry>, creates: bool) -> Vec<String> {
    let mut remarks = vec![
        "a redirect (3xx) counts as a failure; NetBox follows it".to_owned(),
        "header values must be ASCII; NetBox also sends Latin-1".to_owned(),
        "action_data of event rules is in no export; look at rules that set it".to_owned(),
    ];
    match retry {
        Some(Retry::Default) => remarks.push("a failed request is tried again; NetBox sends it once".to_owned()),
        None if creates => {
            remarks.push("new webhooks need --retry none or --retry default; NetBox sends each request once".to_owned())
        }
        Some(Retry::None) | None => {}
    }
    remarks.push("docs/COMPATIBILITY.md lists every difference, under \"Import\"".to_owned());
    remarks
}
