//! `delivery list`, `retry` and `cancel`: one delivery, or all that match, counted first.

use std::pin::pin;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt as _;
use serde_json::json;
use tenterhook_client::v1::{
    BatchCancelDeliveriesRequest, BatchRetryDeliveriesRequest, CancelDeliveryRequest, Delivery, DeliveryFilter,
    ListDeliveriesRequest, RetryDeliveryRequest,
};

use super::which::Which;
use super::why::why;
use crate::failure::{Done, Failure, WOULD_CHANGE};
use crate::find::{PAGE, short, short_ids};
use crate::output::grid::{Cell, Column};
use crate::output::style::delivery_state;
use crate::output::{Listed, Listing, count, proto_json};
use crate::session::{Names, Session};

#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    which: Which,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
}

/// Some deliveries, or all that match.
#[derive(Debug, Clone, Args)]
pub(super) struct Batch {
    /// The deliveries, by id or its beginning; instead of flags that say which
    #[arg(value_name = "DELIVERY")]
    deliveries: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// Shows the count, and changes nothing; exit code 3 if it would
    #[arg(long)]
    dry_run: bool,
}

/// Deliveries to send again.
#[derive(Debug, Clone, Args)]
pub(super) struct RetryArgs {
    #[command(flatten)]
    batch: Batch,
    /// Waits until each has ended; exit code 4 if one fails
    #[arg(long)]
    wait: bool,
    /// How long --wait waits
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = crate::input::span)]
    timeout: Duration,
}

/// What is done to deliveries.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Retry,
    Cancel,
}

const COLUMNS: [Column; 7] = [
    Column::new("DELIVERY", 0),
    Column::new("STATE", 0),
    Column::new("WEBHOOK", 2),
    Column::new("TYPE", 3),
    Column::number("TRIES", 4),
    Column::new("CHANGED", 5),
    Column::new("WHY", 1),
];

/// Lists.
pub(super) async fn list(args: ListArgs, session: &Session) -> Done {
    let filter = args.which.filter(session).await?;
    let page_size = i32::try_from(args.limit).unwrap_or(PAGE).clamp(1, PAGE);
    let request = ListDeliveriesRequest { filter: Some(filter), page_size, ..Default::default() };
    let (deliveries, _) = session.client.list_deliveries(request);
    let mut deliveries = pin!(deliveries.take(args.limit.saturating_add(1)));
    let mut found = Vec::new();
    while let Some(delivery) = deliveries.next().await {
        found.push(delivery.map_err(|error| session.fail(error))?);
    }
    let more = found.len() > args.limit;
    found.truncate(args.limit);
    let names = session.names().await;
    let length =
        if session.out.is_wide() { usize::MAX } else { short_ids(found.iter().map(|delivery| delivery.id.as_str())) };
    let rows = found.iter().map(|delivery| Listed {
        cells: row(delivery, &names, length, session),
        json: proto_json::json("Delivery", delivery),
        name: delivery.id.clone(),
    });
    session.out.many(Listing { noun: ("delivery", "deliveries"), columns: &COLUMNS, rows: rows.collect() })?;
    if more {
        session.out.say(&format!("There are more than {}; --limit shows more.", args.limit));
    }
    Ok(0)
}

fn row(delivery: &Delivery, names: &Names, length: usize, session: &Session) -> Vec<Cell> {
    let (state, style) = delivery_state(delivery.state());
    vec![
        short(&delivery.id, length).into(),
        Cell::styled(state, style),
        names.of(&delivery.webhook_id).into(),
        (&delivery.event_type).into(),
        delivery.attempt_count.to_string().into(),
        session.out.time(delivery.update_time.as_ref()).into(),
        why(delivery).into(),
    ]
}

impl Batch {
    /// The ids that were given; none when flags say which.
    async fn ids(&self, session: &Session) -> Result<Vec<String>, Failure> {
        let by_flags = self.which != Which::default();
        if by_flags != self.deliveries.is_empty() {
            let what =
                if by_flags { "deliveries are given by id and by flags" } else { "nothing says which deliveries" };
            return Err(Failure::usage(what).next("give ids, or flags such as --webhook W --failed --since 2h"));
        }
        let mut ids = Vec::new();
        for delivery in &self.deliveries {
            ids.push(session.delivery_id(delivery).await?);
        }
        Ok(ids)
    }
}

impl Verb {
    /// Does it to one delivery.
    async fn one(self, delivery_id: String, session: &Session) -> Result<(), Failure> {
        let mut deliveries = session.client.deliveries();
        let done = match self {
            Self::Retry => deliveries.retry_delivery(RetryDeliveryRequest { delivery_id }).await.map(drop),
            Self::Cancel => deliveries.cancel_delivery(CancelDeliveryRequest { delivery_id }).await.map(drop),
        };
        done.map_err(|status| session.fail(status))
    }

    /// Does it to all that match, or only counts them.
    async fn all(self, filter: DeliveryFilter, validate_only: bool, session: &Session) -> Result<i64, Failure> {
        let (namespace, filter, mut deliveries) =
            (session.namespace.clone(), Some(filter), session.client.deliveries());
        let number = match self {
            Self::Retry => {
                let request = BatchRetryDeliveriesRequest { namespace, filter, validate_only };
                deliveries.batch_retry_deliveries(request).await.map(|response| response.into_inner().delivery_count)
            }
            Self::Cancel => {
                let request = BatchCancelDeliveriesRequest { namespace, filter, validate_only };
                deliveries.batch_cancel_deliveries(request).await.map(|response| response.into_inner().delivery_count)
            }
        };
        number.map_err(|status| session.fail(status))
    }
}

/// Sends again.
pub(super) async fn retry(args: RetryArgs, session: &Session) -> Done {
    run(Verb::Retry, args.batch, args.wait.then_some(args.timeout), session).await
}

/// Gives up.
pub(super) async fn cancel(batch: Batch, session: &Session) -> Done {
    run(Verb::Cancel, batch, None, session).await
}

/// Does it, after a question, or says what it would do; waits for the ends of the deliveries as long as `patience`.
async fn run(verb: Verb, batch: Batch, patience: Option<Duration>, session: &Session) -> Done {
    let ids = batch.ids(session).await?;
    let filter = batch.which.filter(session).await?;
    let mut number = match ids.len() {
        0 => verb.all(filter.clone(), true, session).await?,
        given => i64::try_from(given).unwrap_or(i64::MAX),
    };
    let deliveries = |number| count(number, "delivery", "deliveries");
    let (name, past) = match verb {
        Verb::Retry => ("Retry", "Retried"),
        Verb::Cancel => ("Cancel", "Cancelled"),
    };
    let mut waiting = None;
    if number > 0 && !batch.dry_run {
        let question = format!("{name} {}", deliveries(number));
        if number > 1 || ids.is_empty() {
            session.must_confirm(&question)?
        } else {
            session.may_write(&question)?
        }
        if let Some(patience) = patience {
            let open = if ids.is_empty() { session.listed(filter.clone()).await? } else { session.these(&ids).await? };
            waiting = Some((open, patience));
        }
        if ids.is_empty() {
            number = verb.all(filter, false, session).await?;
        }
        for id in ids {
            verb.one(id, session).await?;
        }
    }
    let said = if batch.dry_run { format!("Would {}", name.to_lowercase()) } else { past.to_owned() };
    let value = json!({"delivery_count": number, "dry_run": batch.dry_run});
    session.out.one(&value, &number.to_string(), || format!("{said} {}.", deliveries(number)));
    match waiting {
        Some((open, patience)) => open.wait(session, patience).await,
        None => Ok(if batch.dry_run && number > 0 { WOULD_CHANGE } else { 0 }),
    }
}
