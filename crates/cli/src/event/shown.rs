//! `event list` and `event show`.

use std::pin::pin;

use clap::Args;
use futures_util::StreamExt as _;
use tenterhook_client::v1::{Event, EventFilter, GetEventRequest, ListEventsRequest};
use tenterhook_model::harmless_line;

use crate::failure::{Done, Failure};
use crate::find::{PAGE, short, short_ids};
use crate::output::grid::{Cell, Column};
use crate::output::{Listed, Listing, now, proto_json, times};
use crate::session::Session;

#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    which: Which,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
}

/// Which events.
#[derive(Debug, Clone, Args)]
pub(super) struct Which {
    /// Only those of this type or pattern; repeatable
    #[arg(long = "type", value_name = "PATTERN")]
    types: Vec<String>,
    /// Only those of this object type or pattern; repeatable
    #[arg(long = "object-type", value_name = "PATTERN")]
    object_types: Vec<String>,
    /// Only those with this attribute; repeatable
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = crate::input::pair)]
    attributes: Vec<(String, String)>,
    /// Published since: an age such as 2h, or a time
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Published before: an age such as 2h, or a time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Which {
    /// As the API takes it.
    pub(super) fn filter(&self) -> Result<EventFilter, Failure> {
        let moment = |text: &Option<String>| {
            let time = text.as_deref().map(|text| times::moment(text, now())).transpose();
            time.map(|time| time.map(times::wire)).map_err(Failure::usage)
        };
        Ok(EventFilter {
            event_types: self.types.clone(),
            object_types: self.object_types.clone(),
            attributes: self.attributes.iter().cloned().collect(),
            start_time: moment(&self.since)?,
            end_time: moment(&self.until)?,
            ..Default::default()
        })
    }
}

#[derive(Debug, Clone, Args)]
pub(super) struct ShowArgs {
    /// The event, by id or its beginning
    #[arg(value_name = "EVENT")]
    event: String,
}

/// Lists.
pub(super) async fn list(args: ListArgs, session: &Session) -> Done {
    const COLUMNS: [Column; 6] = [
        Column::new("EVENT", 0),
        Column::new("TYPE", 0),
        Column::new("OBJECT", 1),
        Column::new("PUBLISHED", 2),
        Column::new("BY", 3),
        Column::new("KEY", 4),
    ];
    let page_size = i32::try_from(args.limit).unwrap_or(PAGE).clamp(1, PAGE);
    let request = ListEventsRequest { filter: Some(args.which.filter()?), page_size, ..Default::default() };
    let mut events = pin!(session.client.list_events(request).take(args.limit.saturating_add(1)));
    let mut found: Vec<Event> = Vec::new();
    while let Some(event) = events.next().await {
        found.push(event.map_err(|error| session.fail(error))?);
    }
    let more = found.len() > args.limit;
    found.truncate(args.limit);
    let length =
        if session.out.is_wide() { usize::MAX } else { short_ids(found.iter().map(|event| event.id.as_str())) };
    let rows = found.iter().map(|event| Listed {
        cells: vec![
            short(&event.id, length).into(),
            (&event.r#type).into(),
            (&event.object_type).into(),
            session.out.time(event.publish_time.as_ref()).into(),
            (&event.username).into(),
            Cell::new(&event.ordering_key),
        ],
        json: proto_json::json("Event", event),
        name: event.id.clone(),
    });
    session.out.many(Listing { noun: ("event", "events"), columns: &COLUMNS, rows: rows.collect() })?;
    if more {
        session.out.say(&format!("There are more than {}; --limit shows more.", args.limit));
    }
    Ok(0)
}

/// The event of this id.
///
/// # Errors
/// When the call fails.
pub(super) async fn event(event_id: String, session: &Session) -> Result<Event, Failure> {
    let request = GetEventRequest { namespace: session.namespace.clone(), event_id };
    let response = session.client.events().get_event(request).await.map_err(|status| session.fail(status))?;
    Ok(response.into_inner().event.unwrap_or_default())
}

/// What an event is, in one line.
pub(super) fn headline(event: &Event, session: &Session) -> String {
    let by = if event.username.is_empty() { String::new() } else { format!(" by {}", event.username) };
    let published = session.out.time(event.publish_time.as_ref());
    let what = format!("{} {}", event.r#type, event.object_type);
    harmless_line(&format!("{}  {}  published {published}{by}", event.id, what.trim_end()))
}

/// Shows.
pub(super) async fn show(args: ShowArgs, session: &Session) -> Done {
    let event = event(session.event_id(&args.event).await?, session).await?;
    let value = proto_json::json("Event", &event);
    session.out.one(&value, &event.id, || {
        let data = value.get("data").and_then(|data| data.get("structured"));
        let data = data.map(|data| serde_json::to_string_pretty(data).unwrap_or_default()).unwrap_or_default();
        format!("{}\n{}", headline(&event, session), tenterhook_model::harmless(&data))
    });
    Ok(0)
}
