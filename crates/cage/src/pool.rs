//! A small pool of warm workers: each answers one request at a time, is killed when it is late,
//! and makes room for a new one when it died or has answered many.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::frame::{Answer, Request};
use crate::worker::{Worker, WorkerCommand, encoded};

/// How long a request may take. The engine ends any template within 200 ms of CPU; the rest is
/// for a busy machine.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long a request may wait for a free worker.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Requests after which a worker is replaced, so that nothing piles up in it.
const REQUESTS_PER_WORKER: u32 = 2_000;

/// Why a worker gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CageError {
    /// The deadline passed, and the worker was killed.
    #[error("the template takes too long")]
    Late,
    /// The worker died, most likely of its memory limit.
    #[error("the template needs too much memory")]
    Died(#[source] io::Error),
    /// All workers were busy for too long.
    #[error("all render workers are busy")]
    Busy,
    /// A worker could not be started.
    #[error("a render worker could not be started")]
    Start(#[source] io::Error),
}

#[derive(Debug)]
pub(crate) struct Pool {
    command: WorkerCommand,
    workers: usize,
    permits: Semaphore,
    idle: Mutex<Vec<Worker>>,
}

impl Pool {
    pub(crate) fn new(command: WorkerCommand, workers: usize) -> Self {
        Self { command, workers, permits: Semaphore::new(workers), idle: Mutex::default() }
    }

    /// Lets a worker answer `request`.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Answer, CageError> {
        let bytes = encoded(request).map_err(CageError::Died)?;
        let _permit = self.permit().await?;
        // an idle worker may have been killed from outside since its last answer
        if let Some(worker) = self.take_idle() {
            match self.ask_worker(worker, &bytes).await {
                Err(CageError::Died(error)) if gone(&error) => {
                    tracing::info!("an idle render worker was gone; a new one takes its place");
                }
                answered => return self.told(request, answered),
            }
        }
        let worker = Worker::start(&self.command).map_err(CageError::Start)?;
        let answered = self.ask_worker(worker, &bytes).await;
        self.told(request, answered)
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, CageError> {
        match timeout(WAIT_MAX, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(CageError::Busy),
        }
    }

    async fn ask_worker(&self, mut worker: Worker, bytes: &[u8]) -> Result<Answer, CageError> {
        match timeout(DEADLINE, worker.ask(bytes)).await {
            Ok(Ok(answer)) => {
                debug_assert!(worker.answered <= REQUESTS_PER_WORKER, "a worker is replaced in time");
                if worker.answered < REQUESTS_PER_WORKER {
                    let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                    idle.push(worker);
                    debug_assert!(idle.len() <= self.workers, "{} workers are idle of {}", idle.len(), self.workers);
                } else {
                    worker.end().await;
                }
                Ok(answer)
            }
            Ok(Err(error)) => {
                worker.end().await;
                Err(CageError::Died(error))
            }
            Err(_) => {
                worker.end().await;
                Err(CageError::Late)
            }
        }
    }

    fn take_idle(&self) -> Option<Worker> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn told(&self, request: &Request, answered: Result<Answer, CageError>) -> Result<Answer, CageError> {
        if let Err(error) = &answered {
            let bytes = request.source().len();
            tracing::warn!(%error, task = request.task.name(), source_bytes = bytes, "a template ended its render worker");
        }
        answered
    }
}

/// Whether the pipe was broken before the request was through.
fn gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}
