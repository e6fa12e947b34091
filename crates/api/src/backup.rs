//! StoreService: copies the store while it is in use.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures_util::{FutureExt as _, Stream, stream};
use tenterhook_proto::tenterhook::v1;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::access::Caller;
use crate::edge::Kept;
use crate::refusal::Refusal;
use crate::state::{Api, keep, parts, retiring};

/// The service on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Stores(pub(crate) Api);

#[tonic::async_trait]
impl v1::store_service_server::StoreService for Stores {
    type BackupStream = Pin<Box<dyn Stream<Item = Result<v1::BackupResponse, Status>> + Send>>;

    async fn backup(&self, request: Request<v1::BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        let connection = (retiring(&request), keep(&request));
        let (caller, _) = parts(request)?;
        let backup = Backup::begin(self.0.clone(), caller, connection).await?;
        Ok(Response::new(Box::pin(backup.into_stream())))
    }
}

/// One backup.
struct Backup {
    api: Api,
    caller: Caller,
    copy: tenterhook_store::Backup,
    /// Cancelled when the connection was about to close before the backup began.
    retiring: CancellationToken,
    /// A copy cannot go on over another connection, and the view that it reads is of this call.
    _kept: Option<Kept>,
    _permit: OwnedSemaphorePermit,
}

impl Backup {
    async fn begin(
        api: Api,
        caller: Caller,
        (retiring, kept): (CancellationToken, Option<Kept>),
    ) -> Result<Self, Refusal> {
        caller.everywhere()?;
        caller.about(|| "the whole store".to_owned());
        let permit = api.backup_permit()?;
        let copy = api.store.backup().await?;
        Ok(Self { api, caller, copy, retiring, _kept: kept, _permit: permit })
    }

    /// The parts of the copy; the last item is the reason why it ended before its end.
    fn into_stream(self) -> impl Stream<Item = Result<v1::BackupResponse, Status>> + Send {
        stream::unfold(Some(self), |backup| async move {
            let mut backup = backup?;
            match AssertUnwindSafe(backup.next()).catch_unwind().await {
                Ok(Ok(Some(message))) => Some((Ok(message), Some(backup))),
                Ok(Ok(None)) => None,
                Ok(Err(refusal)) => Some((Err(refusal.into()), None)),
                Err(_panic) => {
                    backup.api.meter.panicked("/tenterhook.v1.StoreService/Backup");
                    Some((Err(Refusal::Internal.into()), None))
                }
            }
        })
    }

    async fn next(&mut self) -> Result<Option<v1::BackupResponse>, Refusal> {
        if !self.api.access.still_allows(&self.caller) {
            return Err(Refusal::KeyInvalid { shown: true });
        }
        if self.api.shutdown.is_cancelled() {
            return Err(Refusal::ShuttingDown);
        }
        if self.retiring.is_cancelled() {
            return Err(Refusal::ConnectionAged);
        }
        let part = self.copy.next().await?;
        Ok(part.map(|chunk| v1::BackupResponse { chunk }))
    }
}
