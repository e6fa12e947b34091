//! `tenterhook import svix`: the endpoints of a Svix application.

mod endpoint;
mod listed;

use std::path::PathBuf;

use clap::Args;

use super::flags::Flags;
use super::flow::Import;
use super::listing;
use super::object::Record;
use super::origin::SVIX;
use super::paging::Place;
use crate::args::Common;
use crate::failure::{Done, Failure};
use crate::output::Output;
use endpoint::translate;

/// What `tenterhook import svix` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct SvixArgs {
    /// Files with endpoints as Svix's API lists them, in JSON; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present = "url")]
    files: Vec<PathBuf>,
    /// Reads them from this Svix instead, such as https://api.eu.svix.com
    #[arg(long, value_name = "URL", conflicts_with = "files", requires_all = ["app", "token_file"])]
    url: Option<String>,
    /// The application whose endpoints are read: its id or uid
    #[arg(long, value_name = "APP", requires = "url")]
    app: Option<String>,
    /// File with Svix's API token
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// PEM CA certificates to trust for Svix instead of the system's roots
    #[arg(long, value_name = "FILE", requires = "url")]
    svix_ca: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

/// Imports.
///
/// # Errors
/// When the sources cannot be read, or the server cannot be reached.
pub(super) async fn run(args: SvixArgs, common: &Common, out: Output) -> Done {
    let records = match (&args.url, &args.app, &args.token_file) {
        (Some(url), Some(app), Some(token)) => {
            listed::read(Place { url, token, ca: args.svix_ca.as_deref() }, app).await?
        }
        _ => listing::read(&args.files)?,
    };
    let lacks = |record: &Record| ["id", "url"].into_iter().find(|name| record.text(name).is_empty());
    let others: Vec<(String, String)> = records
        .iter()
        .filter_map(|one| {
            lacks(one).map(|name| (one.place.clone(), format!("is not an endpoint of Svix: it has no {name}")))
        })
        .collect();
    if !others.is_empty() {
        return Err(Failure::usage("the files hold something else")
            .fields(others)
            .next("give what /api/v1/app/APP/endpoint/ returns"));
    }
    let wanted = records.iter().map(|record| translate(record, &args.flags.prefix)).collect();
    let remarks = |_| {
        vec![
            "bodies are the data of events as JSON, as in Svix, but with sorted keys".to_owned(),
            "signatures are in webhook-id, webhook-timestamp and webhook-signature; Svix's libraries take them too".to_owned(),
            "transformations and the headers of mTLS or OAuth are in no listing of endpoints; look at endpoints that have them"
                .to_owned(),
            "docs/MOVING.md says what becomes of each field".to_owned(),
        ]
    };
    let import =
        Import { origin: SVIX, flags: &args.flags, retry: None, wanted, skipped: Vec::new(), remarks: &remarks };
    Box::pin(import.run(common, out)).await
}
