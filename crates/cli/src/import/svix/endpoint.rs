//! An endpoint of Svix as a webhook here.

use std::collections::BTreeMap;

use serde_json::Value;
use tenterhook_client::v1::{
    EventRule, HeaderTemplate, RateLimit, RequestTemplate, SignatureScheme, SigningPolicy, Webhook,
};
use tenterhook_model::sensitive::is_sensitive_header;
use tenterhook_model::{Secret, StandardSecret};

use crate::import::credentials::split;
use crate::import::object::Record;
use crate::import::origin::SVIX;
use crate::import::wanted::{Wanted, literal};

/// The body: what was published, as Svix sends it.
const BODY: &str = "{{ data | tojson }}";
/// The attribute of an event that stands for a channel of Svix.
const CHANNEL: &str = "channel";

/// The webhook of an endpoint.
pub(super) fn translate(record: &Record, prefix: &str) -> Wanted {
    let uid = record.text("uid");
    let name = if uid.is_empty() { record.text("id") } else { uid };
    let mut wanted = Wanted { place: record.place.clone(), ..Default::default() };
    wanted.webhook = Webhook {
        display_name: format!("{prefix}{name}"),
        description: record.text("description").to_owned(),
        labels: labels(record),
        rules: rules(record),
        rate_limit: rate_limit(record),
        ..Default::default()
    };
    wanted.webhook.disabled = wanted.flag(record, "disabled");
    if !record.list("channels").is_empty() {
        wanted.note(format!("channels: publish events of a channel with the attribute `{CHANNEL}`"));
    }
    set_request(&mut wanted, record);
    set_secret(&mut wanted, record);
    wanted
}

fn labels(record: &Record) -> BTreeMap<String, String> {
    let metadata = record.value("metadata").as_object();
    let of = |(name, value): (&String, &Value)| Some((format!("svix-metadata/{name}"), value.as_str()?.to_owned()));
    let mut labels: BTreeMap<String, String> = metadata.into_iter().flatten().filter_map(of).collect();
    labels.extend([SVIX.label(), ("svix-id".to_owned(), record.text("id").to_owned())]);
    labels
}

/// A rule for each channel, or one; none for an endpoint that takes every event.
fn rules(record: &Record) -> Vec<EventRule> {
    // Svix renamed the list in version 2 of its API.
    let name = if record.has("eventTypes") { "eventTypes" } else { "filterTypes" };
    let (event_types, channels) = (record.list(name), record.list("channels"));
    let rule = |attributes| EventRule { event_types: event_types.clone(), attributes, ..Default::default() };
    if channels.is_empty() && event_types.is_empty() {
        return Vec::new();
    }
    if channels.is_empty() {
        return vec![rule(BTreeMap::new())];
    }
    channels.into_iter().map(|channel| rule(BTreeMap::from([(CHANNEL.to_owned(), channel)]))).collect()
}

fn rate_limit(record: &Record) -> Option<RateLimit> {
    let rate = record.number("throttleRate").or_else(|| record.number("rateLimit")).filter(|rate| *rate > 0)?;
    let requests_per_second = f64::from(u32::try_from(rate).unwrap_or(u32::MAX));
    Some(RateLimit { requests_per_second, ..Default::default() })
}

fn set_request(wanted: &mut Wanted, record: &Record) {
    let mut headers = headers(wanted, record);
    let mut url = record.text("url").to_owned();
    match split(&url) {
        Ok(found) => {
            if let Some(value) = found.authorization {
                headers.retain(|header| !header.name.eq_ignore_ascii_case("authorization"));
                headers.push(HeaderTemplate { name: "Authorization".to_owned(), value, sensitive: true });
                wanted.note("user and password of the URL: now the header Authorization, kept secret");
            }
            url = found.url;
        }
        Err(_) => wanted.problem("url", "has a user or password that is not Latin-1"),
    }
    if let Err(why) = literal(&url) {
        wanted.problem("url", why);
    }
    wanted.webhook.request = Some(RequestTemplate { url, headers, body: BODY.to_owned(), ..Default::default() });
}

/// Its headers. Svix shows no value of those that it takes for secret.
fn headers(wanted: &mut Wanted, record: &Record) -> Vec<HeaderTemplate> {
    let found = record.value("headers");
    let mut headers = Vec::new();
    for (name, value) in found["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        let sensitive = is_sensitive_header(name);
        if let Err(why) = literal(value) {
            wanted.problem(&format!("headers.{name}"), why);
        }
        if sensitive {
            wanted.note(format!("header {name}: kept secret here"));
        }
        headers.push(HeaderTemplate { name: name.clone(), value: value.to_owned(), sensitive });
    }
    let hidden: Vec<&str> = found["sensitive"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !hidden.is_empty() {
        // Without them its receiver refuses every request.
        wanted.webhook.disabled = true;
        wanted.note(format!(
            "header {}: Svix does not show the value: it is created disabled; give it the header with `tenterhook webhook edit`",
            hidden.join(", ")
        ));
    }
    headers
}

fn set_secret(wanted: &mut Wanted, record: &Record) {
    let nested = record.nested("secret", "key");
    let secret = if nested.is_empty() { record.text("secret") } else { nested };
    if secret.is_empty() {
        wanted.note("its secret is not in the files: it is created unsigned; see `tenterhook webhook rotate-key`");
    } else if StandardSecret::read(secret).is_some_and(|secret| secret.is_fit_to_sign()) {
        let schemes = vec![SignatureScheme::StandardWebhooks.into()];
        wanted.webhook.signing = Some(SigningPolicy { schemes, ..Default::default() });
        wanted.signing_secret = Secret::new(secret);
    } else {
        let why = "is not of the form whsec_; one for key pairs stays in Svix: give the receiver a new one";
        wanted.problem("secret", why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn done(endpoint: Value) -> Wanted {
        let record = Record::new("x#1".into(), endpoint.as_object().unwrap().clone());
        translate(&record, "")
    }

    #[test]
    fn an_endpoint_keeps_its_types_headers_secret_and_rate() {
        let wanted = done(json!({
            "id": "ep_1", "uid": "orders", "url": "https://a.example.com/x", "version": 1, "description": "All orders",
            "filterTypes": ["order.paid", "order.sent"], "channels": null, "disabled": true, "rateLimit": 5,
            "throttleRate": 7, "metadata": {"team": "shop"}, "createdAt": "2026-01-01T00:00:00Z",
            "headers": {"headers": {"X-Site": "a", "X-Api-Key": "k"}, "sensitive": []}, "secret": {"key": SECRET},
        }));
        assert_eq!(wanted.problems, []);
        let webhook = &wanted.webhook;
        assert_eq!((&*webhook.display_name, &*webhook.description, webhook.disabled), ("orders", "All orders", true));
        assert_eq!(webhook.rules[0].event_types, ["order.paid", "order.sent"]);
        assert_eq!(webhook.rate_limit.as_ref().unwrap().requests_per_second, 7.0);
        assert_eq!((&*webhook.labels["svix-metadata/team"], &*webhook.labels["svix-id"]), ("shop", "ep_1"));
        let request = webhook.request.as_ref().unwrap();
        let headers: Vec<_> = request.headers.iter().map(|header| (&*header.name, header.sensitive)).collect();
        assert_eq!((headers, &*request.body), (vec![("X-Site", false), ("X-Api-Key", true)], BODY));
        let schemes = &webhook.signing.as_ref().unwrap().schemes;
        assert_eq!((wanted.signing_secret.expose(), schemes), (SECRET, &vec![2]));
    }

    #[test]
    fn the_types_of_events_have_either_name() {
        for name in ["filterTypes", "eventTypes"] {
            let endpoint = done(json!({"id": "a", "url": "https://a.example.com", name: ["x", "y"]}));
            assert_eq!(endpoint.webhook.rules[0].event_types, ["x", "y"], "{name}");
        }
    }

    #[test]
    fn an_endpoint_without_types_takes_every_event_and_channels_are_attributes() {
        assert!(done(json!({"id": "a", "url": "https://a.example.com"})).webhook.rules.is_empty());
        let wanted =
            done(json!({"id": "a", "url": "https://a.example.com", "filterTypes": ["x"], "channels": ["p", "q"]}));
        let rules: Vec<_> =
            wanted.webhook.rules.iter().map(|rule| (&*rule.attributes["channel"], rule.event_types.len())).collect();
        assert_eq!(rules, [("p", 1), ("q", 1)]);
        assert!(wanted.notes.iter().any(|note| note.contains("the attribute `channel`")), "{:?}", wanted.notes);
    }

    #[test]
    fn what_svix_hides_leaves_the_webhook_disabled() {
        let headers = json!({"headers": {}, "sensitive": ["Authorization"]});
        let wanted = done(json!({"id": "a", "url": "https://a.example.com", "headers": headers}));
        assert!(wanted.webhook.disabled && wanted.problems.is_empty(), "{wanted:?}");
        assert!(
            wanted.notes.iter().any(|note| note.contains("Authorization: Svix does not show")),
            "{:?}",
            wanted.notes
        );
    }

    #[test]
    fn what_cannot_be_moved_is_named() {
        let wanted = done(json!({
            "id": "a", "url": "https://a.example.com/{{ x }}", "disabled": "maybe", "secret": {"key": "whpk_abc"},
            "headers": {"headers": {"X-A": "{% x %}"}, "sensitive": []},
        }));
        let fields: Vec<&str> = wanted.problems.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["disabled", "headers.X-A", "url", "secret"]);
    }

    /// An endpoint with some members of its own.
    fn with(members: Value) -> Wanted {
        let mut endpoint = json!({"id": "ep_1", "url": "https://a.example.com/x"});
        let all = endpoint.as_object_mut().unwrap();
        all.extend(members.as_object().unwrap().clone());
        done(endpoint)
    }

    #[test]
    fn the_name_is_the_uid_or_the_id_behind_the_prefix() {
        let name = |members: Value| {
            let record = Record::new("x#1".into(), members.as_object().unwrap().clone());
            translate(&record, "svix-").webhook.display_name
        };
        assert_eq!(name(json!({"id": "ep_1", "uid": "orders"})), "svix-orders");
        assert_eq!(name(json!({"id": "ep_1", "uid": null})), "svix-ep_1");
        assert_eq!(name(json!({"id": "ep_1", "uid": ""})), "svix-ep_1");
    }

    #[test]
    fn a_rate_is_a_positive_number_and_the_throttle_wins() {
        let rate = |members: Value| with(members).webhook.rate_limit.map(|limit| limit.requests_per_second);
        assert_eq!(rate(json!({"rateLimit": 5})), Some(5.0));
        assert_eq!(rate(json!({"throttleRate": 1})), Some(1.0));
        assert_eq!(rate(json!({"throttleRate": 7, "rateLimit": 5})), Some(7.0));
        assert_eq!(rate(json!({"throttleRate": null, "rateLimit": 5})), Some(5.0));
        for none in [json!({}), json!({"rateLimit": 0}), json!({"rateLimit": -1}), json!({"rateLimit": "x"})] {
            assert_eq!(rate(none.clone()), None, "{none}");
        }
        assert_eq!(rate(json!({"rateLimit": i64::MAX})), Some(f64::from(u32::MAX)));
    }

    #[test]
    fn channels_without_types_are_rules_for_every_type() {
        let wanted = with(json!({"channels": ["a"]}));
        assert_eq!(wanted.webhook.rules.len(), 1);
        assert!(wanted.webhook.rules[0].event_types.is_empty());
        assert_eq!(wanted.webhook.rules[0].attributes["channel"], "a");
        assert!(with(json!({"channels": [], "filterTypes": []})).webhook.rules.is_empty());
        assert_eq!(
            with(json!({"eventTypes": [], "filterTypes": ["x"]})).webhook.rules,
            [],
            "the new name wins, though it is empty"
        );
    }

    #[test]
    fn a_secret_has_the_form_of_standard_webhooks_or_is_refused() {
        let signed = |secret: Value| {
            let wanted = with(json!({"secret": secret}));
            (wanted.signing_secret.expose().to_owned(), wanted.webhook.signing.is_some(), wanted.problems.len())
        };
        assert_eq!(signed(json!({"key": SECRET})), (SECRET.to_owned(), true, 0));
        assert_eq!(signed(json!(SECRET)), (SECRET.to_owned(), true, 0));
        assert_eq!(signed(json!({"key": "whsec_"})), (String::new(), false, 1));
        assert_eq!(signed(json!("plain")), (String::new(), false, 1));
        assert_eq!(signed(Value::Null), (String::new(), false, 0));
        let unsigned = with(json!({"secret": null}));
        assert!(unsigned.notes.iter().any(|note| note.contains("created unsigned")), "{:?}", unsigned.notes);
    }

    #[test]
    fn credentials_of_the_url_win_over_a_header() {
        let headers = json!({"headers": {"authorization": "old", "X-A": "1"}, "sensitive": []});
        let wanted = with(json!({"url": "https://u:p@a.example.com", "headers": headers}));
        let request = wanted.webhook.request.unwrap();
        let shown: Vec<_> = request.headers.iter().map(|one| (&*one.name, &*one.value, one.sensitive)).collect();
        assert_eq!(shown, [("X-A", "1", false), ("Authorization", "Basic dTpw", true)]);
        assert_eq!(request.url, "https://a.example.com");
        let wrong = with(json!({"url": "https://u:%E2%82%AC@a.example.com"}));
        assert_eq!(wrong.problems[0].0, "url");
    }

    #[test]
    fn metadata_is_labels_where_it_is_text() {
        let labels = with(json!({"metadata": {"team": "a", "size": 5, "none": null}})).webhook.labels;
        let names: Vec<&str> = labels.keys().map(String::as_str).collect();
        assert_eq!(names, ["imported-from", "svix-id", "svix-metadata/team"]);
        assert_eq!((&*labels["imported-from"], &*labels["svix-id"]), ("svix", "ep_1"));
    }
}
