//! `import netbox --verify`: compares what NetBox sent with what a webhook here would send for the same events.

mod pairing;
mod recorded;

use std::path::Path;
use std::pin::pin;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tenterhook_client::v1::render_preview_request::Source;
use tenterhook_client::v1::{DeliveryFilter, ListDeliveriesRequest, Webhook};
use tenterhook_model::{harmless, harmless_line};

use crate::failure::{Done, Failure, NO};
use crate::find::PAGE;
use crate::output::grid::{Cell, Column};
use crate::output::style::Style;
use crate::output::{Output, count, now, times};
use crate::session::Session;
use crate::webhook::render;
use pairing::{Pairs, pair};
use recorded::Recorded;
use tenterhook_terminal::folded;

/// Deliveries of one webhook that are compared.
const DELIVERIES_MAX: usize = 10_000;
/// Lines of one webhook that people see; programs get all.
const LINES_MAX: usize = 20;

const COLUMNS: [Column; 5] = [
    Column::new("WEBHOOK", 0),
    Column::number("SAME", 0),
    Column::number("DIFFERENT", 0),
    Column::number("ONLY NETBOX", 0),
    Column::number("ONLY HERE", 0),
];

/// What was found of one webhook.
struct Compared {
    name: String,
    sent: Vec<Recorded>,
    here: Vec<Recorded>,
    pairs: Pairs,
}

/// Compares each webhook with the requests in its folder; `since` leaves out older events.
///
/// # Errors
/// When a folder cannot be read, or a call fails.
pub(super) async fn run(of: &[(String, String)], since: Option<&str>, session: &Session) -> Done {
    let start = since.map(|text| times::moment(text, now()).map(times::wire)).transpose().map_err(Failure::usage)?;
    let mut kept = Vec::new();
    for (name, folder) in of {
        kept.push((name, Recorded::read_all(Path::new(folder))?));
    }
    let mut all = Vec::new();
    for (name, sent) in kept {
        let webhook = session.webhook(name).await?;
        let here = Box::pin(previews(&webhook, start, session)).await?;
        let pairs = pair(&sent, &here);
        all.push(Compared { name: webhook.display_name, sent, here, pairs });
    }
    print(&all, session.out)?;
    Ok(if all.iter().all(Compared::is_same) { 0 } else { NO })
}

/// What the webhook would send for each event that it has received, the oldest first.
async fn previews(
    webhook: &Webhook,
    start: Option<prost_types::Timestamp>,
    session: &Session,
) -> Result<Vec<Recorded>, Failure> {
    let filter = DeliveryFilter { webhook_ids: vec![webhook.id.clone()], start_time: start, ..Default::default() };
    let request = ListDeliveriesRequest { filter: Some(filter), page_size: PAGE, ..Default::default() };
    let (deliveries, _) = session.client.list_deliveries(request);
    let mut deliveries = pin!(deliveries);
    let mut events = Vec::new();
    while let Some(delivery) = deliveries.next().await {
        events.push(delivery.map_err(|error| session.fail(error))?.event_id);
        if events.len() > DELIVERIES_MAX {
            let what = format!("{} has more than {DELIVERIES_MAX} deliveries", webhook.display_name);
            return Err(Failure::usage(what).next("--since leaves out older ones"));
        }
    }
    let mut here = Vec::new();
    for (done, event) in events.iter().rev().enumerate() {
        session.out.progress(&format!("{}: {done} of {}", harmless_line(&webhook.display_name), events.len()));
        let response = render(&webhook.id, Source::EventId(event.clone()), session).await?;
        here.push(Recorded::previewed(event, &response.request.unwrap_or_default()));
    }
    session.out.progress("");
    Ok(here)
}

fn print(all: &[Compared], out: Output) -> Result<(), Failure> {
    let rows: Vec<Vec<Cell>> = all.iter().map(Compared::row).collect();
    let table = out.table(&COLUMNS, &rows)?;
    let different: Vec<&str> = all.iter().filter(|one| !one.is_same()).map(|one| one.name.as_str()).collect();
    out.several(&all.iter().map(Compared::json).collect(), &different, || {
        let lines = all.iter().flat_map(Compared::lines);
        let lines: String = lines.map(|line| format!("{}\n", folded(&line, out.width()))).collect();
        let same: usize = all.iter().map(|one| one.pairs.same).sum();
        let sent = i64::try_from(all.iter().map(|one| one.sent.len()).sum::<usize>()).unwrap_or(i64::MAX);
        format!("{table}{lines}\n{same} of {} from NetBox would be sent the same.", count(sent, "request", "requests"))
    });
    Ok(())
}

impl Compared {
    fn is_same(&self) -> bool {
        self.pairs.same == self.sent.len() && self.pairs.only_here.is_empty()
    }

    fn row(&self) -> Vec<Cell> {
        let number = |number: usize| {
            let style = if number == 0 { Style::Green } else { Style::Yellow };
            Cell::styled(number.to_string(), Some(style))
        };
        let pairs = &self.pairs;
        vec![
            Cell::new(&self.name),
            Cell::new(pairs.same.to_string()),
            number(pairs.different.len()),
            number(pairs.only_sent.len()),
            number(pairs.only_here.len()),
        ]
    }

    fn json(&self) -> Value {
        let different = |&(sent, here): &(usize, usize)| {
            let (sent, here) = (&self.sent[sent], &self.here[here]);
            let fields = sent.differences(here);
            let fields = fields.iter().map(|d| json!({"field": d.field, "before": d.before, "after": d.after}));
            json!({"request": sent.name, "event_id": here.name, "fields": fields.collect::<Value>()})
        };
        json!({
            "display_name": self.name,
            "same": self.pairs.same,
            "different": self.pairs.different.iter().map(different).collect::<Value>(),
            "only_netbox": self.pairs.only_sent.iter().map(|&at| json!(self.sent[at].name)).collect::<Value>(),
            "only_here": self.pairs.only_here.iter().map(|&at| json!(self.here[at].name)).collect::<Value>(),
        })
    }

    /// A line for each field that differs, and for each request that only one side has.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for &(sent, here) in &self.pairs.different {
            let (sent, here) = (&self.sent[sent], &self.here[here]);
            let what = format!("~ {}  {}, {}:", self.name, sent.name, here.name);
            lines.extend(sent.differences(here).iter().map(|one| format!("{what} {}", one.line("nothing"))));
        }
        let only = |sign: char, what: &str, place: &str| format!("{sign} {}  {place}: {what}", self.name);
        let sent = self.pairs.only_sent.iter().map(|&at| &self.sent[at].name);
        lines.extend(sent.map(|name| only('-', "no event here would send it", name)));
        let here = self.pairs.only_here.iter().map(|&at| &self.here[at].name);
        lines.extend(here.map(|name| only('+', "NetBox did not send it", name)));
        let more = lines.len().saturating_sub(LINES_MAX);
        lines.truncate(LINES_MAX);
        if more > 0 {
            lines.push(only('.', "-o json shows all", &format!("{more} more")));
        }
        lines.iter().map(|line| harmless(&harmless_line(line))).collect()
    }
}
