//! An exporter that tells the log, once, that the collector takes nothing, and that it does again; and of spans that were
//! dropped because it takes them too slowly.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::spans::Waiting;

/// An exporter with its word in the log.
#[derive(Debug)]
pub(crate) struct Told<E> {
    exporter: E,
    /// What it sends.
    what: &'static str,
    /// Whether the last export failed.
    fails: AtomicBool,
    /// The spans that wait for it.
    waiting: Waiting,
}

impl<E> Told<E> {
    pub(super) fn new(exporter: E, what: &'static str) -> Self {
        Self { exporter, what, fails: AtomicBool::new(false), waiting: Waiting::default() }
    }

    /// The spans that wait for it.
    pub(super) fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// Tells the log of an export if the one before went otherwise.
    fn tell(&self, exported: OTelSdkResult) -> OTelSdkResult {
        let failed = self.fails.swap(exported.is_err(), Ordering::Relaxed);
        match &exported {
            Err(error) if !failed => {
                tracing::warn!(reason = reason(error), "{} do not reach the collector of --otlp-endpoint", self.what);
            }
            Ok(()) if failed => tracing::info!("{} reach the collector of --otlp-endpoint again", self.what),
            _ => {}
        }
        exported
    }
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.waiting.leave(batch.len());
        let exported = self.tell(self.exporter.export(batch).await);
        self.waiting.tell();
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Told<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.tell(self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

/// Why the collector did not get something. The SDK's text is for programmers; what counts in it is the status.
pub(crate) fn reason(error: &OTelSdkError) -> &'static str {
    let text = match error {
        OTelSdkError::Timeout(_) => return "it did not respond in time",
        OTelSdkError::AlreadyShutdown => return "nothing is sent any more",
        OTelSdkError::InternalFailure(text) => text,
    };
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["code: Unavailable", "network error"]) {
        "it cannot be reached"
    } else if says(&["code: DeadlineExceeded"]) {
        "it did not respond in time"
    } else if says(&["code: Unauthenticated", "code: PermissionDenied", "status code: 401", "status code: 403"]) {
        "it refuses the credentials; check OTEL_EXPORTER_OTLP_HEADERS"
    } else if says(&["code: Unimplemented", "status code: 404", "status code: 405", "status code: 415"]) {
        "it takes no OTLP there; check the URL and --otlp-protocol"
    } else {
        "it refused them or cannot be reached"
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// One that ends its exports as the list says.
    #[derive(Debug)]
    struct Scripted(Mutex<Vec<OTelSdkResult>>);

    impl SpanExporter for Scripted {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().remove(0)
        }
    }

    #[tokio::test]
    async fn the_log_tells_when_exports_begin_to_fail_and_when_they_succeed_again() {
        let fault = || Err(OTelSdkError::InternalFailure("export failed with gRPC code: Unavailable: os error".into()));
        let script = vec![Ok(()), fault(), fault(), Ok(()), Ok(()), Err(OTelSdkError::Timeout(Duration::ZERO))];
        let count = script.len();
        let told = Told::new(Scripted(Mutex::new(script)), "spans");
        let file = tempfile::NamedTempFile::new().unwrap();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(file.reopen().unwrap()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        for _ in 0..count {
            let _passed_on = told.export(Vec::new()).await;
        }
        let log = std::fs::read_to_string(file.path()).unwrap();
        let lines: Vec<&str> = log.lines().filter_map(|line| line.split_once("told: ")).map(|(_, said)| said).collect();
        assert_eq!(
            lines,
            [
                "spans do not reach the collector of --otlp-endpoint reason=\"it cannot be reached\"",
                "spans reach the collector of --otlp-endpoint again",
                "spans do not reach the collector of --otlp-endpoint reason=\"it did not respond in time\"",
            ]
        );
    }

    #[test]
    fn the_reason_is_the_status_in_plain_words() {
        for (text, words) in [
            ("TonicTracesClient export failed with gRPC code: Unavailable: tcp connect error", "it cannot be reached"),
            ("HTTP export failed: network error", "it cannot be reached"),
            ("export failed with gRPC code: Unauthenticated: no token", "check OTEL_EXPORTER_OTLP_HEADERS"),
            ("HTTP export failed with status code: 403", "check OTEL_EXPORTER_OTLP_HEADERS"),
            ("HTTP export failed with status code: 404", "--otlp-protocol"),
            ("export failed with gRPC code: Unimplemented: ", "--otlp-protocol"),
            ("HTTP export failed with status code: 500", "refused"),
        ] {
            let reason = reason(&OTelSdkError::InternalFailure(text.into()));
            assert!(reason.contains(words), "{text}: {reason}");
        }
    }
}
