//! Every limit that a request can meet, asked for just below, at and just above its value; and
//! the others with the reason why no request meets them. A limit that is in neither list fails.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use tenterhook_model::limits;
use tenterhook_proto::tenterhook::v1::authentication::Method;
use tenterhook_proto::tenterhook::v1::render_preview_request::{Source, Target};
use tenterhook_proto::tenterhook::v1::retry_policy::Backoff;
use tenterhook_proto::tenterhook::v1::{self, watch_deliveries_request::Start};
use tonic::{Code, Status};

use super::bench::{Bench, event, webhook};
use super::{fields, reason};
use crate::canary::mark;

/// A limit, what is allowed, and the field that the refusal names.
struct Row {
    name: &'static str,
    /// Nanoseconds, where it is a time.
    allowed: RangeInclusive<u64>,
    field: &'static str,
}

fn most(name: &'static str, limit: usize, field: &'static str) -> Row {
    Row { name, allowed: 1..=limit as u64, field }
}

fn times(name: &'static str, range: RangeInclusive<Duration>, field: &'static str) -> Row {
    Row { name, allowed: nanos(*range.start())..=nanos(*range.end()), field }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}

/// The limits whose refusal names a field.
fn rows() -> Vec<Row> {
    let seconds = |seconds| Duration::from_secs(seconds);
    let timeouts = limits::ATTEMPT_TIMEOUT_SECONDS;
    let key = limits::STANDARD_WEBHOOKS_KEY_BYTES;
    vec![
        most("EVENT_ID_CHARS", limits::EVENT_ID_CHARS, "event.id"),
        most("NAMESPACE_CHARS", limits::NAMESPACE_CHARS, "event.namespace"),
        most("DISPLAY_NAME_CHARS", limits::DISPLAY_NAME_CHARS, "webhook.display_name"),
        most("DESCRIPTION_CHARS", limits::DESCRIPTION_CHARS, "webhook.description"),
        most("REASON_CHARS", limits::REASON_CHARS, "reason"),
        most("LABELS", limits::LABELS, "event.attributes"),
        most("LABEL_KEY_CHARS", limits::LABEL_KEY_CHARS, "webhook.labels"),
        most("LABEL_VALUE_CHARS", limits::LABEL_VALUE_CHARS, "webhook.labels"),
        most("RULES", limits::RULES, "webhook.rules"),
        most("PATTERNS", limits::PATTERNS, "webhook.rules[0].event_types"),
        most("TYPE_CHARS", limits::TYPE_CHARS, "event.type"),
        most("EVENT_TEXT_CHARS", limits::EVENT_TEXT_CHARS, "event.username"),
        most("URL_BYTES", limits::URL_BYTES, "webhook.request.url"),
        most("HEADERS", limits::HEADERS, "webhook.request.headers"),
        most("HEADER_BYTES", limits::HEADER_BYTES, "webhook.request.headers[0].value"),
        most("HEADERS_BYTES", limits::HEADERS_BYTES, "webhook.request.headers"),
        most("TEMPLATE_BYTES", limits::TEMPLATE_BYTES, "webhook.request.body"),
        most("CONDITIONS_BYTES", limits::CONDITIONS_BYTES, "webhook.rules[0].conditions.json"),
        most("EVENT_BYTES", limits::EVENT_BYTES, "event"),
        most("JSON_DEPTH", limits::JSON_DEPTH, "event.data.json"),
        most("BATCH_EVENTS", limits::BATCH_EVENTS, "events"),
        most("FILTER_ITEMS", limits::FILTER_ITEMS, "filter.event_ids"),
        most("SECRET_CHARS", limits::SECRET_CHARS, "signing_secret"),
        Row {
            name: "STANDARD_WEBHOOKS_KEY_BYTES",
            allowed: *key.start() as u64..=*key.end() as u64,
            field: "signing_secret",
        },
        most("CUSTOM_SIGNATURES", limits::CUSTOM_SIGNATURES, "webhook.signing.custom"),
        most("CUSTOM_SIGNATURE_BYTES", limits::CUSTOM_SIGNATURE_BYTES, "webhook.signing.custom[0].content"),
        most("CREDENTIAL_BYTES", limits::CREDENTIAL_BYTES, "webhook.authentication.oauth2.audience"),
        most("TOKEN_REQUEST_ITEMS", limits::TOKEN_REQUEST_ITEMS, "webhook.authentication.oauth2.scopes"),
        times("ROTATION_GRACE_MAX", Duration::ZERO..=limits::ROTATION_GRACE_MAX, "grace_period"),
        times("TOKEN_LIFETIME_RANGE", limits::TOKEN_LIFETIME_RANGE, "lifetime"),
        most("PEM_BYTES", limits::PEM_BYTES, "webhook.transport.ca_certificates_pem"),
        times(
            "ATTEMPT_TIMEOUT_SECONDS",
            seconds(*timeouts.start())..=seconds(*timeouts.end()),
            "webhook.transport.attempt_timeout",
        ),
        most("ATTEMPTS_MAX", limits::ATTEMPTS_MAX as usize, "webhook.retry.max_attempts"),
        times("BACKOFF_MAX", seconds(1)..=limits::BACKOFF_MAX, "webhook.retry.exponential.max"),
        times("BACKOFF_INITIAL", limits::BACKOFF_INITIAL, "webhook.retry.exponential.initial"),
        most("SCHEDULE_WAITS", limits::SCHEDULE_WAITS, "webhook.retry.schedule.waits"),
        times("DELIVERY_AGE_MAX", Duration::from_millis(1)..=limits::DELIVERY_AGE_MAX, "webhook.retry.max_age"),
        times("STATS_WINDOW_RANGE", limits::STATS_WINDOW_RANGE, "window"),
        times("BREAKER_WAITS", limits::BREAKER_WAITS, "webhook.circuit_breaker.initial_open"),
        times("SUSPEND_AFTER_MAX", Duration::ZERO..=limits::SUSPEND_AFTER_MAX, "webhook.circuit_breaker.suspend_after"),
        most("RATE_MAX", limits::RATE_MAX as usize, "webhook.rate_limit.requests_per_second"),
        most("BACKOFF_MULTIPLIER", *limits::BACKOFF_MULTIPLIER.end() as usize, "webhook.retry.exponential.multiplier"),
        times("BOOKMARK_INTERVAL_RANGE", limits::BOOKMARK_INTERVAL_RANGE, "bookmark_interval"),
    ]
}

/// Limits that requests meet in another way, each with its test in this file or elsewhere.
const MET_OTHERWISE: [(&str, &str); 18] = [
    ("WEBHOOKS_PER_NAMESPACE", "a_namespace_has_so_many_webhooks_and_no_more"),
    ("TOKENS_PER_NAMESPACE", "tokens::a_namespace_has_so_many_tokens_and_no_more"),
    ("TOKEN_LIFETIME", "tokens::a_token_without_a_lifetime_is_valid_for_a_day"),
    ("BODY_BYTES", "a_rendered_body_has_so_many_bytes_and_no_more"),
    ("GRPC_MESSAGE_BYTES", "a_message_has_so_many_bytes_and_no_more"),
    ("PAGE_DEFAULT", "a_page_is_as_long_as_asked_for_up_to_its_limits"),
    ("PAGE_MAX", "a_page_is_as_long_as_asked_for_up_to_its_limits"),
    ("PAGE_BYTES", "a_page_is_as_long_as_asked_for_up_to_its_limits"),
    ("PAGE_FULL_MAX", "a_page_is_as_long_as_asked_for_up_to_its_limits"),
    ("STATS_WINDOW", "statistics_are_as_long_as_asked_for_up_to_their_limits"),
    ("STATS_BUCKETS", "statistics_are_as_long_as_asked_for_up_to_their_limits"),
    ("STATS_WEBHOOKS", "statistics_are_as_long_as_asked_for_up_to_their_limits"),
    ("SIGNING_KEYS", "webhooks::keys_that_sign_at_once_are_bounded"),
    ("ROTATION_GRACE", "what_is_not_asked_for_has_its_default"),
    ("ATTEMPT_TIMEOUT", "what_is_not_asked_for_has_its_default"),
    ("BOOKMARK_INTERVAL", "what_is_not_asked_for_has_its_default"),
    ("JOURNAL_PAGE", "watch::a_watcher_that_does_not_read_holds_nobody_up_and_gets_everything_later"),
    ("COMMIT_ITEMS", "steps::a_batch_over_very_many_is_made_in_steps_between_which_others_go_on"),
];

/// Limits of the server's own that no request can pass: what they bound, and their tests.
const INTERNAL: [(&str, &str); 112] = [
    ("DNS_TIMEOUT", "deliver: guarded"),
    ("DNS_RECORDS", "deliver: guarded"),
    ("CONNECT_TIMEOUT", "deliver: guarded"),
    ("TLS_TIMEOUT", "deliver: tls"),
    ("TOKEN_REQUEST_TIMEOUT", "token servers; deliver: token"),
    ("ACCESS_TOKENS", "tokens in memory; deliver: tokens"),
    ("ANSWER_READ_BYTES", "what a receiver answers; deliver: capture, exchange"),
    ("BODY_KEPT_BYTES", "what is kept of bodies; deliver: capture, exchange"),
    ("ERROR_TEXT_BYTES", "what is kept of an error; deliver: attempt"),
    ("HEADER_TEXT_BYTES", "what the templates of headers render to; cage: pool"),
    ("RETRY_AFTER_MAX", "what a receiver asks for; policy: retry_after"),
    ("IN_FLIGHT", "the default of --max-in-flight; sim: in_flight_within_limit"),
    ("IN_FLIGHT_PER_WEBHOOK", "sim: in_flight_within_limit"),
    ("RETENTION", "the default of --retention; command: config"),
    ("COMMIT_QUEUE", "publishers over it are told to come back; store: admission"),
    ("COMMIT_QUEUE_BYTES", "publishers over it are told to come back; store: admission"),
    ("LANE_HEAD", "memory of due deliveries; store: head"),
    ("HEADS_BYTES", "memory of due deliveries; store: head"),
    ("UNSETTLED", "memory of outcomes; dispatch: record"),
    ("UNSETTLED_BYTES", "memory of outcomes; dispatch: record"),
    ("CONTEXTS", "memory of events; dispatch: contexts"),
    ("CONTEXTS_BYTES", "memory of events; dispatch: contexts"),
    ("DRAIN_GRACE", "the default of --drain-grace; dispatch: drain"),
    ("MOVING_BACKLOG", "publishers wait for receivers that keep up; store: admission"),
    ("ADMISSION_WAIT", "publishers wait for receivers that keep up; store: admission"),
    ("ATTEMPTS_DEFAULT", "what a webhook gets that does not say; policy: properties"),
    ("FAILURES_TO_OPEN_DEFAULT", "what a webhook gets that does not say; policy: properties"),
    ("INITIAL_OPEN_DEFAULT", "what a webhook gets that does not say; policy: properties"),
    ("MAX_OPEN_DEFAULT", "what a webhook gets that does not say; policy: properties"),
    ("SUSPEND_AFTER_DEFAULT", "what a webhook gets that does not say; policy: breaker"),
    ("REQUEST_MEMORY", "how long request ids count; store: webhooks, retention"),
    ("MINUTES_KEPT", "how exact old counts are; store: counts"),
    ("HOURS_KEPT", "how old counts are; store: counts"),
    ("STREAMS_PER_CONNECTION", "calls on one connection; grpc: crowd"),
    ("LOCAL_RESETS", "resets on one connection; process: hostile"),
    ("STREAM_WINDOW_BYTES", "what waits of a call; door: small"),
    ("CONNECTION_WINDOW_BYTES", "what waits of a connection; door: small, memory"),
    ("HEADER_LIST_BYTES", "headers of a call; door"),
    ("KEEPALIVE_AFTER", "silent connections; door"),
    ("KEEPALIVE_TIMEOUT", "silent connections; door"),
    ("CONNECTION_AGE", "old connections; door"),
    ("CONNECTION_AGE_GRACE", "old connections; door"),
    ("CALL_TIMEOUT", "slow calls; api: gate"),
    ("OPEN_CALL_TIMEOUT", "slow calls; api: gate"),
    ("BATCH_TIMEOUT", "slow calls; api: gate"),
    ("CALLS", "many calls; grpc: crowd"),
    ("STREAMS", "many streams; grpc: crowd"),
    ("MESSAGE_MEMORY_BYTES", "messages that grow; api: intake, door: swollen"),
    ("LIST_ITEMS", "messages that grow; api: walk, door: swollen"),
    ("OPEN_MESSAGE_BYTES", "messages of methods without a key; api: intake"),
    ("TEMPLATE_STEPS", "work of templates; jinja: limits"),
    ("WORKER_TIMEOUT", "render workers; cage: pool"),
    ("WORKER_WAIT", "render workers; cage: pool"),
    ("DATABASE_WAIT", "a database that does not answer; store: postgres"),
    ("LEASE", "the default of --lease; store: postgres"),
    ("LEASE_RANGE", "values of --lease; server: config"),
    ("NODE_WAIT", "between nodes; server: door"),
    ("WAITING_CALLS", "between nodes; server: relay"),
    ("PREVIEWS_PER_NAMESPACE", "previews that wait; cage: turns"),
    ("PAGE_TOKEN_CHARS", "tokens of pages are the server's own; api: token"),
    ("API_KEY_CHARS", "a longer key is unknown; api: access"),
    ("ACCESS_TOKEN_KEPT", "what a token server grants; deliver: token"),
    ("DNS_KEPT", "what a name server answers; deliver: resolver"),
    ("DNS_ABSENCE_KEPT", "what a name server answers; deliver: resolver"),
    ("RECEIVER_IDLE", "unused connections; deliver: pool"),
    ("RESENDS", "what a receiver did not process; deliver: resend"),
    ("ANSWER_HEAD_BYTES", "what a receiver answers; deliver: http1"),
    ("SIGNATURE_TOLERANCE", "what a receiver accepts; engine: verify"),
    ("IN_FLIGHT_MAX", "values of --max-in-flight; server: config"),
    ("THREADS_MAX", "values of --threads; server: config"),
    ("RETENTION_RANGE", "values of --retention; server: config"),
    ("DISK_RESERVE_BYTES", "full disks; store: place"),
    ("WEBHOOK_METRICS", "the default of --webhook-metrics; server: config"),
    ("WEBHOOK_METRICS_MAX", "values of --webhook-metrics; server: config"),
    ("DRAIN_GRACE_MAX", "values of --drain-grace; server: config"),
    ("OPEN_STREAMS", "many streams without a key; api: gate"),
    ("REFUSALS", "floods of refused calls; api: connection"),
    ("CALLS_BYTES", "memory of calls; api: gate"),
    ("BACKUPS", "backups at once; api: backup"),
    ("MESSAGE_TIMEOUT", "slow messages; api: intake"),
    ("OPENING_TIMEOUT", "silent connections; door"),
    ("NEXT_HEAD_TIMEOUT", "silent connections; door"),
    ("WRITE_STALL", "clients that do not read; door: wire"),
    ("RESPONSE_ROUND", "clients that read slowly; door"),
    ("OPERATIONS_CONNECTIONS", "connections of probes; server: http"),
    ("CONSOLE_SESSIONS", "sessions of the console; console: sessions"),
    ("CONSOLE_IDLE", "sessions of the console; console: sessions"),
    ("CONSOLE_SESSION_LIFE", "sessions of the console; console: sessions"),
    ("SIGN_IN_BYTES", "sign-ins of the console; console"),
    ("SIGN_IN_TIMEOUT", "sign-ins of the console; http: console"),
    ("TEMPLATE_RANGE", "values and sources of templates; jinja: edges"),
    ("TEMPLATE_LIST_ITEMS", "values and sources of templates; jinja: lists_and_dicts"),
    ("TEMPLATE_DICT_ENTRIES", "values and sources of templates; jinja: lists_and_dicts"),
    ("TEMPLATE_NAMESPACE_MEMBERS", "values and sources of templates; jinja: edges"),
    ("TEMPLATE_INTEGER_DIGITS", "values and sources of templates; jinja: edges"),
    ("TEMPLATE_INTEGER_BITS", "values and sources of templates; jinja: edges"),
    ("TEMPLATE_STATEMENT_DEPTH", "values and sources of templates; jinja: edges"),
    ("TEMPLATE_EXPRESSION_DEPTH", "values and sources of templates; jinja: edges"),
    ("TEMPLATE_EXPRESSION_STEPS", "values and sources of templates; jinja: faults"),
    ("TEMPLATE_TARGETS", "values and sources of templates; jinja: edges"),
    ("TEMPLATE_BRANCHES", "values and sources of templates; jinja: edges"),
    ("TEMPLATE_PARTS", "values and sources of templates; jinja: edges"),
    ("TEMPLATE_RECURSION", "values and sources of templates; jinja: statements"),
    ("TEMPLATE_VALUE_DEPTH", "values and sources of templates; jinja: charges"),
    ("TEMPLATE_ERRORS", "values and sources of templates; jinja: edges"),
    ("REGEX_BYTES", "regular expressions; pattern: lib"),
    ("REGEXES_BYTES", "regular expressions; pattern: lib"),
    ("REGEX_GROUP_DEPTH", "regular expressions; pattern: lib"),
    ("REGEX_REPEATS", "regular expressions; pattern: lib"),
    ("REGEX_INSTRUCTIONS", "regular expressions; pattern: lib"),
    ("REGEX_BACKTRACK_STEPS", "regular expressions; pattern: lib"),
    ("REGEX_BACKTRACK_BYTES", "regular expressions; pattern: lib"),
];

#[test]
fn every_limit_has_its_case_or_the_reason_why_none_can_meet_it() {
    let declared: BTreeSet<&str> = limits::TABLE.iter().map(|limit| limit.name).collect();
    let rows = rows();
    let listed = rows.iter().map(|row| row.name).chain(MET_OTHERWISE.iter().chain(&INTERNAL).map(|(name, _)| *name));
    let listed: Vec<&str> = listed.collect();
    let known: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(known.len(), listed.len(), "a limit is listed once");
    assert_eq!(declared, known);
}

#[tokio::test(start_paused = true)]
async fn every_limit_is_allowed_and_what_is_beyond_it_is_refused_by_its_field() {
    let bench = Bench::new().await;
    for Row { name, allowed, field } in rows() {
        let (low, high) = (*allowed.start(), *allowed.end());
        for size in [low, high - 1, high] {
            ask(&bench, name, size).await.unwrap_or_else(|error| panic!("{name} of {size}: {error}"));
        }
        let beyond = if low > 1 { vec![low - 1, high + 1] } else { vec![high + 1] };
        for size in beyond {
            let refused = ask(&bench, name, size).await.expect_err(name);
            assert_eq!(refused.code(), Code::InvalidArgument, "{name} of {size}: {refused}");
            assert_eq!(fields(&refused), [field], "{name} of {size}: {}", refused.message());
        }
    }
}

/// Makes a request that takes up `size` of a limit.
async fn ask(bench: &Bench, limit: &str, size: u64) -> Result<(), Status> {
    let count = usize::try_from(size).unwrap();
    let text = "a".repeat(count.min(1 << 20));
    match limit {
        "EVENT_ID_CHARS" | "NAMESPACE_CHARS" | "TYPE_CHARS" | "EVENT_TEXT_CHARS" | "LABELS" | "EVENT_BYTES"
        | "JSON_DEPTH" => publish(bench, sized_event(limit, count, text)).await,
        "BATCH_EVENTS" => {
            let request = v1::BatchPublishEventsRequest { events: vec![event("created"); count] };
            bench.events().batch_publish_events(request).await.map(drop)
        }
        "FILTER_ITEMS" => {
            let filter = v1::EventFilter { event_ids: vec!["e".into(); count], ..Default::default() };
            let request = v1::ListEventsRequest { filter: Some(filter), ..Default::default() };
            bench.events().list_events(request).await.map(drop)
        }
        "REASON_CHARS" => {
            let request = v1::PauseWebhookRequest {
                webhook_id: bench.webhook(&unique()).await,
                reason: text,
                ..Default::default()
            };
            bench.webhooks().pause_webhook(request).await.map(drop)
        }
        "ROTATION_GRACE_MAX" => {
            let webhook_id = bench.webhook(&unique()).await;
            let grace_period = Some(duration(size));
            let request = v1::RotateSigningKeyRequest { webhook_id, grace_period, ..Default::default() };
            bench.webhooks().rotate_signing_key(request).await.map(drop)
        }
        "TOKEN_LIFETIME_RANGE" => {
            let (role, display_name, lifetime) = ("viewer".to_owned(), unique(), Some(duration(size)));
            let request = v1::CreateTokenRequest { role, display_name, lifetime, ..Default::default() };
            bench.tokens_as("admin").create_token(request).await.map(drop)
        }
        "BOOKMARK_INTERVAL_RANGE" => {
            let bookmark_interval = Some(duration(size));
            let request = v1::WatchDeliveriesRequest { bookmark_interval, ..Default::default() };
            bench.deliveries().watch_deliveries(request).await.map(drop)
        }
        "STATS_WINDOW_RANGE" => {
            let request = v1::GetDeliveryStatsRequest { window: Some(duration(size)), ..Default::default() };
            bench.deliveries().get_delivery_stats(request).await.map(drop)
        }
        "SECRET_CHARS" => create(bench, webhook(&unique()), &text).await,
        "STANDARD_WEBHOOKS_KEY_BYTES" => {
            use base64::Engine as _;
            let key = base64::engine::general_purpose::STANDARD.encode(vec![7; count]);
            let signing = Some(v1::SigningPolicy { schemes: vec![2], ..Default::default() });
            create(bench, v1::Webhook { signing, ..webhook(&unique()) }, &format!("whsec_{key}")).await
        }
        _ => create(bench, sized_webhook(limit, size, text), "").await,
    }
}

async fn publish(bench: &Bench, event: v1::Event) -> Result<(), Status> {
    bench.events().publish_event(v1::PublishEventRequest { event: Some(event) }).await.map(drop)
}

async fn create(bench: &Bench, webhook: v1::Webhook, secret: &str) -> Result<(), Status> {
    let (webhook, signing_secret) = (Some(webhook), secret.to_owned());
    let request = v1::CreateWebhookRequest { webhook, signing_secret, ..Default::default() };
    bench.webhooks().create_webhook(request).await.map(drop)
}

fn sized_event(limit: &str, count: usize, text: String) -> v1::Event {
    let base = v1::Event { data: None, ..event("created") };
    let json = |text: String| Some(v1::JsonDocument { value: Some(v1::json_document::Value::Json(text)) });
    match limit {
        "EVENT_ID_CHARS" => v1::Event { id: text, ..base },
        "NAMESPACE_CHARS" => v1::Event { namespace: text, ..base },
        "TYPE_CHARS" => v1::Event { r#type: text, ..base },
        "EVENT_TEXT_CHARS" => v1::Event { username: text, ..base },
        "LABELS" => v1::Event { attributes: numbered(count), ..base },
        "JSON_DEPTH" => v1::Event { data: json(format!("{}{}", "[".repeat(count), "]".repeat(count))), ..base },
        "EVENT_BYTES" => {
            // What counts beside the data: the id, the namespace, type and object type, two quotes.
            let id = unique();
            let rest = id.len() + "default".len() + base.r#type.len() + base.object_type.len() + 2;
            v1::Event { id, data: json(format!("\"{}\"", "a".repeat(count.saturating_sub(rest)))), ..base }
        }
        other => panic!("no event has {other}"),
    }
}

fn sized_webhook(limit: &str, size: u64, text: String) -> v1::Webhook {
    let (count, base) = (usize::try_from(size).unwrap(), webhook(&unique()));
    let retry = |retry| v1::Webhook { retry: Some(retry), ..webhook(&unique()) };
    let transport = |transport| v1::Webhook { transport: Some(transport), ..webhook(&unique()) };
    let rule = |rule| v1::Webhook { rules: vec![rule], ..webhook(&unique()) };
    let custom = |header, content| v1::CustomSignature { header, content, ..Default::default() };
    let breaker = |circuit_breaker| v1::Webhook { circuit_breaker: Some(circuit_breaker), ..webhook(&unique()) };
    let exponential = |initial, max, multiplier| {
        let backoff = v1::ExponentialBackoff { initial: Some(duration(initial)), max, multiplier };
        retry(v1::RetryPolicy { backoff: Some(Backoff::Exponential(backoff)), ..Default::default() })
    };
    match limit {
        "DISPLAY_NAME_CHARS" => v1::Webhook { display_name: text, ..base },
        "DESCRIPTION_CHARS" => v1::Webhook { description: text, ..base },
        "LABEL_KEY_CHARS" => v1::Webhook { labels: [(text, "v".into())].into(), ..base },
        "LABEL_VALUE_CHARS" => v1::Webhook { labels: [("k".into(), text)].into(), ..base },
        "RULES" => v1::Webhook { rules: vec![v1::EventRule::default(); count], ..base },
        "PATTERNS" => rule(v1::EventRule { event_types: vec!["a".into(); count], ..Default::default() }),
        "CONDITIONS_BYTES" => {
            let (head, tail) = (r#"{"attr": "a", "value": ""#, r#""}"#);
            let value = "a".repeat(count.saturating_sub(head.len() + tail.len()));
            let text =
                if count < head.len() + tail.len() { "{\"and\": []}".into() } else { format!("{head}{value}{tail}") };
            let conditions = Some(v1::JsonDocument { value: Some(v1::json_document::Value::Json(text)) });
            rule(v1::EventRule { conditions, ..Default::default() })
        }
        "PEM_BYTES" => {
            let pem = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap().cert.pem();
            // Text around the blocks is allowed (RFC 7468 section 2).
            let ca_certificates_pem = format!("{}{pem}", "\n".repeat(count.saturating_sub(pem.len())));
            transport(v1::TransportPolicy { ca_certificates_pem, ..Default::default() })
        }
        "ATTEMPT_TIMEOUT_SECONDS" => {
            transport(v1::TransportPolicy { attempt_timeout: Some(duration(size)), ..Default::default() })
        }
        "CUSTOM_SIGNATURES" => {
            let custom = (0..count).map(|number| custom(format!("X-{number}"), String::new())).collect();
            v1::Webhook { signing: Some(v1::SigningPolicy { schemes: Vec::new(), custom }), ..base }
        }
        "CREDENTIAL_BYTES" | "TOKEN_REQUEST_ITEMS" => {
            let is_text = limit == "CREDENTIAL_BYTES";
            let oauth2 = v1::OAuth2ClientCredentials {
                token_url: "https://auth.example.com/token".into(),
                client_id: "c".into(),
                client_secret: mark::hidden("client"),
                audience: if is_text { text } else { String::new() },
                scopes: if is_text { Vec::new() } else { vec!["s".into(); count] },
                ..Default::default()
            };
            v1::Webhook { authentication: Some(v1::Authentication { method: Some(Method::Oauth2(oauth2)) }), ..base }
        }
        "CUSTOM_SIGNATURE_BYTES" => {
            let custom = vec![custom("X-A".into(), text)];
            v1::Webhook { signing: Some(v1::SigningPolicy { schemes: Vec::new(), custom }), ..base }
        }
        "ATTEMPTS_MAX" => retry(v1::RetryPolicy { max_attempts: size as i32, ..Default::default() }),
        "DELIVERY_AGE_MAX" => retry(v1::RetryPolicy { max_age: Some(duration(size)), ..Default::default() }),
        "BACKOFF_INITIAL" => exponential(size, None, 2.0),
        "BACKOFF_MAX" => exponential(1_000_000_000, Some(duration(size)), 2.0),
        "BACKOFF_MULTIPLIER" => exponential(1_000_000_000, None, size as f64),
        "BREAKER_WAITS" => breaker(v1::CircuitBreaker { initial_open: Some(duration(size)), ..Default::default() }),
        "SUSPEND_AFTER_MAX" => {
            breaker(v1::CircuitBreaker { suspend_after: Some(duration(size)), ..Default::default() })
        }
        "RATE_MAX" => {
            let rate_limit = Some(v1::RateLimit { requests_per_second: size as f64, ..Default::default() });
            v1::Webhook { rate_limit, ..base }
        }
        "SCHEDULE_WAITS" => {
            let waits = vec![duration(1_000_000_000); count];
            let backoff = Some(Backoff::Schedule(v1::BackoffSchedule { waits }));
            retry(v1::RetryPolicy { backoff, ..Default::default() })
        }
        _ => v1::Webhook { request: Some(sized_request(limit, count, text)), ..base },
    }
}

fn sized_request(limit: &str, count: usize, text: String) -> v1::RequestTemplate {
    let base = webhook("").request.unwrap();
    let header = |name: String, value: String| v1::HeaderTemplate { name, value, sensitive: false };
    match limit {
        "URL_BYTES" => {
            let url = "https://hooks.example.com/";
            v1::RequestTemplate { url: format!("{url}{}", "a".repeat(count.saturating_sub(url.len()))), ..base }
        }
        "HEADERS" => {
            let headers = (0..count).map(|number| header(format!("X-{number}"), "v".into())).collect();
            v1::RequestTemplate { headers, ..base }
        }
        "HEADER_BYTES" => {
            let headers = vec![header("X-A".into(), "v".repeat(count.saturating_sub(3)))];
            v1::RequestTemplate { headers, ..base }
        }
        "HEADERS_BYTES" => {
            let sizes = (0..count).step_by(8_000).map(|from| (count - from).min(8_000));
            let headers = sizes.enumerate().filter(|(_, size)| *size > 4);
            let headers = headers.map(|(number, size)| header(format!("X-{number}"), "v".repeat(size - 3))).collect();
            v1::RequestTemplate { headers, ..base }
        }
        "TEMPLATE_BYTES" => v1::RequestTemplate { body: text, ..base },
        other => panic!("no webhook has {other}"),
    }
}

fn duration(nanos: u64) -> prost_types::Duration {
    prost_types::Duration { seconds: (nanos / 1_000_000_000) as i64, nanos: (nanos % 1_000_000_000) as i32 }
}

fn numbered(count: usize) -> std::collections::BTreeMap<String, String> {
    (0..count).map(|number| (format!("k{number}"), "v".to_owned())).collect()
}

/// A text that was not used before.
fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("u{:08}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[tokio::test]
async fn a_namespace_has_so_many_webhooks_and_no_more() {
    let bench = Bench::new().await;
    let id = bench.webhook("template").await;
    let template = bench.store.webhooks().by_id[&id.parse().unwrap()].clone();
    for number in 1..limits::WEBHOOKS_PER_NAMESPACE as u128 - 1 {
        let mut webhook = tenterhook_model::Webhook::clone(&template);
        webhook.id = tenterhook_model::WebhookId::from_bytes(number.to_be_bytes());
        webhook.spec.display_name = number.to_string();
        let (webhook, expect) = (Box::new(webhook), tenterhook_store::Expect::Absent);
        let change = tenterhook_store::WebhookChange::Put { webhook, expect, request: None };
        bench.store.save_webhook(change).await.unwrap();
    }
    create(&bench, webhook("last"), "").await.unwrap();
    let refused = create(&bench, webhook("one too many"), "").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "LIMIT_EXCEEDED"));
    create(&bench, v1::Webhook { namespace: "other".into(), ..webhook("elsewhere") }, "").await.unwrap();
}

#[tokio::test]
async fn a_rendered_body_has_so_many_bytes_and_no_more() {
    let bench = Bench::new().await;
    let errors = async |bytes: usize| {
        let mut draft = webhook("");
        draft.request.as_mut().unwrap().body = format!("{{{{ 'a' * {bytes} }}}}");
        let (target, source) = (Some(Target::Webhook(draft)), Some(Source::Event(event("created"))));
        let request = v1::RenderPreviewRequest { target, source };
        bench.webhooks().render_preview(request).await.unwrap().into_inner().errors
    };
    for bytes in [limits::BODY_BYTES - 1, limits::BODY_BYTES] {
        assert!(errors(bytes).await.is_empty(), "{bytes}");
    }
    assert_eq!(errors(limits::BODY_BYTES + 1).await[0].field, "request.body");
}

#[tokio::test]
async fn a_message_has_so_many_bytes_and_no_more() {
    let bench = Bench::new().await;
    let refused = async |bytes: usize| {
        // A tag and a length of four bytes come before the text.
        let request = v1::GetWebhookRequest { webhook_id: "a".repeat(bytes - 5), ..Default::default() };
        assert_eq!(prost::Message::encoded_len(&request), bytes);
        bench.webhooks().get_webhook(request).await.unwrap_err()
    };
    for bytes in [limits::GRPC_MESSAGE_BYTES - 1, limits::GRPC_MESSAGE_BYTES] {
        assert_eq!(fields(&refused(bytes).await), ["webhook_id"], "it is read, and is no id");
    }
    let over = refused(limits::GRPC_MESSAGE_BYTES + 1).await;
    assert_eq!((over.code(), reason(&over).as_str()), (Code::ResourceExhausted, "LIMIT_EXCEEDED"));
}

#[tokio::test]
async fn a_page_is_as_long_as_asked_for_up_to_its_limits() {
    let bench = Bench::new().await;
    bench.webhook("w").await;
    for events in [limits::BATCH_EVENTS, 1] {
        let request = v1::BatchPublishEventsRequest { events: vec![event("created"); events] };
        bench.events().batch_publish_events(request).await.unwrap();
    }
    let most = limits::PAGE_MAX as i32;
    for (asked, given) in
        [(0, limits::PAGE_DEFAULT as i32), (1, 1), (most - 1, most - 1), (most, most), (most + 1, most)]
    {
        let request = v1::ListDeliveriesRequest { page_size: asked, ..Default::default() };
        let page = bench.deliveries().list_deliveries(request).await.unwrap().into_inner();
        assert_eq!((page.deliveries.len() as i32, page.next_page_token.is_empty()), (given, false), "{asked}");
    }
    let request =
        v1::ListDeliveriesRequest { page_size: most, view: v1::DeliveryView::Full.into(), ..Default::default() };
    let page = bench.deliveries().list_deliveries(request).await.unwrap().into_inner();
    assert_eq!(page.deliveries.len(), limits::PAGE_FULL_MAX);
    for _ in 0..20 {
        publish(&bench, sized_event("EVENT_BYTES", limits::EVENT_BYTES, String::new())).await.unwrap();
    }
    let page = bench.events().list_events(v1::ListEventsRequest::default()).await.unwrap().into_inner();
    let bytes = prost::Message::encoded_len(&page);
    assert!((limits::PAGE_BYTES..limits::GRPC_MESSAGE_BYTES).contains(&bytes), "{bytes}");
    assert!(page.events.len() < 20 && !page.next_page_token.is_empty());
}

#[tokio::test]
async fn statistics_are_as_long_as_asked_for_up_to_their_limits() {
    const MINUTE: u64 = 60_000_000_000;
    let bench = Bench::new().await;
    for number in 0..=limits::STATS_WEBHOOKS {
        bench.webhook(&format!("w{number}")).await;
    }
    publish(&bench, event("created")).await.unwrap();
    let stats = async |window: Option<u64>| {
        let (window, bucket_width) = (window.map(duration), Some(duration(MINUTE)));
        let request = v1::GetDeliveryStatsRequest { window, bucket_width, ..Default::default() };
        bench.deliveries().get_delivery_stats(request).await.map(tonic::Response::into_inner)
    };
    let default = stats(None).await.unwrap();
    assert_eq!(default.webhooks.len(), limits::STATS_WEBHOOKS);
    let buckets = u64::from(limits::STATS_BUCKETS);
    for minutes in [limits::STATS_WINDOW.as_secs() / 60, buckets - 1, buckets] {
        // The oldest bucket begins in the middle of its minute, unless the clock is at a full one.
        let given = stats(Some(minutes * MINUTE)).await.unwrap().buckets.len() as u64;
        assert!((minutes..=minutes + 1).contains(&given), "{minutes}: {given}");
    }
    assert_eq!(fields(&stats(Some((buckets + 1) * MINUTE)).await.unwrap_err()), ["bucket_width"]);
    let an_hour = stats(Some(nanos(limits::STATS_WINDOW))).await.unwrap();
    assert_eq!(default.buckets.len(), an_hour.buckets.len(), "the default window is an hour");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_asked_for_has_its_default() {
    let bench = Bench::new().await;
    let request = v1::CreateWebhookRequest {
        webhook: Some(webhook("w")),
        signing_secret: mark::signing("secret"),
        ..Default::default()
    };
    let made = bench.create(request).await.webhook.unwrap();
    let rotate = v1::RotateSigningKeyRequest { webhook_id: made.id.clone(), ..Default::default() };
    let rotated = bench.webhooks().rotate_signing_key(rotate).await.unwrap().into_inner().webhook.unwrap();
    let (made_at, ends) = (rotated.signing_keys[0].create_time.unwrap(), rotated.signing_keys[1].expire_time.unwrap());
    assert_eq!((ends.seconds - made_at.seconds) as u64, limits::ROTATION_GRACE.as_secs());

    let test = v1::TestWebhookRequest { webhook_id: made.id, ..Default::default() };
    bench.webhooks().test_webhook(test).await.unwrap();
    let sent = bench.sent.lock().unwrap()[0].transport.deadline();
    assert_eq!(sent, limits::ATTEMPT_TIMEOUT);

    let start = Some(Start::Position(v1::WatchPosition::Now.into()));
    let request = v1::WatchDeliveriesRequest { start, ..Default::default() };
    let mut watch = bench.deliveries().watch_deliveries(request).await.unwrap().into_inner();
    watch.message().await.unwrap();
    let begun = tokio::time::Instant::now();
    watch.message().await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), limits::BOOKMARK_INTERVAL.as_secs());
}
