//! Webhooks, from the model to the wire. Secrets stay behind.

use tenterhook_engine::signature::public_key;
use tenterhook_model::webhook::SigningKey;
use tenterhook_model::{Timestamp, Webhook, WebhookHealth, WebhookSpec, WebhookState};
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::Backlog;

use super::authentication::write_authentication;
use super::delivery::write_failure;
use super::policies::{write_breaker, write_rate, write_retry, write_transport};
use super::request::{write_request, write_rule};
use super::signing::{write_algorithm, write_signing};
use super::time::timestamp;

/// How a webhook stands at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// How its receiver has been doing.
    pub(crate) health: WebhookHealth,
    /// What waits for it.
    pub(crate) backlog: Backlog,
    /// The moment.
    pub(crate) now: Timestamp,
}

/// The webhook on the wire, as it stands, with the keys that sign then; its warnings are the
/// caller's to add.
pub(crate) fn write_webhook(webhook: &Webhook, standing: &Standing) -> v1::Webhook {
    v1::Webhook {
        id: webhook.id.to_string(),
        namespace: webhook.namespace.to_string(),
        state: write_state(webhook.state()).into(),
        state_reason: state_reason(webhook),
        signing_keys: webhook.live_keys(standing.now).map(write_key).collect(),
        health: Some(write_health(webhook, standing)),
        etag: webhook.etag(),
        create_time: Some(timestamp(webhook.create_time)),
        update_time: Some(timestamp(webhook.update_time)),
        ..write_spec(&webhook.spec)
    }
}

/// The configuration on the wire; output-only fields are unset.
pub(crate) fn write_spec(spec: &WebhookSpec) -> v1::Webhook {
    v1::Webhook {
        display_name: spec.display_name.clone(),
        description: spec.description.clone(),
        disabled: spec.disabled,
        rules: spec.rules.iter().map(write_rule).collect(),
        request: Some(write_request(&spec.request)),
        signing: write_signing(spec),
        retry: write_retry(&spec.retry),
        circuit_breaker: write_breaker(&spec.circuit_breaker),
        rate_limit: write_rate(&spec.rate_limit),
        transport: write_transport(&spec.transport),
        authentication: spec.authentication.as_ref().map(write_authentication),
        labels: spec.labels.clone(),
        ..Default::default()
    }
}

fn state_reason(webhook: &Webhook) -> String {
    match (&webhook.halt, webhook.spec.disabled) {
        (_, true) => "`disabled` is set".to_owned(),
        (Some(halt), false) => halt.reason.clone(),
        (None, false) => String::new(),
    }
}

pub(crate) fn write_state(state: WebhookState) -> v1::WebhookState {
    match state {
        WebhookState::Active => v1::WebhookState::Active,
        WebhookState::Paused => v1::WebhookState::Paused,
        WebhookState::Suspended => v1::WebhookState::Suspended,
        WebhookState::Disabled => v1::WebhookState::Disabled,
    }
}

/// The state of the wire, if it is one.
pub(crate) fn read_state(state: i32) -> Option<WebhookState> {
    match v1::WebhookState::try_from(state) {
        Ok(v1::WebhookState::Active) => Some(WebhookState::Active),
        Ok(v1::WebhookState::Paused) => Some(WebhookState::Paused),
        Ok(v1::WebhookState::Suspended) => Some(WebhookState::Suspended),
        Ok(v1::WebhookState::Disabled) => Some(WebhookState::Disabled),
        Ok(v1::WebhookState::Unspecified) | Err(_) => None,
    }
}

fn write_key(key: &SigningKey) -> v1::SigningKey {
    v1::SigningKey {
        id: key.id.to_string(),
        create_time: Some(timestamp(key.create_time)),
        expire_time: key.expire_time.map(timestamp),
        algorithm: write_algorithm(key.algorithm()).into(),
        public_key: public_key(key.secret.expose()).unwrap_or_default(),
    }
}

fn write_health(webhook: &Webhook, Standing { health, backlog, now }: &Standing) -> v1::WebhookHealth {
    // What is sent nothing waits for its resumption, not for a probe.
    let probe = health.next_probe.filter(|_| webhook.sends());
    v1::WebhookHealth {
        consecutive_failures: i32::try_from(health.consecutive_failures).unwrap_or(i32::MAX),
        circuit_open: probe.is_some(),
        next_probe_time: probe.filter(|time| time > now).map(timestamp),
        last_success_time: health.last_success.map(timestamp),
        last_failure_time: health.last_failure.map(timestamp),
        last_error: health.last_error.as_ref().map(write_failure),
        failing_since: health.failing_since.map(timestamp),
        waiting: i64::try_from(backlog.waiting).unwrap_or(i64::MAX),
        oldest_waiting_time: backlog.oldest.map(timestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_model::webhook::{Halt, HaltedBy, HeaderTemplate, HeaderValue, TransportPolicy};
    use tenterhook_model::{Lane, Secret, SigningKeyId, WebhookId};

    fn key(number: u8, expire_time: Option<Timestamp>) -> SigningKey {
        SigningKey {
            id: SigningKeyId::from_bytes([number; 16]),
            secret: Secret::new("CANARY-KEY"),
            create_time: Timestamp::from_millis(1),
            expire_time,
        }
    }

    fn webhook() -> Webhook {
        let mut spec = WebhookSpec { display_name: "w".into(), ..Default::default() };
        spec.request
            .headers
            .push(HeaderTemplate { name: "X-A".into(), value: HeaderValue::Sensitive(Secret::new("CANARY-HEADER")) });
        spec.transport =
            TransportPolicy { client_private_key_pem: Secret::new("CANARY-PEM"), ..TransportPolicy::default() };
        Webhook {
            id: WebhookId::from_bytes([1; 16]),
            lane: Lane(1),
            namespace: "team".parse().unwrap(),
            spec,
            halt: None,
            signing_keys: vec![
                key(2, None),
                key(1, Some(Timestamp::from_millis(10))),
                key(0, Some(Timestamp::from_millis(5))),
            ],
            revision: 3,
            create_time: Timestamp::from_millis(1),
            update_time: Timestamp::from_millis(2),
        }
    }

    fn write(webhook: &Webhook) -> v1::Webhook {
        write_webhook(webhook, &Standing { now: Timestamp::from_millis(7), ..Standing::default() })
    }

    #[test]
    fn no_secret_is_written() {
        let written = write(&webhook());
        assert!(!format!("{written:?}").contains("CANARY"));
        assert!(!prost::Message::encode_to_vec(&written).windows(6).any(|bytes| bytes == b"CANARY"));
    }

    #[test]
    fn only_live_keys_are_listed_newest_first() {
        let ids: Vec<_> = write(&webhook()).signing_keys.into_iter().map(|key| key.id).collect();
        assert_eq!(ids, [2, 1].map(|number| SigningKeyId::from_bytes([number; 16]).to_string()));
    }

    #[test]
    fn the_state_and_its_reason_are_told() {
        let told = |webhook: &Webhook| (write(webhook).state(), write(webhook).state_reason);
        let mut webhook = webhook();
        assert_eq!(told(&webhook), (v1::WebhookState::Active, String::new()));
        webhook.halt = Some(Halt { by: HaltedBy::Operator, reason: "maintenance".into() });
        assert_eq!(told(&webhook), (v1::WebhookState::Paused, "maintenance".into()));
        webhook.halt = Some(Halt { by: HaltedBy::Server, reason: "410".into() });
        assert_eq!(told(&webhook), (v1::WebhookState::Suspended, "410".into()));
        webhook.spec.disabled = true;
        assert_eq!(told(&webhook), (v1::WebhookState::Disabled, "`disabled` is set".into()));
    }

    #[test]
    fn states_round_trip() {
        for state in [WebhookState::Active, WebhookState::Paused, WebhookState::Suspended, WebhookState::Disabled] {
            assert_eq!(read_state(write_state(state).into()), Some(state));
        }
        assert_eq!((read_state(0), read_state(5), read_state(-1)), (None, None, None));
    }

    #[test]
    fn health_is_told_with_the_breaker() {
        let health = WebhookHealth {
            consecutive_failures: 7,
            next_probe: Some(Timestamp::from_millis(9)),
            last_success: Some(Timestamp::from_millis(3)),
            ..WebhookHealth::default()
        };
        let backlog = Backlog { waiting: 12, oldest: Some(Timestamp::from_millis(2)) };
        let standing = |now| Standing { health: health.clone(), backlog, now: Timestamp::from_millis(now) };
        let written = write_health(&webhook(), &standing(8));
        assert_eq!((written.consecutive_failures, written.circuit_open), (7, true));
        assert_eq!(written.next_probe_time, Some(timestamp(Timestamp::from_millis(9))));
        assert_eq!(written.last_success_time, Some(timestamp(Timestamp::from_millis(3))));
        assert_eq!(written.last_failure_time, None);
        assert_eq!((written.waiting, written.oldest_waiting_time.unwrap().nanos), (12, 2_000_000));
        let due = write_health(&webhook(), &standing(9));
        assert_eq!((due.circuit_open, due.next_probe_time), (true, None), "no time in the past is shown");
        let halted = Webhook { halt: Some(Halt { by: HaltedBy::Server, reason: "410".into() }), ..webhook() };
        let written = write_health(&halted, &standing(8));
        assert_eq!((written.circuit_open, written.next_probe_time, written.consecutive_failures), (false, None, 7));
    }
}
