//! [`Descriptions`]: the `data` of operational events. The webhook is what GetWebhook returns, with the
//! same things masked.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Map, Value, json};
use tenterhook_intake::Describe;
use tenterhook_model::{JsonText, NoticeKind, limits};
use tenterhook_store::Notice;

use crate::wire::delivery::{View, write_attempt};
use crate::wire::webhook::{Standing, write_webhook};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let descriptors = tenterhook_proto::FILE_DESCRIPTOR_SET;
    DescriptorPool::decode(descriptors).expect("the code generator wrote a descriptor set, and a test reads it")
});

/// Fields of health that say what waits at the moment, which nobody has counted.
const OF_BACKLOG: [&str; 2] = ["waiting", "oldest_waiting_time"];
/// Fields of a request or a response that hold its body.
const OF_BODIES: [&str; 3] = ["body", "body_text", "body_truncated"];
/// What is kept of a webhook whose configuration makes the event too large.
const OF_LARGE: [&str; 11] = [
    "id",
    "namespace",
    "display_name",
    "description",
    "disabled",
    "labels",
    "state",
    "state_reason",
    "health",
    "etag",
    "update_time",
];

/// Writes the `data` of operational events.
#[derive(Debug, Clone, Default)]
pub struct Descriptions {
    public_url: Option<String>,
}

impl Descriptions {
    /// Links to the console below `public_url`, which has no slash at its end; to none without it.
    pub fn new(public_url: Option<String>) -> Self {
        Self { public_url }
    }

    fn console_url(&self, notice: &Notice) -> String {
        let webhook = notice.webhook.id;
        self.public_url.as_ref().map_or(String::new(), |base| format!("{base}/console/webhooks/{webhook}"))
    }
}

impl Describe for Descriptions {
    fn data(&self, notice: &Notice) -> JsonText {
        let mut data = json!({
            "summary": summary(notice),
            "webhook": webhook(notice),
            "cause": cause(notice),
            "attempt": attempt(notice),
            "console_url": self.console_url(notice),
        });
        let size = data.to_string().len();
        // Half is left for what templates and journals add; a webhook of this size is mostly templates.
        if size > limits::EVENT_BYTES / 2
            && let Some(Value::Object(webhook)) = data.get_mut("webhook")
        {
            webhook.retain(|name, _| OF_LARGE.contains(&name.as_str()));
        }
        JsonText::parse(&data.to_string()).expect("what was just written is JSON")
    }
}

/// The notice as one sentence.
fn summary(notice: &Notice) -> String {
    let (name, namespace) = (&notice.webhook.spec.display_name, &notice.webhook.namespace);
    let reason = if notice.reason.is_empty() { String::new() } else { format!(": {}", notice.reason) };
    let count = match (notice.kind, notice.count) {
        (NoticeKind::CertificateExpiring, 1) => " within a day".to_owned(),
        (NoticeKind::CertificateExpiring, days) => format!(" within {days} days"),
        (_, 0 | 1) => String::new(),
        (_, count) => format!(" ({count} failures)"),
    };
    format!("Webhook \"{name}\" in namespace {namespace} {}{count}{reason}", notice.kind.phrase())
}

fn webhook(notice: &Notice) -> Value {
    let standing = Standing { health: notice.health.clone(), now: notice.time, ..Standing::default() };
    let mut webhook = proto_json("Webhook", &write_webhook(&notice.webhook, &standing));
    remove(webhook.get_mut("health"), &OF_BACKLOG);
    webhook
}

fn cause(notice: &Notice) -> Value {
    let of = |text: fn(&tenterhook_store::Trigger) -> String| notice.trigger.as_ref().map(text).unwrap_or_default();
    json!({
        "reason": notice.reason,
        "count": notice.count,
        "delivery_id": of(|trigger| trigger.delivery_id.to_string()),
        "event_id": of(|trigger| trigger.event_id.to_string()),
        "event_type": of(|trigger| trigger.event_type.to_string()),
    })
}

/// The attempt without bodies; null when there was none.
fn attempt(notice: &Notice) -> Value {
    let attempt = notice.trigger.as_ref().and_then(|trigger| trigger.attempt.as_ref());
    let Some(attempt) = attempt else { return Value::Null };
    let mut attempt = proto_json("DeliveryAttempt", &write_attempt(attempt, View::Basic));
    for side in ["request", "response"] {
        remove(attempt.get_mut(side), &OF_BODIES);
    }
    attempt
}

fn remove(object: Option<&mut Value>, names: &[&str]) {
    if let Some(Value::Object(object)) = object {
        object.retain(|name, _| !names.contains(&name.as_str()));
    }
}

/// A message of the API as ProtoJSON, with the names of the proto and with defaults written out.
fn proto_json(name: &str, message: &impl Message) -> Value {
    let descriptor = POOL.get_message_by_name(&format!("tenterhook.v1.{name}")).expect("the name is one of the proto");
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice());
    let dynamic = dynamic.expect("a message is decoded as what it was encoded");
    let options =
        SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false).stringify_64_bit_integers(false);
    let written = dynamic.serialize_with_options(serde_json::value::Serializer, &options);
    written.unwrap_or_else(|_| Value::Object(Map::new()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tenterhook_model::webhook::{Halt, HaltedBy, HeaderTemplate, HeaderValue, SigningKey};
    use tenterhook_model::{DeliveryId, Outcome, Secret, SigningKeyId, Timestamp, Webhook, WebhookHealth};
    use tenterhook_store::{NoticeId, Trigger};

    use super::*;

    fn notice() -> Notice {
        let mut webhook = Webhook {
            halt: Some(Halt { by: HaltedBy::Server, reason: "answered 410".into() }),
            signing_keys: vec![SigningKey {
                id: SigningKeyId::from_bytes([1; 16]),
                secret: Secret::new("CANARY-KEY"),
                create_time: Timestamp::default(),
                expire_time: None,
            }],
            ..tenterhook_fixtures::webhook(1)
        };
        let header = HeaderTemplate { name: "X-A".into(), value: HeaderValue::Sensitive(Secret::new("CANARY-HEADER")) };
        webhook.spec.request.headers.push(header);
        webhook.spec.transport.client_private_key_pem = Secret::new("CANARY-PEM");
        let attempt = tenterhook_fixtures::attempt(3, Outcome::HttpStatus);
        Notice {
            id: NoticeId(1),
            event_id: "evt_1".parse().unwrap(),
            kind: NoticeKind::Suspended,
            time: Timestamp::from_millis(1_000),
            webhook: Arc::new(webhook),
            health: WebhookHealth { consecutive_failures: 4, ..WebhookHealth::default() },
            reason: "answered 410".into(),
            count: 0,
            trigger: Some(Trigger {
                delivery_id: DeliveryId::from_bytes([2; 16]),
                event_id: "e".parse().unwrap(),
                event_type: "created".into(),
                attempt: Some(Arc::new(attempt)),
            }),
        }
    }

    fn data(descriptions: &Descriptions, notice: &Notice) -> Value {
        serde_json::from_str(descriptions.data(notice).as_str()).unwrap()
    }

    #[test]
    fn the_data_has_the_webhook_the_cause_the_attempt_and_a_link() {
        let (descriptions, notice) = (Descriptions::new(Some("https://hooks.example.com".into())), notice());
        let data = data(&descriptions, &notice);
        let id = notice.webhook.id.to_string();
        assert_eq!(
            (&data["webhook"]["id"], &data["webhook"]["state"]),
            (&json!(id), &json!("WEBHOOK_STATE_SUSPENDED"))
        );
        assert_eq!(data["webhook"]["health"]["consecutive_failures"], 4);
        assert!(data["webhook"]["health"].get("waiting").is_none(), "nobody counted what waits");
        assert_eq!((&data["cause"]["reason"], &data["cause"]["event_id"]), (&json!("answered 410"), &json!("e")));
        assert_eq!(data["attempt"]["number"], 3);
        assert_eq!(data["console_url"], json!(format!("https://hooks.example.com/console/webhooks/{id}")));
        let summary = data["summary"].as_str().unwrap();
        assert!(summary.ends_with("was suspended by the server: answered 410"), "{summary}");
    }

    #[test]
    fn members_without_a_value_are_there_all_the_same() {
        let data = data(&Descriptions::default(), &Notice { trigger: None, reason: String::new(), ..notice() });
        assert_eq!((&data["attempt"], &data["console_url"]), (&Value::Null, &json!("")));
        assert_eq!((&data["cause"]["delivery_id"], &data["cause"]["count"]), (&json!(""), &json!(0)));
        assert_eq!(data["webhook"]["labels"], json!({}));
    }

    #[test]
    fn the_summary_of_a_certificate_says_how_many_days_are_left() {
        let expiring = |count| Notice { kind: NoticeKind::CertificateExpiring, count, ..notice() };
        assert!(summary(&expiring(7)).contains(" needs a new certificate within 7 days: "));
        assert!(summary(&expiring(1)).contains(" needs a new certificate within a day: "));
    }

    #[test]
    fn no_secret_is_in_the_data() {
        let text = Descriptions::default().data(&notice()).as_str().to_owned();
        assert!(!text.contains("CANARY"), "{text}");
    }

    #[test]
    fn a_webhook_that_is_too_large_keeps_what_names_it() {
        let mut notice = notice();
        Arc::make_mut(&mut notice.webhook).spec.request.body = "x".repeat(limits::EVENT_BYTES);
        let text = Descriptions::default().data(&notice);
        assert!(text.as_str().len() < limits::EVENT_BYTES / 2);
        let data: Value = serde_json::from_str(text.as_str()).unwrap();
        assert_eq!(data["webhook"]["id"], json!(notice.webhook.id.to_string()));
        assert!(data["webhook"].get("request").is_none());
    }
}
