//! The way to an OpenTelemetry collector: OTLP over gRPC or over HTTP, over TLS if its URL says so.

mod exchange;
mod spans;
mod told;

use std::sync::Arc;

use anyhow::{Result, anyhow};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use rustls::pki_types::TrustAnchor;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use crate::config::OtlpProtocol;
use crate::failure::InWords;
use spans::Queue;
use told::Told;
pub(super) use told::reason;

/// A collector.
#[derive(Debug)]
pub(super) enum Collector {
    /// One that takes OTLP over gRPC.
    Grpc(Channel),
    /// One that takes OTLP as protobuf over HTTP, at this URL.
    Http(String, Arc<exchange::Client>),
}

impl Collector {
    /// The collector at `endpoint`, whose certificate, if it has one, must chain to one of `roots`. Call it
    /// inside the runtime.
    ///
    /// # Errors
    /// When the endpoint is not a URL.
    pub(super) fn new(endpoint: &str, protocol: OtlpProtocol, roots: Vec<TrustAnchor<'static>>) -> Result<Self> {
        let is_tls = endpoint.starts_with("https://");
        if protocol == OtlpProtocol::HttpProtobuf {
            let client =
                exchange::Client::new(is_tls.then_some(roots)).context("cannot use TLS for --otlp-endpoint")?;
            return Ok(Self::Http(endpoint.trim_end_matches('/').to_owned(), Arc::new(client)));
        }
        let mut channel =
            Endpoint::from_shared(endpoint.to_owned()).map_err(|_| anyhow!("--otlp-endpoint is not a URL"))?;
        if is_tls {
            let tls = ClientTlsConfig::new().trust_anchors(roots);
            channel = channel.tls_config(tls).context("cannot use TLS for --otlp-endpoint")?;
        }
        Ok(Self::Grpc(channel.connect_lazy()))
    }

    /// What sends metrics.
    ///
    /// # Errors
    /// When a variable of the environment that belongs to it, such as its headers, cannot be used.
    pub(super) fn metrics(&self) -> Result<Told<MetricExporter>> {
        let built = match self {
            Self::Grpc(channel) => MetricExporter::builder().with_tonic().with_channel(channel.clone()).build(),
            Self::Http(url, client) => MetricExporter::builder()
                .with_http()
                .with_shared_http_client(client.clone())
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(format!("{url}/v1/metrics"))
                .build(),
        };
        let built = built.context("cannot send metrics to --otlp-endpoint; check the variables OTEL_EXPORTER_OTLP_*");
        Ok(Told::new(built?, "metrics"))
    }

    /// The queue in front of what sends spans.
    ///
    /// # Errors
    /// As [`Collector::metrics`].
    pub(super) fn queue(&self) -> Result<Queue> {
        let exporter = self.spans()?;
        let waiting = exporter.waiting();
        Ok(Queue::new(exporter, waiting))
    }

    /// What sends spans.
    fn spans(&self) -> Result<Told<SpanExporter>> {
        let built = match self {
            Self::Grpc(channel) => SpanExporter::builder().with_tonic().with_channel(channel.clone()).build(),
            Self::Http(url, client) => SpanExporter::builder()
                .with_http()
                .with_shared_http_client(client.clone())
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(format!("{url}/v1/traces"))
                .build(),
        };
        let built = built.context("cannot send spans to --otlp-endpoint; check the variables OTEL_EXPORTER_OTLP_*");
        Ok(Told::new(built?, "spans"))
    }
}

#[cfg(test)]
mod tests;
