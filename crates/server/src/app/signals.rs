//! SIGTERM and SIGINT: the first asks for an orderly end, the second ends at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Exit code of a process that is ended by a second signal: 128 and SIGINT.
const IMPATIENT: i32 = 130;

/// The watch over signals; it ends when this is dropped.
#[derive(Debug)]
pub struct Signals {
    /// Cancelled by the first signal.
    pub shutdown: CancellationToken,
    _task: JoinSet<()>,
}

impl Signals {
    /// Begins to watch. Call it inside the runtime.
    ///
    /// # Errors
    /// When the operating system refuses a handler.
    pub fn install() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let shutdown = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(watch(terminate, interrupt, shutdown.clone()));
        Ok(Self { shutdown, _task: task })
    }
}

async fn watch(mut terminate: Signal, mut interrupt: Signal, shutdown: CancellationToken) {
    either(&mut terminate, &mut interrupt).await;
    tracing::info!("a signal asks for the end; a second one ends at once");
    shutdown.cancel();
    either(&mut terminate, &mut interrupt).await;
    tracing::warn!("a second signal: ending at once");
    std::process::exit(IMPATIENT);
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    // The order does not matter: both mean the same.
    tokio::select! { biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
