//! What would change: each webhook as the server would store it, compared with what it has.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tenterhook_client::v1::{CreateWebhookRequest, ListWebhooksRequest, UpdateWebhookRequest, Webhook};
use tenterhook_model::mask::MASK;

use super::files::{Place, Wanted, key};
use crate::difference::{self, Difference};
use crate::failure::Failure;
use crate::output::proto_json;
use crate::session::Session;

/// The label by which `--prune` knows what belongs to the files.
const MANAGED_BY: &str = "managed-by";
/// What only the server says of a webhook.
pub(crate) const OUTPUT_ONLY: [&str; 9] =
    ["id", "state", "state_reason", "signing_keys", "health", "etag", "create_time", "update_time", "warnings"];

/// What becomes of one webhook.
#[derive(Debug)]
pub(super) enum Step {
    Create(Wanted),
    /// The webhook as it is, the fields that differ, and those with secrets, which are sent too.
    Update(Wanted, Box<Webhook>, Vec<Difference>, Vec<String>),
    /// It belongs to the files and is in none.
    Prune(Box<Webhook>),
}

/// What there is to do, and what nobody can say of it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// Webhooks that are left as they are, by name, with secrets that may be others.
    pub(super) with_secrets: Vec<String>,
    /// Webhooks that are there, by name, with a signing secret, which may be another.
    pub(super) with_signing_secrets: Vec<String>,
}

/// What people write of a webhook.
pub(crate) fn written(webhook: &Webhook) -> Value {
    let mut value = proto_json::json("Webhook", webhook);
    if let Value::Object(members) = &mut value {
        members.retain(|name, _| !OUTPUT_ONLY.contains(&name.as_str()));
    }
    value
}

/// Compares everything with the server, which checks everything; nothing is changed.
///
/// # Errors
/// Everything that the server refuses, of all files at once.
pub(super) async fn plan(wanted: Vec<Wanted>, secrets: bool, session: &Session) -> Result<Plan, Failure> {
    let mut stored: BTreeMap<(String, String), Webhook> = BTreeMap::new();
    let namespaces: std::collections::BTreeSet<&str> = wanted.iter().map(|one| key(&one.webhook).0).collect();
    for namespace in namespaces {
        let request = ListWebhooksRequest { namespace: namespace.to_owned(), ..Default::default() };
        for webhook in session.all(session.client.list_webhooks(request)).await? {
            stored.insert((namespace.to_owned(), webhook.display_name.clone()), webhook);
        }
    }
    let owners: Vec<String> = wanted.iter().filter_map(|one| one.webhook.labels.get(MANAGED_BY).cloned()).collect();
    let (mut plan, mut problems) = (Plan::default(), Vec::new());
    for one in wanted {
        let (namespace, name) = key(&one.webhook);
        let before = stored.remove(&(namespace.to_owned(), name.to_owned()));
        match check(&one, before.as_ref(), session).await {
            Ok(after) => match before {
                None => plan.steps.push(Step::Create(one)),
                Some(before) => plan.compare(one, before, &after, secrets),
            },
            Err(error) => problems.extend(of(&one.place, error)),
        }
    }
    if !problems.is_empty() {
        return Err(Failure::refused("the server refused; nothing was changed").fields(problems));
    }
    let is_owned = |webhook: &Webhook| webhook.labels.get(MANAGED_BY).is_some_and(|owner| owners.contains(owner));
    plan.steps.extend(stored.into_values().filter(is_owned).map(|webhook| Step::Prune(Box::new(webhook))));
    Ok(plan)
}

impl Plan {
    /// Notes what differs between a webhook as it is and as it would be `after` the update.
    fn compare(&mut self, one: Wanted, before: Webhook, after: &Webhook, secrets: bool) {
        let (differences, hidden) = (differences(&before, after), hidden(&one.webhook, after));
        if !one.signing_secret.expose().is_empty() {
            self.with_signing_secrets.push(before.display_name.clone());
        }
        if !differences.is_empty() || (secrets && !hidden.is_empty()) {
            self.steps.push(Step::Update(one, Box::new(before), differences, hidden));
        } else if !hidden.is_empty() {
            self.with_secrets.push(before.display_name);
        }
    }
}

/// The webhook as the server would store it.
async fn check(one: &Wanted, before: Option<&Webhook>, session: &Session) -> Result<Webhook, tenterhook_client::Error> {
    let mut webhook = one.webhook.clone();
    let mut service = session.client.webhooks();
    let after = match before {
        None => {
            let signing_secret = one.signing_secret.expose().to_owned();
            let request = CreateWebhookRequest {
                webhook: Some(webhook),
                signing_secret,
                validate_only: true,
                ..Default::default()
            };
            service.create_webhook(request).await?.into_inner().webhook
        }
        Some(before) => {
            webhook.id.clone_from(&before.id);
            let update_mask = Some(prost_types::FieldMask { paths: vec!["*".to_owned()] });
            let request = UpdateWebhookRequest { webhook: Some(webhook), update_mask, validate_only: true };
            service.update_webhook(request).await?.into_inner().webhook
        }
    };
    Ok(after.unwrap_or_default())
}

/// The fields of `wanted` of which the server hides something: it may be another secret than the stored one.
fn hidden(wanted: &Webhook, after: &Webhook) -> Vec<String> {
    let (Value::Object(wanted), after) = (written(wanted), written(after)) else { return Vec::new() };
    wanted.into_iter().filter(|(name, wanted)| hides(wanted, &after[name])).map(|(name, _)| name).collect()
}

/// Whether a text of `wanted` is masked in `after`, or not there.
fn hides(wanted: &Value, after: &Value) -> bool {
    match (wanted, after) {
        (Value::Object(one), other) => {
            one.iter().any(|(name, one)| hides(one, other.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(one), Value::Array(other)) => one.iter().zip(other).any(|(one, other)| hides(one, other)),
        (Value::String(one), other) => {
            let shown = other.as_str().unwrap_or_default();
            !one.is_empty() && shown != one && (shown.is_empty() || shown.contains(MASK))
        }
        _ => false,
    }
}

/// Each error of a call with the file that it is about.
fn of(place: &Place, error: tenterhook_client::Error) -> Vec<(String, String)> {
    if error.field_violations.is_empty() {
        return vec![(place.to_string(), error.message)];
    }
    let fields = error.field_violations.into_iter();
    fields.map(|v| (place.of(v.field.trim_start_matches("webhook.")), v.description)).collect()
}

/// The fields that differ, as deep as both have them.
fn differences(before: &Webhook, after: &Webhook) -> Vec<Difference> {
    difference::between(&written(before), &written(after))
}

impl Step {
    /// For programs.
    pub(super) fn json(&self) -> Value {
        let (action, webhook) = match self {
            Self::Create(one) => ("create", &one.webhook),
            Self::Update(_, before, ..) => ("update", &**before),
            Self::Prune(webhook) => ("prune", &**webhook),
        };
        let (namespace, name) = key(webhook);
        let fields: Value = match self {
            Self::Update(_, _, differences, _) => {
                let fields = differences.iter();
                fields.map(|one| json!({"field": one.field, "before": one.before, "after": one.after})).collect()
            }
            _ => json!([]),
        };
        json!({"action": action, "namespace": namespace, "display_name": name, "fields": fields})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_client::v1::{EventRule, RequestTemplate, TransportPolicy};
    use tenterhook_model::Secret;

    #[test]
    fn differences_are_fields_with_both_values() {
        let webhook = |url: &str, types: &[&str]| Webhook {
            request: Some(RequestTemplate { url: url.into(), ..Default::default() }),
            rules: vec![EventRule {
                event_types: types.iter().map(|&text| text.to_owned()).collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let found = differences(&webhook("a", &["x"]), &webhook("b", &["x", "y"]));
        let fields: Vec<&str> = found.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, ["rules[0].event_types", "request.url"]);
        assert_eq!((&found[1].before, &found[1].after), (&json!("a"), &json!("b")));
        assert!(differences(&webhook("a", &["x"]), &webhook("a", &["x"])).is_empty());
    }

    #[test]
    fn what_only_the_server_says_is_no_difference() {
        let webhook = |etag: &str| Webhook {
            id: format!("wh_{etag}"),
            etag: etag.into(),
            state: 2,
            state_reason: etag.into(),
            create_time: Some(prost_types::Timestamp::default()),
            warnings: vec![etag.into()],
            display_name: "a".into(),
            ..Default::default()
        };
        let value = written(&webhook("1"));
        assert!(OUTPUT_ONLY.iter().all(|name| value.get(name).is_none()), "{value}");
        assert_eq!(value["display_name"], "a");
        assert!(differences(&webhook("1"), &webhook("2")).is_empty());
    }

    #[test]
    fn what_the_server_hides_is_noticed_and_nothing_else() {
        let hidden = |wanted: Value, after: Value| {
            let webhook = |value: &Value| crate::document::message::<Webhook>("Webhook", value).unwrap();
            hidden(&webhook(&wanted), &webhook(&after)).join(" ")
        };
        let request = |url: &str, block: &str| json!({"request": {"url": url, "additional_headers": block}});
        assert_eq!(hidden(request("https://a", "X: 1"), request("https://a", "X: 1")), "");
        assert_eq!(hidden(request("https://a?token=t", ""), request("https://a?token=***", "")), "request");
        assert_eq!(hidden(request("https://a?token=***", ""), request("https://a?token=***", "")), "", "of an export");
        assert_eq!(hidden(request("https://a", "Cookie: t"), request("https://a", "Cookie: ***")), "request");
        let header = |value: &str| json!({"request": {"headers": [{"name": "X", "value": value, "sensitive": true}]}});
        assert_eq!(hidden(header("t"), header("")), "request");
        let basic = |password: &str| {
            json!({"display_name": "a", "authentication": {"basic": {"username": "u", "password": password}},
                   "transport": {"client_private_key_pem": password}})
        };
        assert_eq!(hidden(basic("p"), basic("")), "transport authentication");
        assert_eq!(
            hidden(json!({"display_name": " a "}), json!({"display_name": "a"})),
            "",
            "it is only written otherwise"
        );
        assert_eq!(hidden(json!({}), json!({})), "");
    }

    #[test]
    fn secrets_are_compared_by_nobody_and_sent_on_demand() {
        let webhook = |password: &str, url: &str| Webhook {
            display_name: "a".into(),
            request: Some(RequestTemplate { url: url.into(), ..Default::default() }),
            transport: Some(TransportPolicy { client_private_key_pem: password.into(), ..Default::default() }),
            ..Default::default()
        };
        let plan = |signing_secret: &str, password: &str, secrets: bool, url: &str| {
            let signing_secret = Secret::new(signing_secret.to_owned());
            let wanted = Wanted { place: Place::default(), webhook: webhook(password, url), signing_secret };
            let mut plan = Plan::default();
            plan.compare(wanted, webhook("", "x"), &webhook("", url), secrets);
            (plan.steps.len(), plan.with_secrets.len(), plan.with_signing_secrets.len())
        };
        assert_eq!(plan("", "", false, "x"), (0, 0, 0));
        assert_eq!(plan("", "", true, "x"), (0, 0, 0), "there is none to send");
        assert_eq!(plan("", "p", false, "x"), (0, 1, 0));
        assert_eq!(plan("", "p", true, "x"), (1, 0, 0));
        assert_eq!(plan("", "p", false, "y"), (1, 0, 0), "they are sent with what differs");
        assert_eq!(plan("whsec_x", "", true, "x"), (0, 0, 1));
    }

    #[test]
    fn programs_are_told_what_a_step_does() {
        let webhook = |name: &str| Webhook { display_name: name.into(), ..Default::default() };
        let prune = Step::Prune(Box::new(Webhook { namespace: "acme".into(), ..webhook("old") }));
        assert_eq!(prune.json(), json!({"action": "prune", "namespace": "acme", "display_name": "old", "fields": []}),);
        let wanted =
            || Wanted { place: Place::default(), webhook: webhook("new"), signing_secret: Secret::new(String::new()) };
        let create = Step::Create(wanted()).json();
        assert_eq!(
            (&create["action"], &create["namespace"], &create["fields"]),
            (&json!("create"), &json!("default"), &json!([]))
        );
        let differences = differences(&webhook("a"), &webhook("b"));
        let update = Step::Update(wanted(), Box::new(webhook("a")), differences, Vec::new()).json();
        let fields = json!([{"field": "display_name", "before": "a", "after": "b"}]);
        assert_eq!(
            (&update["action"], &update["display_name"], &update["fields"]),
            (&json!("update"), &json!("a"), &fields)
        );
    }
}
