//! EventService: takes events in and shows them.

mod explain;
mod publish;
mod read;
mod replay;
mod stream;

use std::pin::Pin;

use futures_util::Stream;
use tenterhook_proto::tenterhook::v1;
use tonic::{Request, Response, Status, Streaming};

use crate::edge::{Charge, TraceParent};
use crate::state::{Api, parts};

/// The service on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Events(pub(crate) Api);

/// The `traceparent` that the gate has put into a request.
fn trace_parent<T>(request: &Request<T>) -> Option<String> {
    request.extensions().get::<TraceParent>().and_then(|parent| parent.0.clone())
}

#[tonic::async_trait]
impl v1::event_service_server::EventService for Events {
    async fn publish_event(
        &self,
        request: Request<v1::PublishEventRequest>,
    ) -> Result<Response<v1::PublishEventResponse>, Status> {
        let parent = trace_parent(&request);
        let (caller, request) = parts(request)?;
        let result = Some(publish::one(&self.0, &caller, request.event, parent).await?);
        Ok(Response::new(v1::PublishEventResponse { result }))
    }

    async fn batch_publish_events(
        &self,
        request: Request<v1::BatchPublishEventsRequest>,
    ) -> Result<Response<v1::BatchPublishEventsResponse>, Status> {
        let parent = trace_parent(&request);
        let (caller, request) = parts(request)?;
        let results = publish::batch(&self.0, &caller, request.events, parent).await?;
        Ok(Response::new(v1::BatchPublishEventsResponse { results }))
    }

    type StreamPublishEventsStream =
        Pin<Box<dyn Stream<Item = Result<v1::StreamPublishEventsResponse, Status>> + Send>>;

    async fn stream_publish_events(
        &self,
        request: Request<Streaming<v1::StreamPublishEventsRequest>>,
    ) -> Result<Response<Self::StreamPublishEventsStream>, Status> {
        let parent = trace_parent(&request);
        let charge = request.extensions().get::<Charge>().cloned();
        let (caller, messages) = parts(request)?;
        let inbound = stream::Inbound::open(self.0.clone(), caller, messages, charge)?;
        let acknowledgements = stream::acknowledgements(inbound, parent);
        Ok(Response::new(Box::pin(acknowledgements)))
    }

    async fn get_event(&self, request: Request<v1::GetEventRequest>) -> Result<Response<v1::GetEventResponse>, Status> {
        let (caller, request) = parts(request)?;
        let event = Some(read::get(&self.0, &caller, &request).await?);
        Ok(Response::new(v1::GetEventResponse { event }))
    }

    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(read::list(&self.0, &caller, request).await?))
    }

    async fn explain_event(
        &self,
        request: Request<v1::ExplainEventRequest>,
    ) -> Result<Response<v1::ExplainEventResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(explain::explain(&self.0, &caller, request).await?))
    }

    async fn replay_events(
        &self,
        request: Request<v1::ReplayEventsRequest>,
    ) -> Result<Response<v1::ReplayEventsResponse>, Status> {
        let (caller, request) = parts(request)?;
        let delivery_count = replay::replay(&self.0, &caller, request).await?;
        Ok(Response::new(v1::ReplayEventsResponse { delivery_count }))
    }
}
