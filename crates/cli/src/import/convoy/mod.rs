//! `tenterhook import convoy`: the endpoints and subscriptions of a Convoy project.

mod endpoint;
mod listed;
mod scheme;

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::flags::Flags;
use super::flow::Import;
use super::listing;
use super::object::Record;
use super::origin::CONVOY;
use super::paging::Place;
use super::report::Skipped;
use super::wanted::Wanted;
use crate::args::Common;
use crate::failure::{Done, Failure};
use crate::output::Output;
use endpoint::translate;
use scheme::Scheme;

/// What `tenterhook import convoy` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConvoyArgs {
    /// Files with endpoints, subscriptions and the project as Convoy's API returns them, in JSON; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present = "url")]
    files: Vec<PathBuf>,
    /// Reads them from this Convoy instead, such as https://convoy.example.com
    #[arg(long, value_name = "URL", conflicts_with = "files", requires_all = ["project", "token_file"])]
    url: Option<String>,
    /// The id of the project
    #[arg(long, value_name = "ID", requires = "url")]
    project: Option<String>,
    /// File with an API key of the project
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// PEM CA certificates to trust for Convoy instead of the system's roots
    #[arg(long, value_name = "FILE", requires = "url")]
    convoy_ca: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

/// Imports.
///
/// # Errors
/// When the sources cannot be read, or the server cannot be reached.
pub(super) async fn run(args: ConvoyArgs, common: &Common, out: Output) -> Done {
    let records = match (&args.url, &args.project, &args.token_file) {
        (Some(url), Some(project), Some(token)) => {
            listed::read(Place { url, token, ca: args.convoy_ca.as_deref() }, project).await?
        }
        _ => listing::read(&args.files)?,
    };
    let (wanted, skipped) = wanted(&records, &args.flags.prefix)?;
    let remarks = |_| {
        vec![
            "bodies are the data of events as JSON, as in Convoy, but with sorted keys".to_owned(),
            "alerts by e-mail and Slack are not imported; docs/OPERATIONS.md has alerts".to_owned(),
            "docs/MOVING.md says what becomes of each field".to_owned(),
        ]
    };
    let import = Import { origin: CONVOY, flags: &args.flags, retry: None, wanted, skipped, remarks: &remarks };
    Box::pin(import.run(common, out)).await
}

/// The webhooks as they are wanted here, and the subscriptions that are not taken over.
fn wanted(records: &[Record], prefix: &str) -> Result<(Vec<Wanted>, Vec<Skipped>), Failure> {
    let of = |is: fn(&Record) -> bool| records.iter().filter(move |record| is(record));
    if let Some(other) = of(|one| !(is_endpoint(one) || is_subscription(one) || is_project(one))).next() {
        let message = format!("{}: is neither an endpoint nor a subscription nor a project of Convoy", other.place);
        return Err(Failure::usage(message)
            .next("give what /api/v1/projects/ID/endpoints and /api/v1/projects/ID/subscriptions return"));
    }
    let endpoints: Vec<&Record> = of(is_endpoint).collect();
    let subscriptions: Vec<&Record> = of(is_subscription).collect();
    if !endpoints.is_empty() && subscriptions.is_empty() {
        return Err(Failure::usage("the subscriptions are missing: without one, an endpoint of Convoy gets nothing")
            .next("give what /api/v1/projects/ID/subscriptions returns too"));
    }
    let scheme = Scheme::of(of(is_project).next());
    let mut used: Vec<Vec<&Record>> = vec![Vec::new(); endpoints.len()];
    let (mut skipped, mut problems) = (Vec::new(), Vec::new());
    for subscription in subscriptions {
        let id = subscription.nested("endpoint_metadata", "uid");
        match endpoints.iter().position(|endpoint| !id.is_empty() && endpoint.text("uid") == id) {
            Some(index) => used[index].push(subscription),
            None if id.is_empty() => {
                let name = subscription.text("name").to_owned();
                skipped.push((name, "it is of Convoy's command line, not of an endpoint".to_owned()));
            }
            None => problems.push((
                format!("{}: endpoint_metadata", subscription.place),
                "is an endpoint that is not in the files".to_owned(),
            )),
        }
    }
    if !problems.is_empty() {
        return Err(Failure::usage("endpoints are missing")
            .fields(problems)
            .next("give what /api/v1/projects/ID/endpoints returns too, with all pages"));
    }
    let wanted = endpoints.iter().zip(&used).map(|(endpoint, rules)| translate(endpoint, rules, &scheme, prefix));
    Ok((wanted.collect(), skipped))
}

fn is_endpoint(record: &Record) -> bool {
    !is_subscription(record) && (record.has("target_url") || record.has("url"))
}

fn is_subscription(record: &Record) -> bool {
    record.has("endpoint_metadata") || record.has("filter_config")
}

fn is_project(record: &Record) -> bool {
    record.value("config").as_object().is_some_and(|config| config.get("signature").is_some_and(Value::is_object))
}
