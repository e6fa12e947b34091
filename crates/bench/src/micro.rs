//! `tenterhook bench micro`: what the parts of the hot path cost by themselves, on one thread.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::Serialize;
use tenterhook_engine::{AttemptFacts, Compiled, EventContext, Render, compile};
use tenterhook_jinja::{BareTemplate, Context, Template, TemplateOptions};
use tenterhook_model::webhook::{EventRule, RequestTemplate, SigningKey};
use tenterhook_model::{
    Clock, DeliveryId, Event, JsonText, Lane, Namespace, OsEntropy, Secret, SigningKeyId, SystemClock, Timestamp,
    Webhook, WebhookId, WebhookSpec,
};
use tokio::time::Instant;

use super::load::data;
use super::scenario::BODY;
use tenterhook_server::app::cage;
use tenterhook_server::failure::InWords as _;
use tenterhook_terminal::{Style, Terminal};

/// How long each part is tried before, and how long it is measured.
const TIMES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(300)];
/// The body template of the NetBox documentation.
const SLACK: &str = r#"{"text": "IP address {{ data['name'] }} was created by {{ username }}!"}"#;
/// The whole data, as many receivers want it.
const DUMP: &str = "{{ data | tojson }}";
/// A body that belongs into a render worker, because macros may call themselves.
const CAGED: &str = r#"{% macro name(of) %}{{ of.name }}{% endmacro %}{"text": "{{ name(data) }}"}"#;
/// Copies of the data in the large context, which make 9 KB.
const COPIES: usize = 10;

/// What one part costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Cost {
    part: &'static str,
    micros: f64,
    /// How many times as long as minijinja alone, for templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    of_minijinja: Option<f64>,
}

/// Measures and prints.
///
/// # Errors
/// When a template of the benchmark does not compile, which a test rules out, or no render worker
/// can be started.
pub(super) async fn run(json: bool, terminal: Terminal) -> Result<()> {
    let mut costs = templates()?;
    costs.extend(requests()?);
    costs.push(worker().await?);
    if json {
        terminal.line(serde_json::to_string_pretty(&costs)?);
        return Ok(());
    }
    let head = format!("{:>10} {:>12}  part, for an event of 1 KiB", "µs", "of minijinja");
    terminal.line(terminal.paint(Style::Bold, head));
    for Cost { part, micros, of_minijinja } in costs {
        let times = of_minijinja.map(|times| format!("{times:.2}×")).unwrap_or_default();
        terminal.line(format!("{micros:>10.2} {times:>12}  {part}"));
    }
    Ok(())
}

/// Templates by themselves, from a context that is there, beside minijinja in the same run.
fn templates() -> Result<Vec<Cost>> {
    let small = context(&data())?;
    let large = context(&format!("[{}]", vec![data(); COPIES].join(", ")))?;
    Ok(vec![
        beside("render: the Slack body of the NetBox documentation", SLACK, &small)?,
        beside("render: a body with a loop and tojson", BODY, &small)?,
        beside("render: the whole data with tojson", DUMP, &small)?,
        beside("render: the whole data with tojson, 9 KB of it", DUMP, &large)?,
    ])
}

fn context(data: &str) -> Result<Context> {
    let json = format!(r#"{{"event_id": "bench-1", "model": "device", "username": "automation", "data": {data}}}"#);
    Context::from_json(&json).context("the benchmark's context is not one")
}

/// The cost of a template, and how many times that of minijinja alone it is. Each is measured in
/// turn, so that both meet the same machine.
fn beside(part: &'static str, source: &str, context: &Context) -> Result<Cost> {
    let template = Template::compile(source, &TemplateOptions::default());
    let template = template.map_err(|faults| anyhow!("the benchmark's template has errors: {faults:?}"))?;
    let bare = BareTemplate::compile(source).context("minijinja does not take the benchmark's template")?;
    let bare = cost("", || bare.render(context).is_ok());
    let own = cost(part, || template.render(context).is_ok());
    Ok(Cost { of_minijinja: Some(own.micros / bare.micros), ..own })
}

/// What happens to an event and to the requests made of it.
fn requests() -> Result<Vec<Cost>> {
    let event = Arc::new(event()?);
    let context = EventContext::new(event.clone());
    let facts = facts(&event);
    let prepared = |body: &str, signed: bool| compiled(body, signed).map(|webhook| (webhook, facts.clone()));
    let send = |(compiled, facts): &(Compiled, AttemptFacts)| compiled.prepare(&context, facts).is_ok();
    let (slack, looping, blank) = (prepared(SLACK, false)?, prepared(BODY, false)?, prepared("", false)?);
    let (signed, dump) = (prepared(BODY, true)?, prepared(DUMP, false)?);
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
        cost("compile a webhook", || compiled(BODY, true).is_ok()),
    ])
}

/// A request whose body a warm worker renders: there and back.
async fn worker() -> Result<Cost> {
    let cage = cage()?;
    let event = event()?;
    let facts = facts(&event);
    let context = Arc::new(EventContext::new(Arc::new(event)));
    let compiled = Arc::new(compiled(CAGED, false)?);
    let mut micros = 0.0;
    for time in TIMES {
        let (began, mut calls) = (Instant::now(), 0u32);
        while began.elapsed() < time {
            cage.prepare(&compiled, &context, &facts).await.context("the render worker failed")?;
            calls += 1;
        }
        micros = began.elapsed().as_secs_f64() * 1e6 / f64::from(calls);
    }
    Ok(Cost { part: "prepare: a body with a macro, in a warm render worker", micros, of_minijinja: None })
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
    Cost { part, micros, of_minijinja: None }
}

fn event() -> Result<Event> {
    let now = SystemClock.now();
    Ok(Event {
        id: "bench-1".parse()?,
        namespace: Namespace::default(),
        event_type: "updated".into(),
        object_type: "dcim.device".to_owned(),
        occur_time: None,
        username: "automation".to_owned(),
        request_id: String::new(),
        data: Some(JsonText::parse(&data())?),
        snapshots: None,
        request: None,
        context: None,
        attributes: Default::default(),
        ordering_key: String::new(),
        deliver_after: None,
        expire_time: None,
        publish_time: now,
        trace_parent: None,
    })
}

fn facts(event: &Event) -> AttemptFacts {
    AttemptFacts {
        delivery_id: DeliveryId::new(event.publish_time, 1, Lane(1)),
        attempt: 1,
        now: event.publish_time,
        trace_parent: None,
    }
}

fn compiled(body: &str, signed: bool) -> Result<Compiled> {
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
    compile(&webhook).map_err(|faults| anyhow!("the benchmark's webhook has errors: {faults:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_can_be_measured_and_renders_where_it_says() {
        for body in [SLACK, BODY, "", DUMP] {
            let compiled = compiled(body, true).unwrap();
            assert!(compiled.is_plain(), "{body}");
            assert!(compiled.accepts(&EventContext::new(Arc::new(event().unwrap()))).matched);
        }
        assert!(!compiled(CAGED, false).unwrap().is_plain());
    }

    #[test]
    fn minijinja_alone_renders_the_same_text() {
        let small = context(&data()).unwrap();
        let large = context(&format!("[{}]", vec![data(); COPIES].join(", "))).unwrap();
        for (source, context) in [(SLACK, &small), (BODY, &small), (DUMP, &small), (DUMP, &large)] {
            let own = Template::compile(source, &TemplateOptions::default()).unwrap().render(context).unwrap();
            assert_eq!(own, BareTemplate::compile(source).unwrap().render(context).unwrap());
        }
        let dump = BareTemplate::compile(DUMP).unwrap().render(&large).unwrap();
        assert!((8_500..9_500).contains(&dump.len()), "{}", dump.len());
    }
}
