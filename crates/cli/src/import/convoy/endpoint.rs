//! An endpoint of Convoy with its subscriptions as a webhook here.

use serde_json::{Map, Value, json};
use tenterhook_client::v1::retry_policy::Backoff;
use tenterhook_client::v1::{
    BackoffSchedule, EventRule, ExponentialBackoff, HeaderTemplate, RateLimit, RequestTemplate, RetryPolicy,
    TransportPolicy, Webhook,
};
use tenterhook_model::Secret;

use super::scheme::Scheme;
use crate::import::object::Record;
use crate::import::origin::CONVOY;
use crate::import::wanted::{Wanted, literal};
use crate::input;

/// The body: what was published, as Convoy sends it.
const BODY: &str = "{{ data | tojson }}";
/// The content type of its body.
const JSON: &str = "application/json";
/// What a subscription names that takes every event.
const EVERY: &str = "*";
/// The time that Convoy writes for one that there is not (Go's zero time).
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The webhook of an endpoint with these subscriptions.
pub(super) fn translate(record: &Record, subscriptions: &[&Record], scheme: &Scheme, prefix: &str) -> Wanted {
    let name = either(record, "name", "title");
    let mut wanted = Wanted { place: record.place.clone(), ..Default::default() };
    wanted.webhook = Webhook {
        display_name: format!("{prefix}{name}"),
        description: record.text("description").to_owned(),
        rate_limit: rate_limit(record),
        ..Default::default()
    };
    let is_disabled = wanted.flag(record, "is_disabled");
    wanted.webhook.disabled = is_disabled || !["", "active"].contains(&record.text("status"));
    wanted.webhook.labels.extend([CONVOY.label(), ("convoy-id".to_owned(), record.text("uid").to_owned())]);
    if !record.text("owner_id").is_empty() {
        wanted.webhook.labels.insert("convoy-owner".to_owned(), record.text("owner_id").to_owned());
    }
    set_rules(&mut wanted, subscriptions);
    set_retry(&mut wanted, subscriptions);
    set_request(&mut wanted, record);
    if let Some(seconds) = seconds(record.value("http_timeout")).filter(|seconds| *seconds > 0) {
        let attempt_timeout = Some(wanted.attempt_timeout(seconds));
        wanted.webhook.transport = Some(TransportPolicy { attempt_timeout, ..Default::default() });
    }
    set_secret(&mut wanted, record, scheme);
    wanted
}

/// A text that newer versions call `new` and older ones `old`.
fn either<'a>(record: &'a Record, new: &str, old: &str) -> &'a str {
    let text = record.text(new);
    if text.is_empty() { record.text(old) } else { text }
}

/// Seconds of a number, or of a duration as Go writes it: `20s`, `1m0s`.
fn seconds(value: &Value) -> Option<i64> {
    let Value::String(text) = value else { return value.as_i64() };
    let (mut seconds, mut rest) = (0_i64, text.as_str());
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let factor = match rest[digits..].chars().next()? {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[digits + 1..];
    }
    Some(seconds)
}

fn rate_limit(record: &Record) -> Option<RateLimit> {
    let requests =
        record.number("rate_limit").and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0)?;
    let per =
        seconds(record.value("rate_limit_duration")).and_then(|per| u32::try_from(per).ok()).filter(|per| *per > 0)?;
    Some(RateLimit { requests_per_second: f64::from(requests) / f64::from(per), ..Default::default() })
}

fn set_rules(wanted: &mut Wanted, subscriptions: &[&Record]) {
    if subscriptions.is_empty() {
        // A webhook without rules takes every event here.
        wanted.webhook.disabled = true;
        wanted.note("no subscription uses it: it is created disabled");
    }
    for subscription in subscriptions {
        let name = subscription.text("name");
        let filter = subscription.value("filter_config");
        let types = filter["event_types"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut event_types: Vec<String> = types.map(str::to_owned).collect();
        if event_types.iter().any(|one| one == EVERY) {
            event_types.clear();
        }
        let is_set = |value: &Value| value.as_object().is_some_and(|members| !members.is_empty());
        if is_set(&filter["filter"]["headers"]) {
            wanted.problem("rules", format!("subscription {name}: filters by headers of events, which have none here"));
        }
        let body = filter["filter"]["body"].as_object().filter(|body| !body.is_empty());
        let conditions = body.map(conditions).transpose().unwrap_or_else(|why| {
            wanted.problem("rules", format!("subscription {name}: {why}"));
            None
        });
        if !subscription.text("function").is_empty() {
            wanted.problem("body", format!("subscription {name}: has a function; write it as a template by hand"));
        }
        if is_set(subscription.value("source_metadata")) {
            let source = subscription.nested("source_metadata", "name");
            wanted.note(format!(
                "subscription {name}: takes events of the source {source} only; here those that are published"
            ));
        }
        if subscription.value("rate_limit_config")["count"].as_i64().is_some_and(|count| count > 0) {
            wanted.note(format!("subscription {name}: its rate limit is not taken over; a webhook has one"));
        }
        let conditions = conditions.map(|conditions| input::document(&conditions.to_string()));
        wanted.webhook.rules.push(EventRule {
            display_name: name.to_owned(),
            event_types,
            conditions,
            ..Default::default()
        });
    }
}

/// A filter that only says what members are, as conditions.
fn conditions(filter: &Map<String, Value>) -> Result<Value, &'static str> {
    let mut all = Vec::new();
    flatten("", filter, &mut all)?;
    Ok(json!({ "and": all }))
}

fn flatten(path: &str, members: &Map<String, Value>, all: &mut Vec<Value>) -> Result<(), &'static str> {
    for (name, value) in members {
        if name.starts_with('$') {
            return Err("its filter has operators; write it as conditions by hand");
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Object(inner) => flatten(&path, inner, all)?,
            Value::Array(_) => return Err("its filter has lists; write it as conditions by hand"),
            value => all.push(json!({ "attr": path, "value": value })),
        }
    }
    Ok(())
}

/// Retries as the subscriptions have them, if they agree.
fn set_retry(wanted: &mut Wanted, subscriptions: &[&Record]) {
    let configs: Vec<&Value> = subscriptions.iter().map(|one| one.value("retry_config")).collect();
    let Some(first) = configs.first().filter(|config| config.is_object()) else { return };
    if configs.iter().any(|config| config != first) {
        return wanted.note("its subscriptions are retried in different ways: here as the server does by default");
    }
    let (count, wait) = (first["retry_count"].as_i64().unwrap_or(0), seconds(&first["duration"]).unwrap_or(0));
    let (Ok(max_attempts), true) = (i32::try_from(count.max(1)), wait > 0) else { return };
    let wait = prost_types::Duration { seconds: wait, nanos: 0 };
    let backoff = match first["type"].as_str() {
        Some("exponential") => Backoff::Exponential(ExponentialBackoff { initial: Some(wait), ..Default::default() }),
        _ => Backoff::Schedule(BackoffSchedule { waits: vec![wait] }),
    };
    wanted.webhook.retry = Some(RetryPolicy { max_attempts, backoff: Some(backoff), ..Default::default() });
}

fn set_request(wanted: &mut Wanted, record: &Record) {
    let url = either(record, "url", "target_url").to_owned();
    if let Err(why) = literal(&url) {
        wanted.problem("url", why);
    }
    let key = &record.value("authentication")["api_key"];
    let (name, value) =
        (key["header_name"].as_str().unwrap_or_default(), key["header_value"].as_str().unwrap_or_default());
    let mut headers = Vec::new();
    let kind = record.nested("authentication", "type");
    if !["", "api_key"].contains(&kind) || record.value("mtls_client_cert").is_object() {
        // Without it its receiver refuses every request.
        wanted.webhook.disabled = true;
        let what = if kind.is_empty() { "mTLS" } else { kind };
        wanted.note(format!(
            "authentication by {what} is not taken over: it is created disabled; set it with `tenterhook webhook edit`"
        ));
    }
    let content_type = record.text("content_type");
    if !["", JSON].contains(&content_type) {
        wanted.problem("content_type", format!("is {content_type}; here bodies are JSON: write a template by hand"));
    }
    if !name.is_empty() {
        if let Err(why) = literal(value) {
            wanted.problem("authentication", why);
        }
        wanted.note(format!("header {name}: kept secret here"));
        headers.push(HeaderTemplate { name: name.to_owned(), value: value.to_owned(), sensitive: true });
    }
    wanted.webhook.request = Some(RequestTemplate { url, headers, body: BODY.to_owned(), ..Default::default() });
}

/// The newest secret that does not expire.
fn set_secret(wanted: &mut Wanted, record: &Record, scheme: &Scheme) {
    let secrets: Vec<&Value> = record.value("secrets").as_array().into_iter().flatten().collect();
    let lasts = |secret: &&&Value| matches!(secret["expires_at"].as_str(), None | Some("" | NEVER));
    let secret = secrets.iter().rfind(lasts).and_then(|secret| secret["value"].as_str()).unwrap_or_default();
    if secret.is_empty() {
        return wanted
            .note("its secret is not in the files: it is created unsigned; see `tenterhook webhook rotate-key`");
    }
    if secrets.len() > 1 {
        wanted.note("secrets that expire are not taken over");
    }
    wanted.signing_secret = Secret::new(secret);
    scheme.apply(wanted, record.flag("advanced_signatures").ok().flatten().unwrap_or(false));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: Value) -> Record {
        Record::new("x#1".into(), value.as_object().unwrap().clone())
    }

    fn done(endpoint: Value, subscriptions: &[Value]) -> Wanted {
        let subscriptions: Vec<Record> = subscriptions.iter().cloned().map(record).collect();
        translate(&record(endpoint), &subscriptions.iter().collect::<Vec<_>>(), &Scheme::of(None), "")
    }

    fn endpoint() -> Value {
        json!({
            "uid": "ep1", "name": "orders", "url": "https://a.example.com/x", "status": "active", "http_timeout": 90,
            "rate_limit": 30, "rate_limit_duration": 60, "owner_id": "shop", "advanced_signatures": true,
            "authentication": {"type": "api_key", "api_key": {"header_name": "X-Key", "header_value": "k"}},
            "secrets": [{"value": "old", "expires_at": "2026-01-01T00:00:00Z"}, {"value": "new", "expires_at": null}],
        })
    }

    fn subscription(filter: Value) -> Value {
        json!({"uid": "s1", "name": "paid", "filter_config": filter, "endpoint_metadata": {"uid": "ep1"},
            "retry_config": {"type": "linear", "duration": 30, "retry_count": 4}})
    }

    #[test]
    fn an_endpoint_keeps_its_key_secret_rate_time_and_retries() {
        let filter =
            json!({"event_types": ["order.paid"], "filter": {"headers": {}, "body": {"shop": {"id": 4}, "a": "b"}}});
        let wanted = done(endpoint(), &[subscription(filter)]);
        assert_eq!(wanted.problems, []);
        let webhook = &wanted.webhook;
        assert_eq!(webhook.rules[0].event_types, ["order.paid"]);
        let conditions = format!("{:?}", webhook.rules[0].conditions);
        assert!(conditions.contains("shop.id") && conditions.contains("and"), "{conditions}");
        assert_eq!(webhook.rate_limit.as_ref().unwrap().requests_per_second, 0.5);
        let retry = webhook.retry.as_ref().unwrap();
        assert_eq!((retry.max_attempts, retry.backoff.is_some()), (4, true));
        assert_eq!(webhook.transport.as_ref().unwrap().attempt_timeout.as_ref().unwrap().seconds, 60);
        let header = &webhook.request.as_ref().unwrap().headers[0];
        assert_eq!((&*header.name, &*header.value, header.sensitive), ("X-Key", "k", true));
        assert_eq!(wanted.signing_secret.expose(), "new");
        assert!(webhook.signing.as_ref().unwrap().custom[0].value.starts_with("t="));
        assert_eq!(webhook.labels["convoy-owner"], "shop");
    }

    #[test]
    fn older_versions_have_other_names_and_write_durations() {
        let old = json!({"uid": "a", "title": "old", "target_url": "https://a.example.com", "http_timeout": "20s",
            "rate_limit": 5000, "rate_limit_duration": "1m0s", "is_disabled": true, "secrets": []});
        let wanted = done(old, &[subscription(json!({"event_types": ["*"]}))]);
        assert_eq!((&*wanted.webhook.display_name, wanted.webhook.disabled), ("old", true));
        assert!(wanted.webhook.rules[0].event_types.is_empty());
        assert_eq!(wanted.webhook.transport.unwrap().attempt_timeout.unwrap().seconds, 20);
        assert!(wanted.webhook.rate_limit.unwrap().requests_per_second > 83.0);
    }

    #[test]
    fn durations_of_go_are_read() {
        for (text, wanted) in
            [("20s", Some(20)), ("1m0s", Some(60)), ("1h2m3s", Some(3_723)), ("1.5s", None), ("5", None), ("5d", None)]
        {
            assert_eq!(seconds(&json!(text)), wanted, "{text}");
        }
        assert_eq!((seconds(&json!(7)), seconds(&Value::Null)), (Some(7), None));
    }

    #[test]
    fn an_endpoint_that_would_be_refused_is_disabled_and_says_so() {
        let mut oauth = endpoint();
        oauth["authentication"] = json!({"type": "oauth2", "oauth2": {"client_id": "a"}});
        let mut mtls = endpoint();
        mtls["mtls_client_cert"] = json!({"client_cert": "x"});
        mtls["authentication"] = Value::Null;
        for (endpoint, what) in [(oauth, "by oauth2"), (mtls, "by mTLS")] {
            let wanted = done(endpoint, &[subscription(json!({"event_types": ["a"]}))]);
            assert!(wanted.webhook.disabled && wanted.problems.is_empty(), "{wanted:?}");
            assert!(wanted.notes.iter().any(|note| note.contains(what)), "{:?}", wanted.notes);
        }
    }

    #[test]
    fn an_endpoint_without_subscriptions_is_disabled() {
        let wanted = done(endpoint(), &[]);
        assert!(wanted.webhook.disabled && wanted.notes[0].contains("created disabled"), "{:?}", wanted.notes);
    }

    #[test]
    fn what_cannot_be_moved_is_named() {
        let filter =
            |body: Value, headers: Value| json!({"event_types": ["a"], "filter": {"headers": headers, "body": body}});
        let mut third = subscription(json!({"event_types": ["a"]}));
        third["function"] = json!("function transform(p) { return p }");
        third["retry_config"] = Value::Null;
        let subscriptions = [
            subscription(filter(json!({"a": {"$gt": 5}}), json!({}))),
            subscription(filter(json!({"a": [1]}), json!({"x-a": "b"}))),
            third,
        ];
        let mut endpoint = endpoint();
        endpoint["url"] = json!("https://a.example.com/{{ x }}");
        endpoint["content_type"] = json!("application/x-www-form-urlencoded");
        endpoint["is_disabled"] = json!("perhaps");
        let wanted = done(endpoint, &subscriptions);
        let fields: Vec<&str> = wanted.problems.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["is_disabled", "rules", "rules", "rules", "body", "url", "content_type"]);
        assert!(wanted.webhook.retry.is_none() && wanted.notes.iter().any(|note| note.contains("different ways")));
    }

    /// The rules that a filter becomes, or what is wrong with it.
    fn filtered(body: Value) -> Result<String, String> {
        let filter = json!({"event_types": ["a"], "filter": {"headers": {}, "body": body}});
        let wanted = done(endpoint(), &[subscription(filter)]);
        match wanted.problems.first() {
            Some((_, why)) => Err(why.clone()),
            None => Ok(format!("{:?}", wanted.webhook.rules[0].conditions)),
        }
    }

    #[test]
    fn a_filter_becomes_conditions_by_the_paths_of_its_members() {
        let of = |body: Value, conditions: &str| {
            assert_eq!(filtered(body), Ok(format!("{:?}", Some(input::document(conditions)))))
        };
        of(json!({"a": 1}), r#"{"and":[{"attr":"a","value":1}]}"#);
        of(
            json!({"a": {"b": {"c": "x"}}, "d": null}),
            r#"{"and":[{"attr":"a.b.c","value":"x"},{"attr":"d","value":null}]}"#,
        );
        assert_eq!(filtered(json!({})), Ok("None".to_owned()));
        for (body, part) in [
            (json!({"a": {"$gt": 5}}), "has operators"),
            (json!({"$or": []}), "has operators"),
            (json!({"a": [1]}), "has lists"),
            (json!({"a": {"b": []}}), "has lists"),
        ] {
            assert!(filtered(body).unwrap_err().contains(part), "{part}");
        }
    }

    #[test]
    fn retries_are_taken_over_where_the_subscriptions_agree() {
        let retried = |configs: &[Value]| {
            let subscriptions: Vec<Value> = configs
                .iter()
                .map(|config| json!({"name": "s", "filter_config": {"event_types": ["a"]}, "retry_config": config}))
                .collect();
            let wanted = done(endpoint(), &subscriptions);
            (wanted.webhook.retry, wanted.notes.iter().any(|note| note.contains("in different ways")))
        };
        let config =
            |kind: &str, wait: Value, count: Value| json!({"type": kind, "duration": wait, "retry_count": count});
        let wait = |seconds| prost_types::Duration { seconds, nanos: 0 };
        let (linear, _) = retried(&[config("linear", json!(30), json!(4)), config("linear", json!(30), json!(4))]);
        let linear = linear.unwrap();
        assert_eq!(
            (linear.max_attempts, linear.backoff),
            (4, Some(Backoff::Schedule(BackoffSchedule { waits: vec![wait(30)] })))
        );
        let (exponential, _) = retried(&[config("exponential", json!("1m0s"), json!(0))]);
        let exponential = exponential.unwrap();
        assert_eq!(exponential.max_attempts, 1, "there is one attempt at least");
        assert!(
            matches!(exponential.backoff, Some(Backoff::Exponential(backoff)) if backoff.initial == Some(wait(60)))
        );
        assert_eq!(
            retried(&[config("linear", json!(30), json!(4)), config("linear", json!(60), json!(4))]),
            (None, true)
        );
        for none in [json!(null), config("linear", json!(0), json!(4)), config("linear", json!("x"), json!(4))] {
            assert_eq!(retried(std::slice::from_ref(&none)), (None, false), "{none}");
        }
    }

    #[test]
    fn the_newest_secret_that_lasts_signs() {
        let signed = |secrets: Value| {
            let mut endpoint = endpoint();
            endpoint["secrets"] = secrets;
            done(endpoint, &[subscription(json!({"event_types": ["a"]}))]).signing_secret.expose().to_owned()
        };
        let secret = |value: &str, expires: Value| json!({"value": value, "expires_at": expires});
        assert_eq!(signed(json!([secret("a", json!(null)), secret("b", json!(""))])), "b");
        assert_eq!(signed(json!([secret("a", json!(NEVER)), secret("b", json!("2026-01-01T00:00:00Z"))])), "a");
        assert_eq!(signed(json!([secret("b", json!("2026-01-01T00:00:00Z"))])), "");
        assert_eq!((signed(json!([])), signed(json!(null))), (String::new(), String::new()));
    }

    #[test]
    fn an_endpoint_is_active_as_its_status_says() {
        let disabled = |status: Value, flag: Value| {
            let mut endpoint = endpoint();
            (endpoint["status"], endpoint["is_disabled"]) = (status, flag);
            done(endpoint, &[subscription(json!({"event_types": ["a"]}))]).webhook.disabled
        };
        assert!(!disabled(json!("active"), json!(null)) && !disabled(json!(null), json!(false)));
        assert!(disabled(json!("inactive"), json!(null)) && disabled(json!("paused"), json!(false)));
        assert!(disabled(json!("active"), json!(true)));
    }

    #[test]
    fn a_rate_has_a_count_and_a_time() {
        let rate = |count: Value, per: Value| {
            let mut endpoint = endpoint();
            (endpoint["rate_limit"], endpoint["rate_limit_duration"]) = (count, per);
            done(endpoint, &[]).webhook.rate_limit.map(|limit| limit.requests_per_second)
        };
        assert_eq!(rate(json!(10), json!(5)), Some(2.0));
        assert_eq!(rate(json!(1), json!("1m0s")), Some(1.0 / 60.0));
        for (count, per) in [
            (json!(0), json!(5)),
            (json!(10), json!(0)),
            (json!(-1), json!(5)),
            (json!(10), json!(null)),
            (json!(null), json!(5)),
        ] {
            assert_eq!(rate(count.clone(), per.clone()), None, "{count} in {per}");
        }
    }

    #[test]
    fn bodies_are_json_and_texts_no_templates() {
        let problems = |name: &str, value: Value| {
            let mut endpoint = endpoint();
            endpoint[name] = value;
            let wanted = done(endpoint, &[subscription(json!({"event_types": ["a"]}))]);
            wanted.problems.into_iter().map(|(field, _)| field).collect::<Vec<_>>()
        };
        assert!(problems("content_type", json!("application/json")).is_empty());
        assert_eq!(problems("content_type", json!("application/x-www-form-urlencoded")), ["content_type"]);
        assert_eq!(problems("url", json!("https://a.example.com/{{ x }}")), ["url"]);
        let key = json!({"type": "api_key", "api_key": {"header_name": "X-Key", "header_value": "{% x %}"}});
        assert_eq!(problems("authentication", key), ["authentication"]);
    }
}
