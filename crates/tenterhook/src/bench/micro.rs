//! `tenterhook bench micro`: what the parts of the hot path cost by themselves, on one thread.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::Serialize;
use tenterhook_engine::{AttemptFacts, Compiled, EventContext, compile};
use tenterhook_model::webhook::{EventRule, RequestTemplate, SigningKey};
use tenterhook_model::{
    Clock, DeliveryId, Event, JsonText, Lane, Namespace, OsEntropy, Secret, SigningKeyId, SystemClock, Timestamp,
    Webhook, WebhookId, WebhookSpec,
};
use tokio::time::Instant;

use super::load::data;
use super::scenario::BODY;
use crate::terminal::{Style, Terminal};

/// How long each part is tried before, and how long it is measured.
const TIMES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(300)];
/// The body template of the NetBox documentation.
const SLACK: &str = r#"{"text": "IP address {{ data['name'] }} was created by {{ username }}!"}"#;

/// What one part costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Cost {
    part: &'static str,
    micros: f64,
}

/// Measures and prints.
///
/// # Errors
/// When a template of the benchmark does not compile, which a test rules out.
pub(super) fn run(json: bool, terminal: Terminal) -> Result<()> {
    let costs = measure()?;
    if json {
        terminal.line(serde_json::to_string_pretty(&costs)?);
        return Ok(());
    }
    terminal.line(terminal.paint(Style::Bold, format!("{:>10}  part, for an event of 1 KiB", "µs")));
    for Cost { part, micros } in costs {
        terminal.line(format!("{micros:>10.2}  {part}"));
    }
    Ok(())
}

fn measure() -> Result<Vec<Cost>> {
    let event = Arc::new(event()?);
    let context = EventContext::new(event.clone());
    let facts = AttemptFacts {
        delivery_id: DeliveryId::new(event.publish_time, 1, Lane(1)),
        attempt: 1,
        now: event.publish_time,
        trace_parent: None,
    };
    let prepared = |body: &str, signed: bool| webhook(body, signed).map(|webhook| (webhook, facts.clone()));
    let send = |(compiled, facts): &(Compiled, AttemptFacts)| compiled.prepare(&context, facts).is_ok();
    let (slack, looping, blank) = (prepared(SLACK, false)?, prepared(BODY, false)?, prepared("", false)?);
    let (signed, dump) = (prepared(BODY, true)?, prepared("{{ data | tojson }}", false)?);
    // What is used again by every webhook of an event is made once, here.
    [&slack, &looping, &blank, &signed, &dump].into_iter().for_each(|prepared| {
        send(prepared);
    });
    let text = data();
    Ok(vec![
        cost("parse the event's JSON", || JsonText::parse(&text).is_ok()),
        cost("make an event's context and match one webhook with conditions", || {
            slack.0.accepts(&EventContext::new(event.clone())).matched
        }),
        cost("prepare: the Slack body of the NetBox documentation", || send(&slack)),
        cost("prepare: a body with a loop and tojson", || send(&looping)),
        cost("prepare: the whole data with tojson", || send(&dump)),
        cost("prepare: the default body, made once an event", || send(&blank)),
        cost("prepare: a body with a loop and tojson, signed (HMAC-SHA512)", || send(&signed)),
        cost("compile a webhook", || webhook(BODY, true).is_ok()),
    ])
}

/// The time of one call of `work`, on average.
fn cost(part: &'static str, mut work: impl FnMut() -> bool) -> Cost {
    let mut micros = 0.0;
    for time in TIMES {
        let (began, mut calls) = (Instant::now(), 0u32);
        while began.elapsed() < time {
            for _ in 0..16 {
                std::hint::black_box(work());
            }
            calls += 16;
        }
        micros = began.elapsed().as_secs_f64() * 1e6 / f64::from(calls);
    }
    Cost { part, micros }
}

fn event() -> Result<Event> {
    let now = SystemClock.now();
    Ok(Event {
        id: "bench-1".parse()?,
        namespace: Namespace::default(),
        event_type: "updated".to_owned(),
        object_type: "dcim.device".to_owned(),
        occur_time: None,
        username: "automation".to_owned(),
        request_id: String::new(),
        data: Some(JsonText::parse(&data())?),
        snapshots: None,
        attributes: Default::default(),
        ordering_key: String::new(),
        deliver_after: None,
        expire_time: None,
        publish_time: now,
        trace_parent: None,
    })
}

fn webhook(body: &str, signed: bool) -> Result<Compiled> {
    let conditions = JsonText::parse(r#"{"and": [{"attr": "status.value", "value": "active"}]}"#)?;
    let rule = EventRule { conditions: Some(conditions), ..EventRule::default() };
    let request =
        RequestTemplate { url: "http://192.0.2.1/".to_owned(), body: body.to_owned(), ..RequestTemplate::default() };
    let key = SigningKey {
        id: SigningKeyId::generate(Timestamp::default(), &OsEntropy),
        secret: Secret::new("a secret of the benchmark"),
        create_time: Timestamp::default(),
        expire_time: None,
    };
    let webhook = Webhook {
        id: WebhookId::generate(Timestamp::default(), &OsEntropy),
        lane: Lane(1),
        namespace: Namespace::default(),
        spec: WebhookSpec { rules: vec![rule], request, ..WebhookSpec::default() },
        halt: None,
        signing_keys: if signed { vec![key] } else { Vec::new() },
        revision: 1,
        create_time: Timestamp::default(),
        update_time: Timestamp::default(),
    };
    compile(&webhook).map_err(|faults| anyhow!("the benchmark's webhook has faults: {faults:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_can_be_measured_and_renders_in_process() {
        for body in [SLACK, BODY, "", "{{ data | tojson }}"] {
            let compiled = webhook(body, true).unwrap();
            assert!(compiled.is_plain(), "{body}");
            assert!(compiled.accepts(&EventContext::new(Arc::new(event().unwrap()))).matched);
        }
    }
}
