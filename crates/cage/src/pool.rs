//! A small pool of warm workers: each answers one request at a time, is killed when it is late,
//! and makes room for a new one when it died or has answered many. Requests take turns (see
//! [`crate::turns`]).

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tenterhook_model::{Quiet, limits};
use tokio::time::{Instant, timeout};

use crate::frame::{Answer, Request};
use crate::turns::{NoTurn, Owner, PREVIEWS_PER_NAMESPACE, Turns};
use crate::worker::{Worker, WorkerCommand, encoded};

/// How long a request may take. The engine ends any template within 200 ms of CPU; the rest is
/// for a busy machine.
const DEADLINE: Duration = limits::WORKER_TIMEOUT;
/// How long a request may wait for a free worker.
pub(crate) const WAIT_MAX: Duration = limits::WORKER_WAIT;
/// Requests after which a worker is replaced, so that nothing piles up in it.
const REQUESTS_PER_WORKER: u32 = 2_000;
/// Lines a minute on templates that end their workers, which they do as often as they are rendered.
const LINES: u32 = 10;

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
    #[error("all render workers are busy; try again")]
    Busy,
    /// The namespace has as many previews at a time as it may have.
    #[error("{PREVIEWS_PER_NAMESPACE} previews of this namespace are running or waiting; try again when one has ended")]
    TooManyPreviews,
    /// A worker could not be started.
    #[error("a render worker could not be started")]
    Start(#[source] io::Error),
}

impl CageError {
    /// Whether the server is the cause, and not the template.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Busy | Self::TooManyPreviews | Self::Start(_))
    }
}

impl From<NoTurn> for CageError {
    fn from(reason: NoTurn) -> Self {
        match reason {
            NoTurn::Late => Self::Busy,
            NoTurn::TooManyPreviews => Self::TooManyPreviews,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Pool {
    command: WorkerCommand,
    workers: usize,
    turns: Arc<Turns>,
    idle: Mutex<Vec<Worker>>,
    quiet: Mutex<Quiet<Instant>>,
}

impl Pool {
    pub(crate) fn new(command: WorkerCommand, workers: usize) -> Self {
        Self {
            command,
            workers,
            turns: Turns::new(workers),
            idle: Mutex::default(),
            quiet: Mutex::new(Quiet::new(LINES)),
        }
    }

    /// Lets a worker answer `request` of `owner`.
    pub(crate) async fn ask(&self, owner: &Owner, request: &Request) -> Result<Answer, CageError> {
        let bytes = encoded(request).map_err(CageError::Died)?;
        let _turn = self.turns.wait(owner, WAIT_MAX).await?;
        self.answer(request, &bytes).await
    }

    async fn answer(&self, request: &Request, bytes: &[u8]) -> Result<Answer, CageError> {
        // An idle worker may have been killed from outside since its last answer.
        if let Some(worker) = self.take_idle() {
            match self.ask_worker(worker, bytes).await {
                Err(CageError::Died(error)) if gone(&error) => {
                    tracing::info!("an idle render worker was gone; a new one takes its place");
                }
                answered => return self.noted(request, answered),
            }
        }
        let worker = Worker::start(&self.command).map_err(CageError::Start)?;
        let answered = self.ask_worker(worker, bytes).await;
        self.noted(request, answered)
    }

    async fn ask_worker(&self, mut worker: Worker, bytes: &[u8]) -> Result<Answer, CageError> {
        match timeout(DEADLINE, worker.ask(bytes)).await {
            Ok(Ok(answer)) => {
                assert!(worker.answered <= REQUESTS_PER_WORKER, "a worker is replaced in time");
                if worker.answered < REQUESTS_PER_WORKER {
                    let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                    idle.push(worker);
                    assert!(idle.len() <= self.workers, "{} workers are idle of {}", idle.len(), self.workers);
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

    fn noted(&self, request: &Request, answered: Result<Answer, CageError>) -> Result<Answer, CageError> {
        if let Err(error) = &answered
            && let Some(left_out) = self.quiet.lock().unwrap_or_else(PoisonError::into_inner).speak(Instant::now())
        {
            let (task, source_bytes) = (request.task.name(), request.source().len());
            tracing::warn!(%error, task, source_bytes, left_out, "a template ended its render worker");
        }
        answered
    }
}

/// Whether the pipe was broken before the request was through.
fn gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}
