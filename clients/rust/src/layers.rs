//! Layers of the program's own around each try of a call.

use std::fmt;
use std::sync::Arc;

use http::{Request, Response};
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::StdError;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt as _};

/// What a [layer](crate::Builder::layer) is put around: it sends one try of a call, stream or watch.
pub type Transport = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

type Wrap = dyn Fn(Transport) -> Transport + Send + Sync;

/// The layers of a client, the first outermost.
#[derive(Clone, Default)]
pub(crate) struct Layers(Vec<Arc<Wrap>>);

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} layers", self.0.len())
    }
}

impl Layers {
    pub(crate) fn add<L, S, B>(&mut self, layer: L)
    where
        L: Layer<Transport, Service = S> + Send + Sync + 'static,
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<StdError>,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        self.0.push(Arc::new(move |inner| {
            let service = layer.layer(inner).map_response(|response: Response<B>| response.map(Body::new));
            BoxCloneSyncService::new(service.map_err(|error| status(error.into())))
        }));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The transport with every layer around it.
    pub(crate) fn around(&self, inner: Transport) -> Transport {
        self.0.iter().rev().fold(inner, |inner, wrap| wrap(inner))
    }
}

/// What a layer failed with; anything but a status counts as UNAVAILABLE.
fn status(error: StdError) -> Status {
    match error.downcast::<Status>() {
        Ok(status) => *status,
        Err(error) => Status::unavailable(with_causes(&*error)),
    }
}

/// An error with its causes, for the outermost of tonic's own says no more than that the transport failed.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}
