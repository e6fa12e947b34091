//! Every limit of the server, in one table.
//!
//! A queue, body, template, header, stream, retry or text without a limit here is a fault.

use std::time::Duration;

/// Bytes in a kibibyte.
const KIB: usize = 1024;

/// Characters of an event id (<https://www.standardwebhooks.com> joins ids with dots, so none are allowed).
pub const EVENT_ID_CHARS: usize = 128;
/// Characters of a namespace: a DNS label (RFC 1035 section 2.3.4).
pub const NAMESPACE_CHARS: usize = 63;
/// Characters of a webhook's or rule's display name, as in NetBox.
pub const DISPLAY_NAME_CHARS: usize = 150;
/// Characters of a webhook's description.
pub const DESCRIPTION_CHARS: usize = 2_000;
/// Characters of a reason given for a pause.
pub const REASON_CHARS: usize = 2_000;
/// Labels of a webhook, attributes of an event or rule.
pub const LABELS: usize = 64;
/// Characters of the key of a label or attribute.
pub const LABEL_KEY_CHARS: usize = 128;
/// Characters of the value of a label or attribute.
pub const LABEL_VALUE_CHARS: usize = 1_024;
/// Rules of a webhook.
pub const RULES: usize = 64;
/// Patterns in one list of a rule, filter or host list.
pub const PATTERNS: usize = 64;
/// Characters of a pattern, event type or object type.
pub const TYPE_CHARS: usize = 255;
/// Characters of a username, request id or ordering key.
pub const EVENT_TEXT_CHARS: usize = 255;
/// Webhooks in one namespace.
pub const WEBHOOKS_PER_NAMESPACE: usize = 10_000;

/// Bytes of a URL, as a template and rendered.
pub const URL_BYTES: usize = 8 * KIB;
/// Headers of one request.
pub const HEADERS: usize = 64;
/// Bytes of one header, name and value.
pub const HEADER_BYTES: usize = 8 * KIB;
/// Bytes of all headers of one request.
pub const HEADERS_BYTES: usize = 32 * KIB;
/// Bytes that one header's template, or that of the additional headers, renders to, blanks and empty lines included.
pub const HEADER_TEXT_BYTES: usize = 64 * KIB;
/// Bytes of the source of one template or expression.
pub const TEMPLATE_BYTES: usize = 64 * KIB;
/// Bytes of a condition set.
pub const CONDITIONS_BYTES: usize = 64 * KIB;
/// Bytes of a rendered body.
pub const BODY_BYTES: usize = 1024 * KIB;
/// Bytes of an event as a whole.
pub const EVENT_BYTES: usize = 256 * KIB;
/// Levels of nesting in a JSON document.
pub const JSON_DEPTH: usize = 128;
/// Bytes of one gRPC message.
pub const GRPC_MESSAGE_BYTES: usize = 4 * 1024 * KIB;
/// Events of one batch.
pub const BATCH_EVENTS: usize = 1_000;
/// Items of a page when the caller does not say.
pub const PAGE_DEFAULT: usize = 50;
/// The most items of a page.
pub const PAGE_MAX: usize = 1_000;
/// Bytes of the records on one page; a page ends early beyond this.
pub const PAGE_BYTES: usize = 3 * 1024 * KIB;
/// Ids or patterns in one list of a filter.
pub const FILTER_ITEMS: usize = 100;

/// Characters of a signing secret, for the schemes that take any text.
pub const SECRET_CHARS: usize = 255;
/// Bytes of a Standard Webhooks key (specification, "Signature scheme").
pub const STANDARD_WEBHOOKS_KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Keys of one webhook that sign at the same time.
pub const SIGNING_KEYS: usize = 8;
/// How long the old key goes on signing after a rotation when the caller does not say.
pub const ROTATION_GRACE: Duration = Duration::from_secs(24 * 3_600);
/// The longest that an old key may go on signing after a rotation.
pub const ROTATION_GRACE_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Bytes of a PEM field.
pub const PEM_BYTES: usize = 64 * KIB;

/// Time for one attempt, from the name look-up to the last byte of the answer.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// What a webhook may set as the time for one attempt, in seconds.
pub const ATTEMPT_TIMEOUT_SECONDS: std::ops::RangeInclusive<u64> = 1..=60;
/// Time for the name look-up of one attempt.
pub const DNS_TIMEOUT: Duration = Duration::from_secs(2);
/// Addresses that are dialled for one name, of those that are permitted.
pub const DNS_RECORDS: usize = 16;
/// Time for the TCP connection of one attempt, to whichever address accepts it.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for the TLS handshake of one attempt.
pub const TLS_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer's body that are read before the connection is given up.
pub const ANSWER_READ_BYTES: usize = 64 * KIB;
/// Bytes of a request's or answer's body that are kept with the attempt.
pub const BODY_KEPT_BYTES: usize = 16 * KIB;
/// Bytes of the text that says why an attempt failed.
pub const ERROR_TEXT_BYTES: usize = KIB;

/// Attempts of one delivery.
pub const ATTEMPTS_MAX: u32 = 100;
/// The longest wait between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Ranges of an exponential backoff's first wait.
pub const BACKOFF_INITIAL: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 3_600);
/// Waits of a listed schedule.
pub const SCHEDULE_WAITS: usize = 100;
/// The furthest that a Retry-After header can move the next attempt.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);
/// The age at which a delivery may be given up at the latest.
pub const DELIVERY_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Requests that the server has under way at once when `--max-in-flight` does not say.
pub const IN_FLIGHT: usize = 1_024;
/// Requests under way at once to one webhook when its rate limit does not say.
pub const IN_FLIGHT_PER_WEBHOOK: usize = 64;

/// Silence before a bookmark when the caller does not say.
pub const BOOKMARK_INTERVAL: Duration = Duration::from_secs(30);
/// What a watcher may set as silence before a bookmark.
pub const BOOKMARK_INTERVAL_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(300);
/// Changes that one read of the journal hands to a watcher.
pub const JOURNAL_PAGE: usize = 256;

/// How long finished events, deliveries and the journal are kept when `--retention` does not say.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Writes that wait for one commit of the store; more are refused.
pub const COMMIT_QUEUE: usize = 4_096;
/// Bytes of events that wait for one commit of the store; more are refused.
pub const COMMIT_QUEUE_BYTES: usize = 32 * 1024 * KIB;
/// Items that go into one commit of the store.
pub const COMMIT_ITEMS: usize = 1_024;
/// Due deliveries of one webhook that are held in memory; the rest stay on disk.
pub const LANE_HEAD: usize = 1_024;
/// Bytes of events that due deliveries hold in memory, all lanes together.
pub const HEADS_BYTES: usize = 32 * 1024 * KIB;
/// Outcomes that wait to be recorded; beyond it nothing more is claimed.
pub const UNSETTLED: usize = 4_096;
/// Bytes of requests and answers in outcomes that wait to be recorded; beyond it nothing more is claimed.
pub const UNSETTLED_BYTES: usize = 32 * 1024 * KIB;
/// Events that are held converted for the webhooks that share them.
pub const CONTEXTS: usize = 1_024;
/// Bytes of events that are held converted for the webhooks that share them.
pub const CONTEXTS_BYTES: usize = 8 * 1024 * KIB;
/// How long attempts under way may go on after the server was told to stop.
pub const DRAIN_GRACE: Duration = Duration::from_secs(20);
/// Due deliveries in memory, of lanes that keep up, over which publishers to them wait.
pub const MOVING_BACKLOG: usize = 128;
/// How long a publisher waits for lanes that keep up to get less of a backlog.
pub const ADMISSION_WAIT: Duration = Duration::from_millis(20);
