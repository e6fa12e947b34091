//! What would change: each webhook as the server would store it, compared with what it has.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tenterhook_client::v1::{CreateWebhookRequest, ListWebhooksRequest, UpdateWebhookRequest, Webhook};

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
    /// The webhook as it is, and the fields that differ.
    Update(Wanted, Box<Webhook>, Vec<Difference>),
    /// It belongs to the files and is in none.
    Prune(Box<Webhook>),
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
pub(super) async fn plan(wanted: Vec<Wanted>, secrets: bool, session: &Session) -> Result<Vec<Step>, Failure> {
    let mut stored: BTreeMap<(String, String), Webhook> = BTreeMap::new();
    let namespaces: std::collections::BTreeSet<&str> = wanted.iter().map(|one| key(&one.webhook).0).collect();
    for namespace in namespaces {
        let request = ListWebhooksRequest { namespace: namespace.to_owned(), ..Default::default() };
        for webhook in session.all(session.client.list_webhooks(request)).await? {
            stored.insert((namespace.to_owned(), webhook.display_name.clone()), webhook);
        }
    }
    let owners: Vec<String> = wanted.iter().filter_map(|one| one.webhook.labels.get(MANAGED_BY).cloned()).collect();
    let (mut steps, mut problems) = (Vec::new(), Vec::new());
    for one in wanted {
        let (namespace, name) = key(&one.webhook);
        let before = stored.remove(&(namespace.to_owned(), name.to_owned()));
        match check(&one, before.as_ref(), session).await {
            Ok(after) => match before {
                None => steps.push(Step::Create(one)),
                Some(before) => {
                    let differences = differences(&before, &after);
                    if !differences.is_empty() || (secrets && (one.has_references || hides(&one.webhook, &after))) {
                        steps.push(Step::Update(one, Box::new(before), differences));
                    }
                }
            },
            Err(error) => problems.extend(of(&one.place, error)),
        }
    }
    if !problems.is_empty() {
        return Err(Failure::refused("the server refused; nothing was changed").fields(problems));
    }
    let is_owned = |webhook: &Webhook| webhook.labels.get(MANAGED_BY).is_some_and(|owner| owners.contains(owner));
    steps.extend(stored.into_values().filter(is_owned).map(|webhook| Step::Prune(Box::new(webhook))));
    Ok(steps)
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

/// Whether the server does not show a part of what stands in the text of `wanted`.
fn hides(wanted: &Webhook, after: &Webhook) -> bool {
    let texts = |webhook: &Webhook| webhook.request.clone().map(|request| (request.url, request.additional_headers));
    texts(wanted) != texts(after)
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
            Self::Update(_, before, _) => ("update", &**before),
            Self::Prune(webhook) => ("prune", &**webhook),
        };
        let (namespace, name) = key(webhook);
        let fields: Value = match self {
            Self::Update(_, _, differences) => {
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
    use tenterhook_client::v1::{EventRule, RequestTemplate};

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
    fn a_part_of_a_text_that_the_server_hides_is_noticed() {
        let webhook = |url: &str, block: &str| Webhook {
            request: Some(RequestTemplate { url: url.into(), additional_headers: block.into(), ..Default::default() }),
            ..Default::default()
        };
        assert!(!hides(&webhook("https://a", "X: 1"), &webhook("https://a", "X: 1")));
        assert!(hides(&webhook("https://a?token=t", ""), &webhook("https://a?token=***", "")));
        assert!(hides(&webhook("https://a", "Authorization: t"), &webhook("https://a", "Authorization: ***")));
        assert!(!hides(&Webhook::default(), &Webhook::default()));
    }

    #[test]
    fn programs_are_told_what_a_step_does() {
        let webhook = |name: &str| Webhook { display_name: name.into(), ..Default::default() };
        let prune = Step::Prune(Box::new(Webhook { namespace: "acme".into(), ..webhook("old") }));
        assert_eq!(prune.json(), json!({"action": "prune", "namespace": "acme", "display_name": "old", "fields": []}),);
        let wanted = || Wanted {
            place: Place::default(),
            webhook: webhook("new"),
            signing_secret: tenterhook_model::Secret::new(String::new()),
            has_references: false,
        };
        let create = Step::Create(wanted()).json();
        assert_eq!(
            (&create["action"], &create["namespace"], &create["fields"]),
            (&json!("create"), &json!("default"), &json!([]))
        );
        let differences = differences(&webhook("a"), &webhook("b"));
        let update = Step::Update(wanted(), Box::new(webhook("a")), differences).json();
        let fields = json!([{"field": "display_name", "before": "a", "after": "b"}]);
        assert_eq!(
            (&update["action"], &update["display_name"], &update["fields"]),
            (&json!("update"), &json!("a"), &fields)
        );
    }
}
