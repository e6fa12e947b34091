//! WebhookService: manages webhooks and tries them out.

mod create;
mod keys;
mod list;
mod preview;
mod public_keys;
mod save;
mod target;
mod trial;
mod update;

use tenterhook_proto::tenterhook::v1;
use tonic::{Request, Response, Status};

use crate::state::{Api, parts};

pub use public_keys::{PublicKey, PublicKeys};

pub(crate) use preview::{inline_event, sample_facts, write_rules};
pub(crate) use save::{check_request_id, remembered, subject};

/// The service on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Webhooks(pub(crate) Api);

#[tonic::async_trait]
impl v1::webhook_service_server::WebhookService for Webhooks {
    async fn create_webhook(
        &self,
        request: Request<v1::CreateWebhookRequest>,
    ) -> Result<Response<v1::CreateWebhookResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(create::create(&self.0, &caller, request).await?))
    }

    async fn get_webhook(
        &self,
        request: Request<v1::GetWebhookRequest>,
    ) -> Result<Response<v1::GetWebhookResponse>, Status> {
        let (caller, request) = parts(request)?;
        let webhook = Some(save::get(&self.0, &caller, &request).await?);
        Ok(Response::new(v1::GetWebhookResponse { webhook }))
    }

    async fn list_webhooks(
        &self,
        request: Request<v1::ListWebhooksRequest>,
    ) -> Result<Response<v1::ListWebhooksResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(list::list(&self.0, &caller, request).await?))
    }

    async fn update_webhook(
        &self,
        request: Request<v1::UpdateWebhookRequest>,
    ) -> Result<Response<v1::UpdateWebhookResponse>, Status> {
        let (caller, request) = parts(request)?;
        let webhook = Some(update::update(&self.0, &caller, request).await?);
        Ok(Response::new(v1::UpdateWebhookResponse { webhook }))
    }

    async fn delete_webhook(
        &self,
        request: Request<v1::DeleteWebhookRequest>,
    ) -> Result<Response<v1::DeleteWebhookResponse>, Status> {
        let (caller, request) = parts(request)?;
        let cancelled_deliveries = update::delete(&self.0, &caller, &request).await?;
        Ok(Response::new(v1::DeleteWebhookResponse { cancelled_deliveries }))
    }

    async fn pause_webhook(
        &self,
        request: Request<v1::PauseWebhookRequest>,
    ) -> Result<Response<v1::PauseWebhookResponse>, Status> {
        let (caller, request) = parts(request)?;
        let webhook = Some(update::pause(&self.0, &caller, &request).await?);
        Ok(Response::new(v1::PauseWebhookResponse { webhook }))
    }

    async fn resume_webhook(
        &self,
        request: Request<v1::ResumeWebhookRequest>,
    ) -> Result<Response<v1::ResumeWebhookResponse>, Status> {
        let (caller, request) = parts(request)?;
        let webhook = Some(update::resume(&self.0, &caller, &request).await?);
        Ok(Response::new(v1::ResumeWebhookResponse { webhook }))
    }

    async fn rotate_signing_key(
        &self,
        request: Request<v1::RotateSigningKeyRequest>,
    ) -> Result<Response<v1::RotateSigningKeyResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(keys::rotate(&self.0, &caller, request).await?))
    }

    async fn revoke_signing_key(
        &self,
        request: Request<v1::RevokeSigningKeyRequest>,
    ) -> Result<Response<v1::RevokeSigningKeyResponse>, Status> {
        let (caller, request) = parts(request)?;
        let webhook = Some(keys::revoke(&self.0, &caller, &request).await?);
        Ok(Response::new(v1::RevokeSigningKeyResponse { webhook }))
    }

    async fn render_preview(
        &self,
        request: Request<v1::RenderPreviewRequest>,
    ) -> Result<Response<v1::RenderPreviewResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(preview::preview(&self.0, &caller, request).await?))
    }

    async fn test_webhook(
        &self,
        request: Request<v1::TestWebhookRequest>,
    ) -> Result<Response<v1::TestWebhookResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(trial::test(&self.0, &caller, request).await?))
    }
}
