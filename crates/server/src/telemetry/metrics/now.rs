//! The metrics that are read when somebody asks: what is open, what waits, what is in force.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use tenterhook_model::{Clock, Timestamp};
use tokio::sync::watch;

use super::snapshot::{REASONS, STATES, Snapshot};

/// A file that the server reads again when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    /// The certificate of the API and its key.
    ServerCertificate,
    /// The CA of client certificates.
    ClientCa,
    /// The API keys.
    Keys,
}

/// What is known of a watched file.
#[derive(Debug, Clone)]
struct File {
    /// Why what it says is not in force, if it is not.
    problem: Option<String>,
    /// When what is in force expires.
    expiry: Option<Timestamp>,
}

impl File {
    /// 1 if what the file says is in force, else 0.
    fn valid(&self) -> f64 {
        f64::from(u8::from(self.problem.is_none()))
    }
}

/// What is true now, as far as it is not read from the process.
#[derive(Debug)]
pub(super) struct Now {
    clock: Arc<dyn Clock>,
    snapshot: Mutex<Snapshot>,
    pub(super) watchers: AtomicU64,
    pub(super) connections: AtomicU64,
    /// Attempts that this node makes at once, and those that others make for it; not set before it serves.
    pub(super) attempts: OnceLock<(usize, watch::Receiver<usize>)>,
    /// What is older than this is gone, and how long records are kept; `None` before the first look.
    retained: Mutex<Option<(Timestamp, Duration)>>,
    /// By [`Watched`]; `None` for a file that the server was not given.
    files: Mutex<[Option<File>; 3]>,
}

impl Now {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            snapshot: Mutex::default(),
            watchers: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            attempts: OnceLock::new(),
            retained: Mutex::default(),
            files: Mutex::default(),
        }
    }

    pub(super) fn sampled(&self, snapshot: Snapshot) {
        *lock(&self.snapshot) = snapshot;
    }

    pub(super) fn retained(&self, clear: Timestamp, keep: Duration) {
        *lock(&self.retained) = Some((clear, keep));
    }

    pub(super) fn watched(&self, file: Watched, problem: Option<String>, expiry: Option<Timestamp>) {
        let known = &mut lock(&self.files)[file as usize];
        let before = known.take().and_then(|file| file.expiry);
        *known = Some(File { problem, expiry: expiry.or(before) });
    }

    pub(super) fn watched_files(&self) -> Vec<(&'static str, Option<String>)> {
        let settings =
            [(Watched::ServerCertificate, "tls-cert"), (Watched::ClientCa, "client-ca"), (Watched::Keys, "api-keys")];
        let known = settings.into_iter().filter_map(|(file, setting)| Some((setting, self.file(file)?.problem)));
        known.collect()
    }

    fn file(&self, file: Watched) -> Option<File> {
        lock(&self.files)[file as usize].clone()
    }

    /// The time of day.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Seconds from `time` to now; 0 when there is no time.
    fn age(&self, time: Option<Timestamp>) -> f64 {
        time.map_or(Duration::ZERO, |time| self.clock.now().since(time)).as_secs_f64()
    }

    fn retention_lag(&self) -> f64 {
        let retained = *lock(&self.retained);
        let lag = retained.map_or(Duration::ZERO, |(clear, keep)| self.clock.now().before(keep).since(clear));
        lag.as_secs_f64()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the value of a gauge goes, once or for each label.
type Observer<'a> = &'a dyn AsyncInstrument<f64>;

/// Registers them.
pub(super) fn observe(meter: &Meter, now: &Arc<Now>) {
    let gauge = |name: &'static str, unit: &'static str, description: &'static str, read: fn(&Now, Observer<'_>)| {
        let gauge = meter.f64_observable_gauge(name).with_unit(unit).with_description(description);
        let now = Arc::clone(now);
        gauge.with_callback(move |observer| read(&now, observer)).build();
    };
    observe_work(gauge);
    observe_upkeep(gauge);
}

/// What registers one gauge: name, unit, description, and how its value is read.
trait Register: Fn(&'static str, &'static str, &'static str, fn(&Now, Observer<'_>)) {}

impl<F: Fn(&'static str, &'static str, &'static str, fn(&Now, Observer<'_>))> Register for F {}

/// Webhooks and deliveries.
fn observe_work(gauge: impl Register) {
    gauge("tenterhook.webhooks", "{webhook}", "Webhooks by state", |now, observer| {
        let counts = lock(&now.snapshot).webhooks;
        for (state, count) in STATES.into_iter().zip(counts) {
            observer.observe(count as f64, &[KeyValue::new("state", state)]);
        }
    });
    gauge("tenterhook.breaker.open", "{webhook}", "Active webhooks whose circuit breaker is open", |now, observer| {
        observer.observe(lock(&now.snapshot).breakers_open as f64, &[]);
    });
    gauge("tenterhook.deliveries.open", "{delivery}", "Deliveries that are not final, by state", |now, observer| {
        let open = lock(&now.snapshot).open;
        for (state, count) in ["pending", "in_flight", "retrying"].into_iter().zip(open) {
            observer.observe(count as f64, &[KeyValue::new("state", state)]);
        }
    });
    gauge("tenterhook.deliveries.waiting", "{delivery}", "Deliveries that wait, by reason", |now, observer| {
        let counts = lock(&now.snapshot).waiting;
        for (reason, count) in REASONS.into_iter().zip(counts) {
            observer.observe(count as f64, &[KeyValue::new("reason", reason)]);
        }
    });
    gauge(
        "tenterhook.deliveries.oldest_due_age",
        "s",
        "Longest time that a delivery has waited which nothing holds back; 0 when none waits",
        |now, observer| {
            let oldest = lock(&now.snapshot).oldest_due;
            observer.observe(now.age(oldest), &[]);
        },
    );
    gauge("tenterhook.oldest_pending_age", "s", "Age of the oldest delivery that is not final", |now, observer| {
        let oldest = lock(&now.snapshot).oldest_open;
        observer.observe(now.age(oldest), &[]);
    });
    gauge(
        "tenterhook.attempts.limit",
        "{attempt}",
        "Attempts that all nodes make at once, at most",
        |now, observer| {
            if let Some((here, elsewhere)) = now.attempts.get() {
                observer.observe((here + *elsewhere.borrow()) as f64, &[]);
            }
        },
    );
    gauge("tenterhook.watchers", "{stream}", "WatchDeliveries streams that are open", |now, observer| {
        observer.observe(now.watchers.load(Ordering::Relaxed) as f64, &[]);
    });
    gauge("tenterhook.connections", "{connection}", "Connections that are open to the API", |now, observer| {
        observer.observe(now.connections.load(Ordering::Relaxed) as f64, &[]);
    });
}

/// The store, and the files that the server watches.
fn observe_upkeep(gauge: impl Register) {
    gauge("tenterhook.retention.lag", "s", "How far beyond the retention the oldest record may be", |now, observer| {
        observer.observe(now.retention_lag(), &[]);
    });
    gauge("tenterhook.store.size", "By", "Bytes that the store takes", |now, observer| {
        observer.observe(lock(&now.snapshot).size_bytes as f64, &[]);
    });
    gauge("tenterhook.store.full", "", "1 while the disk is so full that new events are refused", |now, observer| {
        observer.observe(f64::from(u8::from(lock(&now.snapshot).is_full)), &[]);
    });
    gauge("tenterhook.keys.valid", "", "1 if the key file on disk is in force, 0 if it has errors", |now, observer| {
        if let Some(file) = now.file(Watched::Keys) {
            observer.observe(file.valid(), &[]);
        }
    });
    const CERTIFICATES: [(Watched, &str); 2] =
        [(Watched::ServerCertificate, "server"), (Watched::ClientCa, "client_ca")];
    gauge(
        "tenterhook.tls.certificate.valid",
        "",
        "1 if the certificate on disk is in force, 0 if it has errors and the one before still is",
        |now, observer| {
            for (file, name) in CERTIFICATES.into_iter().filter_map(|(file, name)| Some((now.file(file)?, name))) {
                observer.observe(file.valid(), &[KeyValue::new("certificate", name)]);
            }
        },
    );
    gauge(
        "tenterhook.tls.certificate.expiry",
        "s",
        "When the certificate in force expires, in seconds since 1970",
        |now, observer| {
            for (file, name) in CERTIFICATES.into_iter().filter_map(|(file, name)| Some((now.file(file)?, name))) {
                if let Some(expiry) = file.expiry {
                    observer.observe(expiry.seconds() as f64, &[KeyValue::new("certificate", name)]);
                }
            }
        },
    );
}
