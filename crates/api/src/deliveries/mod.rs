//! DeliveryService: shows deliveries and steers them.

mod read;
mod stats;
mod steer;
mod watch;

use std::pin::Pin;

use futures_util::Stream;
use tenterhook_proto::tenterhook::v1;
use tonic::{Request, Response, Status};

use crate::state::{Api, parts, retiring};

/// The service on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Deliveries(pub(crate) Api);

#[tonic::async_trait]
impl v1::delivery_service_server::DeliveryService for Deliveries {
    type WatchDeliveriesStream = Pin<Box<dyn Stream<Item = Result<v1::WatchDeliveriesResponse, Status>> + Send>>;

    async fn get_delivery(
        &self,
        request: Request<v1::GetDeliveryRequest>,
    ) -> Result<Response<v1::GetDeliveryResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(read::get(&self.0, &caller, &request).await?))
    }

    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Result<Response<v1::ListDeliveriesResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(read::list(&self.0, &caller, request).await?))
    }

    async fn watch_deliveries(
        &self,
        request: Request<v1::WatchDeliveriesRequest>,
    ) -> Result<Response<Self::WatchDeliveriesStream>, Status> {
        let retiring = retiring(&request);
        let (caller, request) = parts(request)?;
        let watch = watch::Watch::begin(self.0.clone(), caller, request).await?.until(retiring);
        Ok(Response::new(Box::pin(watch.into_stream())))
    }

    async fn retry_delivery(
        &self,
        request: Request<v1::RetryDeliveryRequest>,
    ) -> Result<Response<v1::RetryDeliveryResponse>, Status> {
        let (caller, request) = parts(request)?;
        let delivery = Some(steer::retry(&self.0, &caller, &request.delivery_id).await?);
        Ok(Response::new(v1::RetryDeliveryResponse { delivery }))
    }

    async fn batch_retry_deliveries(
        &self,
        request: Request<v1::BatchRetryDeliveriesRequest>,
    ) -> Result<Response<v1::BatchRetryDeliveriesResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(steer::retry_all(&self.0, &caller, request).await?))
    }

    async fn cancel_delivery(
        &self,
        request: Request<v1::CancelDeliveryRequest>,
    ) -> Result<Response<v1::CancelDeliveryResponse>, Status> {
        let (caller, request) = parts(request)?;
        let delivery = Some(steer::cancel(&self.0, &caller, &request.delivery_id).await?);
        Ok(Response::new(v1::CancelDeliveryResponse { delivery }))
    }

    async fn batch_cancel_deliveries(
        &self,
        request: Request<v1::BatchCancelDeliveriesRequest>,
    ) -> Result<Response<v1::BatchCancelDeliveriesResponse>, Status> {
        let (caller, request) = parts(request)?;
        let delivery_count = steer::cancel_all(&self.0, &caller, request).await?;
        Ok(Response::new(v1::BatchCancelDeliveriesResponse { delivery_count }))
    }

    async fn get_delivery_stats(
        &self,
        request: Request<v1::GetDeliveryStatsRequest>,
    ) -> Result<Response<v1::GetDeliveryStatsResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(stats::count(&self.0, &caller, &request).await?))
    }
}
