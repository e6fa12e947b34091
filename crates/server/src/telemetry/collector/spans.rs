//! The spans that wait for the exporter, and the line of the log about those that found no room.
//!
//! The SDK drops spans when its queue is full and says so in words for programmers, once. Here they are counted
//! before its queue, which has room for all that are let through.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};
use tokio::time::Instant;

/// Spans that wait at most, if `OTEL_BSP_MAX_QUEUE_SIZE` names no other number: its default
/// (OpenTelemetry, "Environment Variable Specification").
const WAITING_MAX: usize = 2_048;
/// Time between two lines of the log about spans that were dropped.
const NOTICE: Duration = Duration::from_secs(60);

/// The spans between their end and their export. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting(Arc<State>);

#[derive(Debug, Default)]
struct State {
    count: AtomicUsize,
    /// Those that were dropped since the last line about them.
    dropped: AtomicU64,
    next_line_at: Mutex<Option<Instant>>,
}

impl Waiting {
    /// Lets one in, if fewer than `most` wait; counts it as dropped otherwise.
    fn enter(&self, most: usize) -> bool {
        let has_room = self.0.count.fetch_add(1, Ordering::AcqRel) < most;
        if !has_room {
            self.0.count.fetch_sub(1, Ordering::AcqRel);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// Takes note that so many are on their way to the collector.
    pub(super) fn leave(&self, spans: usize) {
        let before = self.0.count.fetch_sub(spans, Ordering::AcqRel);
        debug_assert!(before >= spans, "{spans} spans leave of {before} that wait");
    }

    /// Tells the log of those that were dropped, once a minute at most.
    pub(super) fn tell(&self) {
        let (now, mut next) = (Instant::now(), self.0.next_line_at.lock().unwrap_or_else(PoisonError::into_inner));
        if self.0.dropped.load(Ordering::Relaxed) == 0 || next.is_some_and(|at| now < at) {
            return;
        }
        *next = Some(now + NOTICE);
        let dropped = self.0.dropped.swap(0, Ordering::Relaxed);
        tracing::warn!(dropped, "the collector of --otlp-endpoint takes spans too slowly, and some were dropped");
    }
}

/// Hands spans to the SDK's queue as long as that has room.
#[derive(Debug)]
pub(crate) struct Queue {
    sdk: BatchSpanProcessor,
    waiting: Waiting,
    most: usize,
}

impl Queue {
    /// A queue in front of `exporter`, which lets `waiting` know what leaves.
    pub(super) fn new(exporter: impl SpanExporter + 'static, waiting: Waiting) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the SDK reads it too, and both must have the same room")]
        let asked = std::env::var("OTEL_BSP_MAX_QUEUE_SIZE").ok().and_then(|text| text.parse().ok());
        let most = asked.filter(|most| *most > 0).unwrap_or(WAITING_MAX);
        let config = BatchConfigBuilder::default().with_max_queue_size(most).build();
        Self { sdk: BatchSpanProcessor::builder(exporter).with_batch_config(config).build(), waiting, most }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.sdk.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.waiting.enter(self.most) {
            self.sdk.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.sdk.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.sdk.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.sdk.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::super::told::Told;
    use super::*;

    /// One that takes a batch for each word that it is given, and all once nobody gives any more.
    #[derive(Debug)]
    struct Slow(Mutex<mpsc::Receiver<()>>, Arc<AtomicUsize>);

    impl SpanExporter for Slow {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            let _gone = self.0.lock().unwrap().recv();
            self.1.fetch_add(batch.len(), Ordering::Relaxed);
            Ok(())
        }
    }

    #[test]
    fn each_span_is_exported_or_counted_as_dropped_where_the_collector_is_slow() {
        let ((word, words), taken) = (mpsc::sync_channel(1), Arc::new(AtomicUsize::new(0)));
        let exporter = Told::new(Slow(Mutex::new(words), taken.clone()), "spans");
        let waiting = exporter.waiting();
        let provider = SdkTracerProvider::builder().with_span_processor(Queue::new(exporter, waiting.clone())).build();
        let tracer = provider.tracer("test");
        (0..2 * WAITING_MAX).for_each(|_| drop(tracer.start("span")));
        // Nobody has told of them yet: the exporter waits for its first word.
        let dropped = waiting.0.dropped.load(Ordering::Relaxed) as usize;
        assert!(dropped > 0, "more spans than may wait");
        drop(word);
        provider.shutdown().unwrap();
        assert_eq!(taken.load(Ordering::Relaxed) + dropped, 2 * WAITING_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn the_log_counts_what_was_dropped_once_a_minute() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(file.reopen().unwrap()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let waiting = Waiting::default();
        let enter = |spans: usize| (0..spans).filter(|_| waiting.enter(10)).count();
        assert_eq!(enter(10), 10);
        waiting.tell();
        assert_eq!(enter(3), 0);
        for _ in 0..2 {
            waiting.tell();
        }
        waiting.leave(10);
        assert_eq!(enter(15), 10);
        waiting.tell();
        tokio::time::advance(NOTICE).await;
        waiting.tell();
        let log = std::fs::read_to_string(file.path()).unwrap();
        let counts: Vec<&str> = log.lines().filter_map(|line| line.split_once("dropped=")).map(|(_, n)| n).collect();
        assert_eq!(counts, ["3", "5"], "{log}");
    }
}
