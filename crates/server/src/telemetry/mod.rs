//! What operators see: logs, spans and figures.
//!
//! Figures always go to `/metrics`; with `--otlp-endpoint` they and the spans go to a
//! collector too. Logs go to standard error.

pub(crate) mod audit;
mod collector;
mod lines;
pub(crate) mod metrics;
pub(crate) mod trace;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use prometheus::TextEncoder;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context as LayerContext, Filter, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogFormat, TelemetryConfig};
use crate::failure::InWords;
use crate::roots;
use audit::Audit;
use collector::Collector;
use lines::Lines;

/// The target of the line that says where the server listens: programs that start it find the line by it.
pub(crate) const STARTED: &str = "tenterhook::started";
/// How often figures go to the collector.
const EXPORT_INTERVAL: Duration = Duration::from_secs(15);
/// How long the last spans and figures may take to reach the collector at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// The sinks of logs, spans and figures of one server.
#[derive(Debug)]
pub struct Telemetry {
    registry: prometheus::Registry,
    meters: SdkMeterProvider,
    tracers: Option<SdkTracerProvider>,
    audit: Arc<Audit>,
}

impl Telemetry {
    /// Figures alone: no logs and no collector. For servers inside another command or a test.
    ///
    /// # Errors
    /// When the figures cannot be registered.
    pub fn quiet() -> Result<Self> {
        let (registry, reader) = prometheus_reader()?;
        let meters = SdkMeterProvider::builder().with_resource(resource()).with_reader(reader).build();
        Ok(Self { registry, meters, tracers: None, audit: Arc::default() })
    }

    /// Everything that `config` asks for, with `colours` in the log or without; installs the process-wide log. Call it once, inside the runtime.
    ///
    /// # Errors
    /// When the collector's endpoint or the file of the audit trail cannot be used, or a log is installed already.
    pub fn start(config: &TelemetryConfig, colours: bool) -> Result<Self> {
        let (registry, reader) = prometheus_reader()?;
        let mut meters = SdkMeterProvider::builder().with_resource(resource()).with_reader(reader);
        let mut tracers = None;
        if let Some(endpoint) = &config.otlp_endpoint {
            let collector = Collector::new(endpoint, config.otlp_protocol, roots::of_system())?;
            let reader = PeriodicReader::builder(collector.metrics()?).with_interval(EXPORT_INTERVAL).build();
            meters = meters.with_reader(reader);
            let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.trace_ratio)));
            let provider = SdkTracerProvider::builder().with_resource(resource()).with_sampler(sampler);
            tracers = Some(provider.with_span_processor(collector.queue()?).build());
        }
        let audit = Audit::open(config.audit_log.as_deref()).context("cannot open the file of --audit-log")?;
        install_log(config, tracers.as_ref(), colours)?;
        Ok(Self { registry, meters: meters.build(), tracers, audit: Arc::new(audit) })
    }

    /// Where the audit trail goes.
    pub(crate) fn audit(&self) -> Arc<Audit> {
        self.audit.clone()
    }

    /// Where figures are made.
    pub(crate) fn meter(&self) -> Meter {
        self.meters.meter("tenterhook")
    }

    /// Whether spans go to a collector.
    pub(crate) fn exports_spans(&self) -> bool {
        self.tracers.is_some()
    }

    /// The figures in Prometheus' text format.
    pub(crate) fn prometheus_text(&self) -> String {
        let encoded = TextEncoder::new().encode_to_string(&self.registry.gather());
        encoded.unwrap_or_else(|_| {
            tracing::warn!("the metrics cannot be written");
            String::new()
        })
    }

    /// Leaves it to the end of the process, which comes at once: for a server that did not start.
    /// Dropped, the providers would send what there is, which is nothing, and log that nobody takes it.
    pub(crate) fn discard(self: Arc<Self>) {
        std::mem::forget(self);
    }

    /// Sends what is left to the collector, for at most 3 seconds. It blocks: the runtime must
    /// run on meanwhile, or the exporter cannot.
    pub(crate) fn flush(&self) {
        if let Some(tracers) = &self.tracers
            && let Err(error) = tracers.shutdown_with_timeout(FLUSH_TIMEOUT)
        {
            tracing::warn!(reason = collector::reason(&error), "the last spans did not reach the collector");
        }
        if let Err(error) = self.meters.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(reason = collector::reason(&error), "the last metrics did not reach the collector");
        }
    }
}

/// Who sends: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` come before our own name.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let given = Resource::builder().build().get(&Key::new("service.name")).map(|name| name.to_string());
    let builder = Resource::builder().with_attribute(version);
    // What the SDK says when nobody has given a name.
    let is_given = given.is_some_and(|name| !name.starts_with("unknown_service"));
    if is_given { builder.build() } else { builder.with_service_name("tenterhook").build() }
}

fn prometheus_reader() -> Result<(prometheus::Registry, opentelemetry_prometheus::PrometheusExporter)> {
    let registry = prometheus::Registry::new();
    let exporter =
        opentelemetry_prometheus::exporter().with_registry(registry.clone()).scope_info_enabled(false).build();
    Ok((registry, exporter.context("cannot register the metrics")?))
}

/// Installs the log of the process. Spans go to the collector only: making them costs, and
/// each line of the log names its webhook, event or delivery itself.
fn install_log(config: &TelemetryConfig, tracers: Option<&SdkTracerProvider>, colours: bool) -> Result<()> {
    let filter = EnvFilter::builder().parse(log_directives(&config.log_level)).context("cannot read --log-level")?;
    let spans = tracers.map(|tracers| {
        let ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("tenterhook"));
        let ours = ours.with_max_level_hint(LevelFilter::INFO);
        span_layer(tracers.tracer("tenterhook")).with_filter(ours)
    });
    let log = log_layer(config.log_format, colours).with_filter(EventsOnly(filter));
    let subscriber = tracing_subscriber::registry().with(spans).with(log);
    tracing::subscriber::set_global_default(subscriber).context("a log is installed already")
}

/// Makes spans for a collector, without what is of no use there: threads, source lines, idle times.
fn span_layer<S>(tracer: SdkTracer) -> OpenTelemetryLayer<S, SdkTracer>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
    layer.with_tracked_inactivity(false).with_target(false)
}

/// What is logged when `level` is asked for. The HTTP/2 library warns of each connection that it
/// closes for breaking a rule, so a client could fill the log; the door counts such connections and
/// writes one line a minute. OpenTelemetry's library writes for programmers; the exporters say in
/// plain words what fails. A filter for developers, or one that names the library, stays as it is.
/// Where the server listens is logged whatever the level: who has started it waits for that line.
fn log_directives(level: &str) -> String {
    let asked = level.to_ascii_lowercase();
    let quiet = [("h2", "error"), ("opentelemetry", "off")]
        .into_iter()
        .filter(|(library, _)| !["debug", "trace", library].into_iter().any(|word| asked.contains(word)));
    let quiet: String = quiet.map(|(library, level)| format!(",{library}={level}")).collect();
    format!("{level}{quiet},{STARTED}=info")
}

/// The filter of the log. It answers once a call site, with the level's hint: filters that are
/// joined with `and` do not, and then every trace point of the HTTP/2 library asks at run time.
#[derive(Debug)]
struct EventsOnly(EnvFilter);

impl<S> Filter<S> for EventsOnly {
    fn enabled(&self, metadata: &Metadata<'_>, context: &LayerContext<'_, S>) -> bool {
        metadata.is_event() && Filter::<S>::enabled(&self.0, metadata, context)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_event() { Filter::<S>::callsite_enabled(&self.0, metadata) } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Filter::<S>::max_level_hint(&self.0)
    }
}

fn log_layer<S>(format: LogFormat, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    match format {
        LogFormat::Text => fmt::layer().with_ansi(colours).with_writer(Lines(std::io::stderr)).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
    }
}

#[cfg(test)]
mod tests {
    mod alerts;

    use super::*;

    #[test]
    fn what_libraries_write_for_programmers_is_for_developers() {
        assert_eq!(log_directives("info"), "info,h2=error,opentelemetry=off,tenterhook::started=info");
        assert_eq!(log_directives("info,h2=warn"), "info,h2=warn,opentelemetry=off,tenterhook::started=info");
        for level in ["debug", "TRACE"] {
            assert_eq!(log_directives(level), format!("{level},tenterhook::started=info"));
        }
        assert!(EnvFilter::builder().parse(log_directives("tenterhook=info,warn")).is_ok());
    }
}
