//! SIGHUP: everything that is read again when it changes is read at once.

use tokio::sync::watch;

/// Asked for by SIGHUP; clones are asked together.
#[derive(Debug, Clone, Default)]
pub struct Reload(Option<watch::Receiver<()>>);

impl Reload {
    /// A reload that `receiver` asks for.
    pub(crate) fn new(receiver: watch::Receiver<()>) -> Self {
        Self(Some(receiver))
    }

    /// Waits until somebody asks; for ever when nobody can.
    ///
    /// # Cancel safety
    /// What was asked for is not lost when it is dropped.
    pub(crate) async fn asked(&mut self) {
        if let Some(receiver) = &mut self.0
            && receiver.changed().await.is_ok()
        {
            return;
        }
        self.0 = None;
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_clone_is_asked_once_and_nobody_when_the_asker_is_gone() {
        let (sender, receiver) = watch::channel(());
        let (mut one, mut two) = (Reload::new(receiver.clone()), Reload::new(receiver));
        sender.send(()).unwrap();
        one.asked().await;
        two.asked().await;
        drop(sender);
        let patience = Duration::from_secs(60);
        assert!(tokio::time::timeout(patience, one.asked()).await.is_err());
        assert!(tokio::time::timeout(patience, Reload::default().asked()).await.is_err());
    }
}
