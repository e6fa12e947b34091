//! Who compiles and renders: this process, or something around it.
//!
//! Templates that are not plain may do more work than a process should trust itself with, so
//! the API and the dispatcher ask a [`Render`]: [`InProcess`] here, or one that hands such
//! templates to worker processes.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use tenterhook_model::{Fault, PreparedRequest, Webhook};

use crate::compiled::{Compiled, compile};
use crate::event_context::EventContext;
use crate::matching::{Acceptance, Rules};
use crate::preview::{Preview, preview};
use crate::request::{AttemptFacts, RenderFault};

/// Something that compiles webhooks and renders their requests.
#[async_trait]
pub trait Render: Debug + Send + Sync + 'static {
    /// Compiles a webhook.
    ///
    /// # Errors
    /// Every fault of the webhook, as [`compile`].
    async fn compile(&self, webhook: &Webhook) -> Result<Arc<Compiled>, Vec<Fault>>;

    /// Compiles the rules of a webhook and nothing else.
    ///
    /// # Errors
    /// Every fault of the rules, as [`Rules::compile`].
    async fn compile_rules(&self, webhook: &Webhook) -> Result<Arc<Rules>, Vec<Fault>>;

    /// Whether an event goes to the webhook of these rules, as [`Rules::accepts`].
    async fn accepts(&self, rules: &Arc<Rules>, event: &Arc<EventContext>) -> Acceptance;

    /// Makes the exact request of one attempt.
    ///
    /// # Errors
    /// What could not be rendered or sent, as [`Compiled::prepare`].
    async fn prepare(
        &self,
        compiled: &Arc<Compiled>,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<PreparedRequest, RenderFault>;

    /// What a webhook would do with an event, as [`preview`].
    ///
    /// # Errors
    /// Every fault of the webhook.
    async fn preview(
        &self,
        webhook: &Webhook,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<Preview, Vec<Fault>>;
}

/// Compiles and renders everything in this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess;

#[async_trait]
impl Render for InProcess {
    async fn compile(&self, webhook: &Webhook) -> Result<Arc<Compiled>, Vec<Fault>> {
        compile(webhook).map(Arc::new)
    }

    async fn compile_rules(&self, webhook: &Webhook) -> Result<Arc<Rules>, Vec<Fault>> {
        Rules::compile(&webhook.spec.rules).map(Arc::new)
    }

    async fn accepts(&self, rules: &Arc<Rules>, event: &Arc<EventContext>) -> Acceptance {
        rules.accepts(event)
    }

    async fn prepare(
        &self,
        compiled: &Arc<Compiled>,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<PreparedRequest, RenderFault> {
        compiled.prepare(event, facts)
    }

    async fn preview(
        &self,
        webhook: &Webhook,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<Preview, Vec<Fault>> {
        preview(webhook, event, facts)
    }
}
