//! ServerService: describes the server, and what the caller may see of it.

mod describe;
mod namespaces;

use tenterhook_proto::tenterhook::v1;
use tonic::{Request, Response, Status};

use crate::state::{Api, parts};

/// The service on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Info(pub(crate) Api);

#[tonic::async_trait]
impl v1::server_service_server::ServerService for Info {
    async fn get_server_info(
        &self,
        request: Request<v1::GetServerInfoRequest>,
    ) -> Result<Response<v1::GetServerInfoResponse>, Status> {
        let (caller, _) = parts(request)?;
        Ok(Response::new(describe::describe(&self.0, &caller)))
    }

    async fn list_namespaces(
        &self,
        request: Request<v1::ListNamespacesRequest>,
    ) -> Result<Response<v1::ListNamespacesResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(namespaces::list(&self.0, &caller, request).await?))
    }
}
