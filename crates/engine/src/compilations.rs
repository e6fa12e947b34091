//! Compiled webhooks, kept by webhook and revision, so that each revision is compiled once.
//!
//! The API puts in what it compiled to check it; the dispatcher looks up what it sends.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tenterhook_model::{Fault, Webhook, WebhookId};

use crate::compiled::Compiled;
use crate::render::Render;

/// A cache with one entry, the newest revision seen, for each webhook.
#[derive(Debug, Default)]
pub struct Compilations {
    entries: RwLock<HashMap<WebhookId, Arc<Compiled>>>,
}

impl Compilations {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is kept of this revision of a webhook.
    pub fn find(&self, webhook: &Webhook) -> Option<Arc<Compiled>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(&webhook.id).filter(|compiled| compiled.revision() == webhook.revision).cloned()
    }

    /// Keeps what was compiled, unless a newer revision is there.
    pub fn keep(&self, compiled: Arc<Compiled>) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        match entries.get(&compiled.webhook_id()) {
            Some(kept) if kept.revision() > compiled.revision() => {}
            _ => {
                entries.insert(compiled.webhook_id(), compiled);
            }
        }
    }

    /// Forgets a webhook that was deleted.
    pub fn forget(&self, webhook: &WebhookId) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(webhook);
    }

    /// What is kept of this revision, else what `render` compiles, which is kept then.
    ///
    /// # Errors
    /// The faults of a webhook that does not compile.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing but the work done.
    pub async fn find_or_compile(&self, webhook: &Webhook, render: &dyn Render) -> Result<Arc<Compiled>, Vec<Fault>> {
        if let Some(compiled) = self.find(webhook) {
            return Ok(compiled);
        }
        let compiled = render.compile(webhook).await?;
        self.keep(Arc::clone(&compiled));
        Ok(compiled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile;
    use crate::tests as testing;

    fn revision(revision: u64) -> Webhook {
        Webhook { revision, ..testing::webhook() }
    }

    #[test]
    fn one_revision_of_a_webhook_is_kept_the_newest() {
        let cache = Compilations::new();
        for kept in [2, 1, 3] {
            cache.keep(Arc::new(compile(&revision(kept)).unwrap()));
        }
        assert!(cache.find(&revision(1)).is_none());
        assert!(cache.find(&revision(2)).is_none());
        assert_eq!(cache.find(&revision(3)).unwrap().revision(), 3);
        cache.forget(&revision(3).id);
        assert!(cache.find(&revision(3)).is_none());
    }
}
