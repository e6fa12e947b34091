//! Every limit of the server, in one table.
//!
//! A queue, body, template, header, stream, retry or text without a limit here is a bug. From a row
//! come the constant, its row in `docs/LIMITS.md`, what GetServerInfo returns and, where the row
//! names one, the default of a flag. A number that nobody
//! outside can meet stays a documented constant in its file and is listed, with its value and kind,
//! in `tests/fixtures/inner_numbers.txt`.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::limit::{Limit, Unit, table};

/// Bytes in a kibibyte.
const KIB: usize = 1024;
/// Seconds in an hour.
const HOUR: u64 = 3_600;
/// Seconds in a day.
const DAY: u64 = 24 * HOUR;

table! {
    /// Characters of an event id (<https://www.standardwebhooks.com> joins ids with dots, so none are allowed).
    most EVENT_ID_CHARS: usize = 128, Characters, "model";
    /// Characters of a namespace: a DNS label (RFC 1035 section 2.3.4).
    most NAMESPACE_CHARS: usize = 63, Characters, "model";
    /// Characters of a webhook's or rule's display name, as in NetBox.
    most DISPLAY_NAME_CHARS: usize = 150, Characters, "api";
    /// Characters of a webhook's description.
    most DESCRIPTION_CHARS: usize = 2_000, Characters, "api";
    /// Characters of a reason given for a pause.
    most REASON_CHARS: usize = 2_000, Characters, "api";
    /// Labels of a webhook, attributes of an event or rule.
    most LABELS: usize = 64, Items, "api";
    /// Characters of the key of a label or attribute.
    most LABEL_KEY_CHARS: usize = 128, Characters, "api";
    /// Characters of the value of a label or attribute.
    most LABEL_VALUE_CHARS: usize = 1_024, Characters, "api";
    /// Rules of a webhook.
    most RULES: usize = 64, Items, "api";
    /// Patterns in one list of a rule, filter or host list.
    most PATTERNS: usize = 64, Items, "api";
    /// Characters of a pattern, event type or object type.
    most TYPE_CHARS: usize = 255, Characters, "api";
    /// Characters of a username, request id or ordering key.
    most EVENT_TEXT_CHARS: usize = 255, Characters, "api";
    /// Webhooks in one namespace.
    most WEBHOOKS_PER_NAMESPACE: usize = 10_000, Items, "store";

    /// Bytes of a URL, as a template and rendered.
    most URL_BYTES: usize = 8 * KIB, Bytes, "engine";
    /// Headers of one request.
    most HEADERS: usize = 64, Items, "engine";
    /// Bytes of one header, name and value.
    most HEADER_BYTES: usize = 8 * KIB, Bytes, "engine";
    /// Bytes of all headers of one request.
    most HEADERS_BYTES: usize = 32 * KIB, Bytes, "engine";
    /// Bytes that one header's template, or that of the additional headers, renders to, blanks and empty lines included.
    most HEADER_TEXT_BYTES: usize = 64 * KIB, Bytes, "engine";
    /// Bytes of the source of one template or expression.
    most TEMPLATE_BYTES: usize = 64 * KIB, Bytes, "engine";
    /// Bytes of a condition set.
    most CONDITIONS_BYTES: usize = 64 * KIB, Bytes, "engine";
    /// Bytes of a rendered body.
    most BODY_BYTES: usize = 1024 * KIB, Bytes, "engine";
    /// Bytes of an event as a whole.
    most EVENT_BYTES: usize = 256 * KIB, Bytes, "api";
    /// Levels of nesting in a JSON document.
    most JSON_DEPTH: usize = 128, Levels, "model";
    /// Bytes of one gRPC message.
    most GRPC_MESSAGE_BYTES: usize = 4 * 1024 * KIB, Bytes, "api";
    /// Bytes that one gRPC message may take in memory once it is decoded: its own, and what its elements take.
    most MESSAGE_MEMORY_BYTES: usize = 16 * 1024 * KIB, Bytes, "api";
    /// Elements of a list or map in a request, whatever its own limit; lists in the data of an event are
    /// limited by its size.
    most LIST_ITEMS: usize = 1_000, Items, "api";
    /// Events of one batch.
    most BATCH_EVENTS: usize = 1_000, Items, "api";
    /// Items of a page when the caller does not say.
    most PAGE_DEFAULT: usize = 50, Items, "api";
    /// The most items of a page.
    most PAGE_MAX: usize = 1_000, Items, "api";
    /// The most deliveries of a page with attempts and bodies (`view` FULL), which are read one by one.
    most PAGE_FULL_MAX: usize = 100, Items, "api";
    /// Bytes of the records on one page; a page ends early beyond this.
    most PAGE_BYTES: usize = 3 * 1024 * KIB, Bytes, "api";
    /// Characters of a page token or resume token.
    most PAGE_TOKEN_CHARS: usize = 4_096, Characters, "api";
    /// Ids or patterns in one list of a filter.
    most FILTER_ITEMS: usize = 100, Items, "api";
    /// How far back statistics go when the caller does not say.
    time STATS_WINDOW: Duration = Duration::from_secs(HOUR), Milliseconds, "api";
    /// How far back statistics can go.
    times STATS_WINDOW_RANGE: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(30 * DAY), Milliseconds, "api";
    /// Buckets of the window of statistics: more than a chart has pixels.
    most STATS_BUCKETS: u32 = 1_000, Items, "api";
    /// Webhooks that statistics list one by one.
    most STATS_WEBHOOKS: usize = 100, Items, "api";

    /// Characters of a signing secret, for the schemes that take any text.
    most SECRET_CHARS: usize = 255, Characters, "api";
    /// Bytes of a Standard Webhooks key (specification, "Signature scheme").
    range STANDARD_WEBHOOKS_KEY_BYTES: RangeInclusive<usize> = 24..=64, Bytes, "engine";
    /// Custom signatures of one webhook.
    most CUSTOM_SIGNATURES: usize = 4, Items, "api";
    /// Bytes of `content`, and of `value`, of a custom signature.
    most CUSTOM_SIGNATURE_BYTES: usize = 1_024, Bytes, "api";
    /// Keys of one webhook that sign at the same time.
    most SIGNING_KEYS: usize = 8, Items, "api";
    /// How long the old key goes on signing after a rotation when the caller does not say.
    time ROTATION_GRACE: Duration = Duration::from_secs(DAY), Milliseconds, "api";
    /// The longest that an old key may go on signing after a rotation.
    time ROTATION_GRACE_MAX: Duration = Duration::from_secs(30 * DAY), Milliseconds, "api";
    /// Access tokens of one namespace that have not expired.
    most TOKENS_PER_NAMESPACE: usize = 1_000, Items, "store";
    /// How long an access token is valid when its issuer does not say.
    time TOKEN_LIFETIME: Duration = Duration::from_secs(DAY), Milliseconds, "api";
    /// How long an access token may be valid.
    times TOKEN_LIFETIME_RANGE: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(30 * DAY), Milliseconds, "api";
    /// Characters of an API key or access token.
    most API_KEY_CHARS: usize = 256, Characters, "api";
    /// Bytes of a user name, a password, a client's id or secret, and of other texts of `authentication`.
    most CREDENTIAL_BYTES: usize = 2 * KIB, Bytes, "api";
    /// Scopes, and further parameters, of one webhook's token request.
    most TOKEN_REQUEST_ITEMS: usize = 64, Items, "api";
    /// Bytes of a PEM field.
    most PEM_BYTES: usize = 64 * KIB, Bytes, "api";

    /// Time for one attempt, from the name look-up to the last byte of the answer.
    time ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15), Milliseconds, "model";
    /// What a webhook may set as the time for one attempt, in seconds.
    range ATTEMPT_TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=60, Seconds, "api";
    /// Time for the name look-up of one attempt.
    time DNS_TIMEOUT: Duration = Duration::from_secs(2), Milliseconds, "deliver";
    /// Addresses that are dialled for one name, of those that are permitted.
    most DNS_RECORDS: usize = 16, Items, "deliver";
    /// Time for the TCP connection of one attempt, to whichever address accepts it.
    time CONNECT_TIMEOUT: Duration = Duration::from_secs(5), Milliseconds, "deliver";
    /// Time for the TLS handshake of one attempt.
    time TLS_TIMEOUT: Duration = Duration::from_secs(5), Milliseconds, "deliver";
    /// Time for one request to a token server, whatever the time for the attempts that wait for it.
    time TOKEN_REQUEST_TIMEOUT: Duration = Duration::from_secs(15), Milliseconds, "deliver";
    /// The longest that an access token is kept, whatever its server says.
    time ACCESS_TOKEN_KEPT: Duration = Duration::from_secs(DAY), Milliseconds, "deliver";
    /// The longest that the addresses of a name are kept, whatever its name server says.
    time DNS_KEPT: Duration = Duration::from_secs(300), Milliseconds, "deliver";
    /// The longest that a name is taken not to exist after its name server said so.
    time DNS_ABSENCE_KEPT: Duration = Duration::from_secs(10), Milliseconds, "deliver";
    /// How long a connection to a receiver is kept without use: below the minute or so after which
    /// common receivers and load balancers close it themselves.
    time RECEIVER_IDLE: Duration = Duration::from_secs(50), Milliseconds, "deliver";
    /// How often a request that its receiver did not process is sent again within one attempt.
    most RESENDS: usize = 3, Items, "deliver";
    /// Access tokens of different credentials that are kept; the one that expires first makes room.
    most ACCESS_TOKENS: usize = 1_024, Items, "deliver";
    /// Bytes of an answer's body that are read before the connection is given up.
    most ANSWER_READ_BYTES: usize = 64 * KIB, Bytes, "deliver";
    /// Bytes of an answer's head, interim answers included.
    most ANSWER_HEAD_BYTES: usize = 1024 * KIB, Bytes, "deliver";
    /// Bytes of a request's or answer's body that are kept with the attempt.
    most BODY_KEPT_BYTES: usize = 16 * KIB, Bytes, "deliver";
    /// Bytes of the text that says why an attempt failed.
    most ERROR_TEXT_BYTES: usize = KIB, Bytes, "attempt";

    /// Attempts of one delivery.
    most ATTEMPTS_MAX: u32 = 100, Items, "api";
    /// The longest wait between two attempts.
    time BACKOFF_MAX: Duration = Duration::from_secs(7 * DAY), Milliseconds, "api";
    /// Ranges of an exponential backoff's first wait.
    times BACKOFF_INITIAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(DAY), Milliseconds, "api";
    /// Factors of an exponential backoff.
    range BACKOFF_MULTIPLIER: RangeInclusive<u32> = 1..=10, Items, "api";
    /// Waits of a listed schedule.
    most SCHEDULE_WAITS: usize = 100, Items, "api";
    /// The furthest that a Retry-After header can move the next attempt.
    time RETRY_AFTER_MAX: Duration = Duration::from_secs(DAY), Milliseconds, "policy";
    /// The age at which a delivery may be given up at the latest.
    time DELIVERY_AGE_MAX: Duration = Duration::from_secs(30 * DAY), Milliseconds, "api";
    /// Waits of an open circuit breaker before a probe.
    times BREAKER_WAITS: RangeInclusive<Duration> = Duration::from_millis(1)..=BACKOFF_MAX, Milliseconds, "api";
    /// The longest time of nothing but failures that a webhook can set before it is suspended.
    time SUSPEND_AFTER_MAX: Duration = Duration::from_secs(365 * DAY), Milliseconds, "api";
    /// Requests a second that a webhook's rate limit can allow.
    most RATE_MAX: u32 = 1_000_000, Items, "api";
    /// How far `webhook-timestamp` may be from the clock of who verifies, either way (the value of
    /// the Standard Webhooks libraries).
    time SIGNATURE_TOLERANCE: Duration = Duration::from_secs(300), Milliseconds, "engine";
    /// Requests that the server has in flight at once.
    most IN_FLIGHT: usize = 1_024, Items, "dispatch", flag "max-in-flight";
    /// The most that `--max-in-flight` can be.
    most IN_FLIGHT_MAX: usize = 65_536, Items, "server";
    /// The most that `--threads` can be.
    most THREADS_MAX: usize = 256, Items, "server";
    /// Requests in flight at once to one webhook when its rate limit does not say.
    most IN_FLIGHT_PER_WEBHOOK: usize = 64, Items, "dispatch";

    /// Silence before a bookmark when the caller does not say.
    time BOOKMARK_INTERVAL: Duration = Duration::from_secs(30), Milliseconds, "api";
    /// What a watcher may set as silence before a bookmark.
    times BOOKMARK_INTERVAL_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(300), Milliseconds, "api";
    /// Changes that one read of the journal hands to a watcher.
    most JOURNAL_PAGE: usize = 256, Items, "api";

    /// How long finished events, deliveries and the journal are kept.
    time RETENTION: Duration = Duration::from_secs(7 * DAY), Milliseconds, "server", flag "retention";
    /// What `--retention` can be; with `--dev` it can be 1 s.
    times RETENTION_RANGE: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(3_650 * DAY), Milliseconds, "server";
    /// Free bytes of the disk below which nothing is published; a tenth of a smaller disk.
    most DISK_RESERVE_BYTES: u64 = 64 * 1024 * 1024, Bytes, "store";
    /// Webhooks that have metrics by their id.
    most WEBHOOK_METRICS: usize = 100, Items, "server", flag "webhook-metrics";
    /// The most that `--webhook-metrics` can be: each has up to three series of a metric, and a metric
    /// has at most 2,000 (the OpenTelemetry SDK's limit of attribute sets).
    most WEBHOOK_METRICS_MAX: usize = 500, Items, "server";
    /// Writes that wait for one commit of the store; more are refused.
    most COMMIT_QUEUE: usize = 4_096, Items, "store";
    /// Bytes of events that wait for one commit of the store; more are refused.
    most COMMIT_QUEUE_BYTES: usize = 32 * 1024 * KIB, Bytes, "store";
    /// Items that go into one commit of the store.
    most COMMIT_ITEMS: usize = 1_024, Items, "store";
    /// Due deliveries of one webhook that are held in memory; the rest stay on disk.
    most LANE_HEAD: usize = 1_024, Items, "store";
    /// Bytes of events that due deliveries hold in memory, all lanes together.
    most HEADS_BYTES: usize = 32 * 1024 * KIB, Bytes, "store";
    /// Outcomes that wait to be recorded; beyond it nothing more is claimed.
    most UNSETTLED: usize = 4_096, Items, "dispatch";
    /// Bytes of requests and answers in outcomes that wait to be recorded; beyond it nothing more is claimed.
    most UNSETTLED_BYTES: usize = 32 * 1024 * KIB, Bytes, "dispatch";
    /// Events that are held converted for the webhooks that share them.
    most CONTEXTS: usize = 1_024, Items, "engine";
    /// Bytes of events that are held converted for the webhooks that share them.
    most CONTEXTS_BYTES: usize = 8 * 1024 * KIB, Bytes, "engine";
    /// How long attempts in flight may go on after the server received SIGTERM.
    time DRAIN_GRACE: Duration = Duration::from_secs(20), Milliseconds, "dispatch", flag "drain-grace";
    /// The most that `--drain-grace` can be.
    time DRAIN_GRACE_MAX: Duration = Duration::from_secs(HOUR), Milliseconds, "server";
    /// Due deliveries in memory, of lanes that keep up, over which publishers to them wait.
    most MOVING_BACKLOG: usize = 128, Items, "store";
    /// How long a publisher waits for lanes that keep up to get less of a backlog.
    time ADMISSION_WAIT: Duration = Duration::from_millis(20), Milliseconds, "store";
    /// The longest that a call waits for a database that is away. What it asked for may be done all the same.
    time DATABASE_WAIT: Duration = Duration::from_secs(5), Milliseconds, "store";
    /// The lease by which one node has a database; another takes over when it was not renewed for this long.
    time LEASE: Duration = Duration::from_secs(10), Milliseconds, "store", flag "lease";
    /// What the lease may be.
    times LEASE_RANGE: RangeInclusive<Duration> = Duration::from_secs(3)..=Duration::from_secs(60), Milliseconds, "server";
    /// How long a call to a node that stands by waits for one that serves, before it is answered UNAVAILABLE.
    time NODE_WAIT: Duration = Duration::from_secs(3), Milliseconds, "server";
    /// Calls that wait for that at once, over all connections; more are refused.
    most WAITING_CALLS: usize = 1_024, Items, "server";

    /// Attempts of one delivery, the first included, when its webhook does not say.
    most ATTEMPTS_DEFAULT: u32 = 10, Items, "policy";
    /// Failures in a row that open a circuit breaker when its webhook does not say.
    most FAILURES_TO_OPEN_DEFAULT: u32 = 5, Items, "policy";
    /// Wait before the first probe of an open breaker when its webhook does not say; it doubles at
    /// each failed probe.
    time INITIAL_OPEN_DEFAULT: Duration = Duration::from_secs(30), Milliseconds, "policy";
    /// The longest wait before a probe when a webhook does not say.
    time MAX_OPEN_DEFAULT: Duration = Duration::from_secs(HOUR), Milliseconds, "policy";
    /// Time of nothing but failures after which a webhook is suspended when it does not say.
    time SUSPEND_AFTER_DEFAULT: Duration = Duration::from_secs(5 * DAY), Milliseconds, "policy";

    /// How long the result of a request id is remembered (<https://google.aip.dev/155>).
    time REQUEST_MEMORY: Duration = Duration::from_secs(DAY), Milliseconds, "store";
    /// How far back counts are kept by the minute; before that there are hours only.
    time MINUTES_KEPT: Duration = Duration::from_secs(25 * HOUR), Milliseconds, "store";
    /// How far back counts are kept by the hour.
    time HOURS_KEPT: Duration = Duration::from_secs(31 * DAY), Milliseconds, "store";

    /// Calls in flight at once on one connection.
    most STREAMS_PER_CONNECTION: u32 = 256, Items, "api";
    /// Streams that the server itself resets on one connection before it closes it
    /// (HTTP/2 rapid reset and its kin, CVE-2023-44487 and CVE-2025-8671).
    most LOCAL_RESETS: usize = 1_024, Items, "api";
    /// Bytes of one call that its client may send before the server has read them.
    most STREAM_WINDOW_BYTES: u32 = 64 * 1024, Bytes, "api";
    /// The same for all calls of one connection. Half of it is also what small frames may cost: each
    /// costs what it has less than 256 bytes. So a stream of the smallest events, in frames of 21 bytes
    /// or more, can fill its window.
    most CONNECTION_WINDOW_BYTES: u32 = 24 * STREAM_WINDOW_BYTES, Bytes, "api";
    /// Bytes of the headers of one call.
    most HEADER_LIST_BYTES: u32 = 16 * 1024, Bytes, "api";
    /// Silence after which a connection is asked whether it is alive.
    time KEEPALIVE_AFTER: Duration = Duration::from_secs(30), Milliseconds, "api";
    /// Time for the reply to that; without one the connection is closed.
    time KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10), Milliseconds, "api";
    /// Age at which a connection is asked to go and its streams end: spreads load over servers. It
    /// is up to a tenth less, so that connections do not all go at once.
    time CONNECTION_AGE: Duration = Duration::from_secs(HOUR), Milliseconds, "api";
    /// Time that a connection then has.
    time CONNECTION_AGE_GRACE: Duration = Duration::from_secs(30), Milliseconds, "api";
    /// Time for a call with one response.
    time CALL_TIMEOUT: Duration = Duration::from_secs(30), Milliseconds, "api";
    /// Time for a call with one response to a method that needs no key.
    time OPEN_CALL_TIMEOUT: Duration = Duration::from_secs(10), Milliseconds, "api";
    /// Time for a call that works in steps over many things, or waits for a receiver.
    time BATCH_TIMEOUT: Duration = Duration::from_secs(600), Milliseconds, "api";
    /// Calls with one response that are in flight at once, over all connections; more are refused.
    most CALLS: usize = 8_192, Items, "api";
    /// Watches and publishing streams that are open at once, over all connections; more are refused.
    most STREAMS: usize = 4_096, Items, "api";
    /// Streams of methods that need no key, open at once, over all connections; more are refused.
    most OPEN_STREAMS: usize = 1_024, Items, "api";
    /// Refused calls that a connection may make at once before it is closed; 200 more each second.
    most REFUSALS: u64 = 2_000, Items, "api";
    /// Bytes of requests and responses that are held at once, over all connections; more are refused.
    most CALLS_BYTES: usize = 48 * 1024 * KIB, Bytes, "api";
    /// Backups that run at once: each reads the whole store, and keeps what is removed meanwhile on the disk.
    most BACKUPS: usize = 1, Items, "api";
    /// Time for a message, or a line of an NDJSON stream, from its first byte to its last.
    time MESSAGE_TIMEOUT: Duration = Duration::from_secs(30), Milliseconds, "api";
    /// Time from the accept of a connection to its first frame or request head, TLS included.
    time OPENING_TIMEOUT: Duration = Duration::from_secs(10), Milliseconds, "server";
    /// Time in HTTP/1.1 from the end of a request to the whole head of the next.
    time NEXT_HEAD_TIMEOUT: Duration = Duration::from_secs(30), Milliseconds, "server";
    /// Longest time in which a client reads nothing of what is written to it.
    time WRITE_STALL: Duration = Duration::from_secs(10), Milliseconds, "server";
    /// A client has twice this to read a response.
    time RESPONSE_ROUND: Duration = Duration::from_secs(30), Milliseconds, "server";
    /// Connections of the operations listener; a further one closes the oldest.
    most OPERATIONS_CONNECTIONS: usize = 256, Items, "server";
    /// Bytes of a message to a method that needs no key: the name of a service or symbol.
    most OPEN_MESSAGE_BYTES: usize = 4 * KIB, Bytes, "api";
    /// Sessions of the console that are kept; one more ends the one unused for longest.
    most CONSOLE_SESSIONS: usize = 1_024, Items, "console";
    /// Time without use after which a session of the console ends.
    time CONSOLE_IDLE: Duration = Duration::from_secs(30 * 60), Milliseconds, "console";
    /// Time after which a session of the console ends in any case.
    time CONSOLE_SESSION_LIFE: Duration = Duration::from_secs(8 * HOUR), Milliseconds, "console";
    /// Bytes of the body of a sign-in.
    most SIGN_IN_BYTES: usize = KIB, Bytes, "console";
    /// Time for the body of a sign-in.
    time SIGN_IN_TIMEOUT: Duration = Duration::from_secs(5), Milliseconds, "http";

    /// Work of one rendering; a unit pays for one operation or 64 bytes of text. Measured to end
    /// within 200 ms and 64 MiB whatever it is spent on.
    most TEMPLATE_STEPS: u64 = 200_000, Steps, "jinja";
    /// Numbers of one `range()` (Jinja2's `MAX_RANGE`).
    most TEMPLATE_RANGE: u64 = 100_000, Items, "jinja";
    /// Items of a list that a template makes.
    most TEMPLATE_LIST_ITEMS: usize = 1_000_000, Items, "jinja";
    /// Entries of a dict that a template makes.
    most TEMPLATE_DICT_ENTRIES: usize = 500_000, Items, "jinja";
    /// Members of one `namespace()`.
    most TEMPLATE_NAMESPACE_MEMBERS: usize = 1_000, Items, "jinja";
    /// Digits between text and an integer (Python's `sys.int_info.default_max_str_digits`).
    most TEMPLATE_INTEGER_DIGITS: usize = 4_300, Items, "jinja";
    /// Bits of an integer.
    most TEMPLATE_INTEGER_BITS: u64 = 65_536, Items, "jinja";
    /// Statements inside each other; Python allows 20 loops.
    most TEMPLATE_STATEMENT_DEPTH: usize = 25, Levels, "jinja";
    /// Expressions inside each other: a sign is one level, a `not`, a bracket or a call two. Jinja2
    /// itself fails at about 60 brackets, when Python's stack ends.
    most TEMPLATE_EXPRESSION_DEPTH: u32 = 80, Levels, "jinja";
    /// Operators, filters and subscripts in a row.
    most TEMPLATE_EXPRESSION_STEPS: u32 = 250, Items, "jinja";
    /// Names in one assignment.
    most TEMPLATE_TARGETS: usize = 100, Items, "jinja";
    /// Branches of one `if`.
    most TEMPLATE_BRANCHES: usize = 200, Items, "jinja";
    /// Items of one call, list or dict.
    most TEMPLATE_PARTS: usize = 1_000, Items, "jinja";
    /// Scopes inside each other; a call of a macro counts several.
    most TEMPLATE_RECURSION: usize = 400, Levels, "jinja";
    /// Lists and dicts inside each other, wherever a value is walked.
    most TEMPLATE_VALUE_DEPTH: u32 = 200, Levels, "jinja";
    /// Errors of one template that are reported.
    most TEMPLATE_ERRORS: usize = 20, Items, "jinja";
    /// Bytes of a compiled regular expression; `\w` takes about 48 KiB each time it is repeated.
    most REGEX_BYTES: usize = 8 * 1024 * KIB, Bytes, "pattern";
    /// Bytes of all compiled regular expressions of one webhook.
    most REGEXES_BYTES: usize = 16 * 1024 * KIB, Bytes, "pattern";
    /// Groups inside each other in a regular expression.
    most REGEX_GROUP_DEPTH: usize = 40, Levels, "pattern";
    /// Times that a part of a regular expression may be repeated, when it is bounded.
    most REGEX_REPEATS: usize = 65_535, Items, "pattern";
    /// Instructions of a regular expression with look-around or back-references.
    most REGEX_INSTRUCTIONS: usize = 16 * KIB, Items, "pattern";
    /// Steps back of one match of such an expression; with the limit on its text it ends within 0.2 s.
    most REGEX_BACKTRACK_STEPS: usize = 20_000, Steps, "pattern";
    /// Bytes of a text that such an expression is matched against.
    most REGEX_BACKTRACK_BYTES: usize = 16 * KIB, Bytes, "pattern";
    /// Time for one request to a render worker.
    time WORKER_TIMEOUT: Duration = Duration::from_secs(2), Milliseconds, "cage";
    /// How long a preview waits for a free render worker.
    time WORKER_WAIT: Duration = Duration::from_secs(10), Milliseconds, "cage";
    /// Previews of one namespace that wait for a render worker at once.
    most PREVIEWS_PER_NAMESPACE: usize = 256, Items, "cage";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_value_of_its_constant() {
        let row = |name| TABLE.iter().find(|limit| limit.name == name).unwrap();
        let bounds = |name| (row(name).least, row(name).most, row(name).unit);
        assert_eq!(bounds("EVENT_ID_CHARS"), (0, 128, Unit::Characters));
        assert_eq!(bounds("STANDARD_WEBHOOKS_KEY_BYTES"), (24, 64, Unit::Bytes));
        assert_eq!(bounds("DRAIN_GRACE"), (0, 20_000, Unit::Milliseconds));
        assert_eq!(bounds("BOOKMARK_INTERVAL_RANGE"), (1_000, 300_000, Unit::Milliseconds));
        assert_eq!(row("DRAIN_GRACE").flag, Some("drain-grace"));
        assert!(row("EVENT_ID_CHARS").about.starts_with(" Characters of an event id"));
    }

    #[test]
    fn every_row_can_be_met_and_says_what_it_is() {
        for limit in TABLE {
            assert!(limit.least < limit.most, "{} allows {} to {}", limit.name, limit.least, limit.most);
            assert!(i64::try_from(limit.most).is_ok(), "{} fits the wire", limit.name);
            assert!(limit.about.trim_end().ends_with('.'), "{}", limit.name);
        }
    }
}
