//! Compiled webhooks, each revision compiled once, within a budget of memory.
//!
//! The API puts in what it compiled to check a webhook, before it saves it; the dispatcher
//! takes out what it sends, and compiles again what was dropped. A compiled template takes
//! many times the memory of its source, so the least recently used go when the budget is used up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tenterhook_model::{Fault, Webhook, WebhookId};

use crate::compiled::Compiled;
use crate::render::Render;
use crate::single::Single;

/// Bytes that compiled webhooks take together, by their [`Compiled::weight`].
const BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// A cache with at most one revision, the newest seen, of each webhook.
#[derive(Debug)]
pub struct Compilations {
    entries: RwLock<Entries>,
    /// Rises with each use, to tell what was used last.
    uses: AtomicU64,
    budget: usize,
    /// Who compiles a webhook that was dropped.
    compiling: Single,
}

#[derive(Debug, Default)]
struct Entries {
    stored: HashMap<WebhookId, Entry>,
    /// Of webhooks that are being saved; the revision that they will have is not known yet.
    staged: HashMap<WebhookId, Entry>,
    /// Weight of all that is stored.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    webhook: Arc<Webhook>,
    compiled: Arc<Compiled>,
    used: AtomicU64,
}

/// A webhook that was compiled and is about to be saved. Dropped, it is forgotten.
#[derive(Debug)]
pub struct Staged<'a> {
    cache: &'a Compilations,
    webhook: Arc<Webhook>,
}

impl Default for Compilations {
    fn default() -> Self {
        Self::with_budget(BUDGET_BYTES)
    }
}

impl Compilations {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty cache that holds `budget` bytes, as [`Compiled::weight`] counts them.
    pub fn with_budget(budget: usize) -> Self {
        Self { entries: RwLock::default(), uses: AtomicU64::new(0), budget, compiling: Single::default() }
    }

    /// What is kept of a webhook: of this revision, or of one that compiles to the same.
    pub fn find(&self, webhook: &Arc<Webhook>) -> Option<Arc<Compiled>> {
        let entries = self.read();
        let found = [&entries.stored, &entries.staged].into_iter().filter_map(|kept| kept.get(&webhook.id));
        let entry = found.into_iter().find(|entry| entry.is_of(webhook))?;
        let compiled = Arc::clone(&entry.compiled);
        if Arc::ptr_eq(&entry.webhook, webhook) {
            entry.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        } else {
            drop(entries);
            // The next look finds this revision without comparing contents.
            self.keep(webhook, Arc::clone(&compiled));
        }
        Some(compiled)
    }

    /// Keeps what was compiled of a stored webhook, unless a newer revision is there.
    pub fn keep(&self, webhook: &Arc<Webhook>, compiled: Arc<Compiled>) {
        assert_eq!(webhook.id, compiled.webhook_id(), "what is kept is of the webhook that it is kept under");
        let mut entries = self.write();
        if entries.stored.get(&webhook.id).is_some_and(|kept| kept.webhook.revision > webhook.revision) {
            return;
        }
        let used = AtomicU64::new(self.uses.fetch_add(1, Ordering::Relaxed));
        entries.insert(Entry { webhook: Arc::clone(webhook), compiled, used });
        let dropped = entries.shrink(self.budget);
        drop(entries);
        drop(dropped);
    }

    /// Keeps what was compiled of a webhook while it is being saved: whoever looks for the
    /// saved webhook finds it at once.
    pub fn stage(&self, webhook: &Webhook, compiled: Arc<Compiled>) -> Staged<'_> {
        let webhook = Arc::new(webhook.clone());
        let entry = Entry { webhook: Arc::clone(&webhook), compiled, used: AtomicU64::new(0) };
        self.write().staged.insert(webhook.id, entry);
        Staged { cache: self, webhook }
    }

    /// Forgets a webhook that was deleted.
    pub fn forget(&self, webhook: &WebhookId) {
        let mut entries = self.write();
        let forgotten = entries.remove(webhook);
        drop(entries);
        drop(forgotten);
    }

    /// Whether another webhook can be kept without one that goes for it.
    pub fn has_room(&self) -> bool {
        self.read().bytes < self.budget
    }

    /// What is kept of this revision, else what `render` compiles, which is kept then. Of many who
    /// look for one webhook at once, one compiles it.
    ///
    /// # Errors
    /// The faults of a webhook that does not compile.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing but the work done.
    pub async fn find_or_compile(
        &self,
        webhook: &Arc<Webhook>,
        render: &dyn Render,
    ) -> Result<Arc<Compiled>, Vec<Fault>> {
        if let Some(compiled) = self.find(webhook) {
            return Ok(compiled);
        }
        let _turn = self.compiling.turn(webhook.id).await;
        // Whoever had the turn before may have compiled this revision.
        if let Some(compiled) = self.find(webhook) {
            return Ok(compiled);
        }
        let compiled = render.compile(webhook).await?;
        self.keep(webhook, Arc::clone(&compiled));
        Ok(compiled)
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn insert(&mut self, entry: Entry) {
        self.bytes += entry.compiled.weight();
        if let Some(before) = self.stored.insert(entry.webhook.id, entry) {
            self.bytes -= before.compiled.weight();
        }
        self.check();
    }

    fn remove(&mut self, webhook: &WebhookId) -> Option<Entry> {
        let removed = self.stored.remove(webhook)?;
        let weight = removed.compiled.weight();
        assert!(weight <= self.bytes, "{weight} bytes of {webhook} go, and {} are counted", self.bytes);
        self.bytes -= weight;
        self.check();
        Some(removed)
    }

    /// What holds after each change: else the cache would drop too much, or grow for ever.
    fn check(&self) {
        debug_assert_eq!(
            self.bytes,
            self.stored.values().map(|entry| entry.compiled.weight()).sum::<usize>(),
            "every webhook that is kept is counted once"
        );
    }

    /// Takes the least recently used out when there is more than `budget`. It leaves an eighth
    /// of the budget free, so that the order of use is looked up once for many; the last one
    /// stays, however large.
    fn shrink(&mut self, budget: usize) -> Vec<Entry> {
        if self.bytes <= budget {
            return Vec::new();
        }
        let used = |entry: &Entry| entry.used.load(Ordering::Relaxed);
        let mut oldest_first: Vec<(u64, WebhookId)> =
            self.stored.iter().map(|(id, entry)| (used(entry), *id)).collect();
        oldest_first.sort_unstable();
        oldest_first.pop();
        let mut dropped = Vec::new();
        for (_, id) in oldest_first {
            if self.bytes <= budget / 8 * 7 {
                break;
            }
            dropped.extend(self.remove(&id));
        }
        assert!(self.bytes <= budget || self.stored.len() == 1, "{} bytes of {budget} are kept", self.bytes);
        dropped
    }
}

impl Entry {
    /// Whether `webhook` compiles to what is here.
    fn is_of(&self, webhook: &Arc<Webhook>) -> bool {
        Arc::ptr_eq(&self.webhook, webhook)
            || (self.webhook.spec == webhook.spec && self.webhook.signing_keys == webhook.signing_keys)
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        let mut entries = self.cache.write();
        let is_own = |entry: &Entry| Arc::ptr_eq(&entry.webhook, &self.webhook);
        if entries.staged.get(&self.webhook.id).is_some_and(is_own) {
            entries.staged.remove(&self.webhook.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests as testing;
    use crate::{Acceptance, AttemptFacts, EventContext, InProcess, Preview, RenderFault, Rules, compile};
    use tenterhook_model::webhook::SigningKey;
    use tenterhook_model::{PreparedRequest, Secret, SigningKeyId, Timestamp};

    fn webhook(number: u8, revision: u64) -> Arc<Webhook> {
        let mut webhook = Webhook { revision, id: WebhookId::from_bytes([number; 16]), ..testing::webhook() };
        webhook.spec.request.body = format!("{{{{ event }}}} {revision}");
        Arc::new(webhook)
    }

    fn kept(cache: &Compilations, webhook: &Arc<Webhook>) -> Arc<Compiled> {
        let compiled = Arc::new(compile(webhook).unwrap());
        cache.keep(webhook, Arc::clone(&compiled));
        compiled
    }

    #[test]
    fn one_revision_of_a_webhook_is_kept_the_newest() {
        let cache = Compilations::new();
        for revision in [2, 1, 3] {
            kept(&cache, &webhook(1, revision));
        }
        assert!(cache.find(&webhook(1, 1)).is_none());
        assert!(cache.find(&webhook(1, 2)).is_none());
        assert_eq!(cache.find(&webhook(1, 3)).unwrap().revision(), 3);
        cache.forget(&webhook(1, 3).id);
        assert!(cache.find(&webhook(1, 3)).is_none());
        assert_eq!(cache.read().bytes, 0);
    }

    #[test]
    fn a_revision_that_compiles_to_the_same_is_not_compiled_again() {
        let cache = Compilations::new();
        let first = webhook(1, 1);
        let compiled = kept(&cache, &first);
        let paused = Arc::new(Webhook { revision: 2, ..Webhook::clone(&first) });
        assert!(Arc::ptr_eq(&cache.find(&paused).unwrap(), &compiled));
        let mut resigned = Webhook { revision: 3, ..Webhook::clone(&first) };
        resigned.signing_keys.push(SigningKey {
            id: SigningKeyId::from_bytes([1; 16]),
            secret: Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            create_time: Timestamp::default(),
            expire_time: None,
        });
        assert!(cache.find(&Arc::new(resigned)).is_none(), "another key signs otherwise");
    }

    #[test]
    fn a_webhook_that_is_being_saved_is_found_once_it_is_stored_and_its_old_revision_until_then() {
        let cache = Compilations::new();
        let old = webhook(1, 1);
        kept(&cache, &old);
        let mut draft = Webhook::clone(&old);
        draft.spec.request.body = "new".into();
        let compiled = Arc::new(compile(&draft).unwrap());
        let staged = cache.stage(&draft, Arc::clone(&compiled));
        assert!(cache.find(&old).is_some());
        let stored = Arc::new(Webhook { revision: 2, ..draft.clone() });
        assert!(Arc::ptr_eq(&cache.find(&stored).unwrap(), &compiled));
        drop(staged);
        assert!(cache.find(&stored).is_some(), "it was stored");
        assert!(cache.read().staged.is_empty());
    }

    #[test]
    fn a_save_that_fails_leaves_nothing() {
        let cache = Compilations::new();
        let draft = webhook(1, 0);
        drop(cache.stage(&draft, Arc::new(compile(&draft).unwrap())));
        assert!(cache.find(&Arc::new(Webhook { revision: 1, ..Webhook::clone(&draft) })).is_none());
    }

    #[test]
    fn the_least_recently_used_go_when_the_budget_is_used_up() {
        let weight = compile(&webhook(1, 1)).unwrap().weight();
        let cache = Compilations::with_budget(8 * weight);
        for number in 0..8 {
            kept(&cache, &webhook(number, 1));
        }
        assert!(!cache.has_room());
        assert!(cache.find(&webhook(0, 1)).is_some(), "it is used now");
        kept(&cache, &webhook(8, 1));
        let gone: Vec<u8> = (0..9).filter(|number| cache.find(&webhook(*number, 1)).is_none()).collect();
        assert_eq!(gone, [1, 2]);
        assert_eq!(cache.read().bytes, 7 * weight);
    }

    /// Compiles in this process after a pause, and counts.
    #[derive(Debug, Default)]
    struct Counting(AtomicU64);

    #[async_trait::async_trait]
    impl Render for Counting {
        async fn compile(&self, webhook: &Webhook) -> Result<Arc<Compiled>, Vec<Fault>> {
            let mut has_paused = false;
            std::future::poll_fn(|_| {
                let ready = std::mem::replace(&mut has_paused, true);
                if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            self.0.fetch_add(1, Ordering::SeqCst);
            InProcess.compile(webhook).await
        }

        async fn compile_rules(&self, webhook: &Webhook) -> Result<Arc<Rules>, Vec<Fault>> {
            InProcess.compile_rules(webhook).await
        }

        async fn accepts(&self, rules: &Arc<Rules>, event: &Arc<EventContext>) -> Acceptance {
            InProcess.accepts(rules, event).await
        }

        async fn prepare(
            &self,
            compiled: &Arc<Compiled>,
            event: &Arc<EventContext>,
            facts: &AttemptFacts,
        ) -> Result<PreparedRequest, RenderFault> {
            InProcess.prepare(compiled, event, facts).await
        }

        async fn preview(
            &self,
            webhook: &Webhook,
            event: &Arc<EventContext>,
            facts: &AttemptFacts,
        ) -> Result<Preview, Vec<Fault>> {
            InProcess.preview(webhook, event, facts).await
        }
    }

    #[test]
    fn sixty_four_attempts_compile_a_webhook_that_was_dropped_once() {
        let (cache, render, webhook) = (Compilations::new(), Counting::default(), webhook(1, 1));
        let mut attempts: Vec<_> = (0..64).map(|_| Some(Box::pin(cache.find_or_compile(&webhook, &render)))).collect();
        let mut done = 0;
        for _round in 0..3 {
            for attempt in &mut attempts {
                let Some(running) = attempt else { continue };
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                if let std::task::Poll::Ready(compiled) = running.as_mut().poll(&mut context) {
                    compiled.unwrap();
                    *attempt = None;
                    done += 1;
                }
            }
        }
        assert_eq!((done, render.0.load(Ordering::SeqCst)), (64, 1));
    }

    #[test]
    fn one_that_is_larger_than_the_budget_is_kept_alone() {
        let cache = Compilations::with_budget(1);
        kept(&cache, &webhook(1, 1));
        kept(&cache, &webhook(2, 1));
        assert!(cache.find(&webhook(1, 1)).is_none());
        assert!(cache.find(&webhook(2, 1)).is_some());
    }
}
