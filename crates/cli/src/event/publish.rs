//! `event publish`: one event, or a stream of one a line.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::pin::pin;

use clap::Args;
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tenterhook_client::v1::Event;

use super::explain::foresee;
use crate::failure::{Done, Failure, REFUSED};
use crate::input::{check, data, document};
use crate::output::{count, proto_json, thousands};
use crate::session::Session;

/// Acknowledgements between two shows of progress.
const PROGRESS_EVERY: u64 = 1_000;

#[derive(Debug, Clone, Args)]
pub(super) struct PublishArgs {
    /// File with the JSON data; `-` is standard input [default: no data]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// What happened, such as created
    #[arg(long = "type", value_name = "TYPE")]
    type_: String,
    /// The kind of object it happened to, such as dcim.site
    #[arg(long, value_name = "TYPE", default_value = "", hide_default_value = true)]
    object_type: String,
    /// Its id; publishing it again under the same id has no effect [default: a new one]
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true, conflicts_with = "lines")]
    id: String,
    /// Who did it
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    username: String,
    /// Events with one key reach each webhook in order
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
    ordering_key: String,
    /// Adds an attribute; repeatable
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = crate::input::pair)]
    attributes: Vec<(String, String)>,
    /// Publishes an event for each line of standard input, which is JSON data
    #[arg(long, conflicts_with = "file")]
    lines: bool,
    /// Checks the event and shows which webhooks would receive it, without publishing; exit code 3
    #[arg(long, conflicts_with = "lines")]
    dry_run: bool,
}

impl PublishArgs {
    fn event(&self) -> Event {
        Event {
            id: self.id.clone(),
            r#type: self.type_.clone(),
            object_type: self.object_type.clone(),
            username: self.username.clone(),
            ordering_key: self.ordering_key.clone(),
            attributes: self.attributes.iter().cloned().collect(),
            ..Default::default()
        }
    }
}

/// Publishes.
pub(super) async fn run(args: PublishArgs, session: &Session) -> Done {
    if args.lines {
        return lines(&args, session).await;
    }
    let data = args.file.as_deref().map(data).transpose()?;
    if args.dry_run {
        return foresee(Event { data, ..args.event() }, session).await;
    }
    session.may_write("Publish 1 event")?;
    let result = session.client.publish(Event { data, ..args.event() }).await.map_err(|error| session.fail(error))?;
    session.out.one(&proto_json::json("PublishResult", &result), &result.event_id, || {
        let again = if result.duplicate { " It was published before; this had no effect." } else { "" };
        let webhooks = count(i64::from(result.delivery_count), "webhook", "webhooks");
        let next = if result.delivery_count == 0 {
            format!("Why: tenterhook event explain {}", result.event_id)
        } else {
            format!("Did it arrive: tenterhook delivery list --event {}", result.event_id)
        };
        format!("Published {} for {webhooks}.{again}\n{next}", result.event_id)
    });
    Ok(0)
}

/// Reads all lines first, so that a line that is no JSON publishes nothing.
async fn lines(args: &PublishArgs, session: &Session) -> Done {
    let mut events = Vec::new();
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|_| Failure::usage("standard input is not text"))?;
        if !line.trim().is_empty() {
            check(&format!("line {}", number + 1), &line)?;
            events.push(Event { data: Some(document(line.trim())), ..args.event() });
        }
    }
    let all = i64::try_from(events.len()).unwrap_or(i64::MAX);
    session.may_write(&format!("Publish {}", count(all, "event", "events")))?;
    let acks = session.client.publish_stream(stream::iter(events)).await.map_err(|error| session.fail(error))?;
    let mut acks = pin!(acks);
    let (mut published, mut refused) = (0, 0);
    while let Some(ack) = acks.next().await {
        let ack = ack.map_err(|error| session.fail(error).also(&format!("{published} of {all} were acknowledged")))?;
        match ack.outcome {
            Ok(_) => published += 1,
            Err(error) => {
                refused += 1;
                session.out.complain(&format!("line {}: {}", ack.sequence + 1, session.fail(error)));
            }
        }
        if ack.sequence % PROGRESS_EVERY == 0 {
            session.out.progress(&format!("  {} of {}", thousands(published), thousands(all)));
        }
    }
    session.out.progress("");
    session.out.one(&json!({"published": published, "refused": refused}), &published.to_string(), || {
        format!("Published {}, {} refused.", count(published, "event", "events"), thousands(refused))
    });
    Ok(if refused == 0 { 0 } else { REFUSED })
}
