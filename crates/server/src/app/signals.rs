//! SIGTERM and SIGINT: the first asks for an orderly end, the second ends at once. SIGHUP: files are
//! read again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::reload::Reload;

/// Exit code of a process that is ended by a second signal: 128 and SIGINT.
const IMPATIENT: i32 = 130;

/// The watch over signals; it ends when this is dropped.
#[derive(Debug)]
pub struct Signals {
    /// Cancelled by the first signal to end.
    pub shutdown: CancellationToken,
    /// Asked for by SIGHUP.
    pub reload: Reload,
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
        let hangup = signal(SignalKind::hangup())?;
        let shutdown = CancellationToken::new();
        let (asker, asked) = watch::channel(());
        let mut task = JoinSet::new();
        task.spawn(end(terminate, interrupt, shutdown.clone()));
        task.spawn(reload(hangup, asker));
        Ok(Self { shutdown, reload: Reload::new(asked), _task: task })
    }
}

/// Asks for a reload at each SIGHUP. Nothing is drained and nothing ends.
async fn reload(mut hangup: Signal, asker: watch::Sender<()>) {
    while hangup.recv().await.is_some() {
        tracing::info!("received SIGHUP: reading keys and certificates again");
        asker.send_replace(());
    }
}

async fn end(mut terminate: Signal, mut interrupt: Signal, shutdown: CancellationToken) {
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
