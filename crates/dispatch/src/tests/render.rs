//! A renderer that does as the body template says: `fail`, `panic`, or what it is for.

use std::sync::Arc;

use async_trait::async_trait;
use tenterhook_engine::{
    Acceptance, AttemptFacts, Compiled, EventContext, InProcess, Preview, Render, RenderFault, Rules,
};
use tenterhook_model::{Fault, PreparedRequest, Webhook};

#[derive(Debug)]
pub(crate) struct Plain;

#[async_trait]
impl Render for Plain {
    async fn compile(&self, webhook: &Webhook) -> Result<Arc<Compiled>, Vec<Fault>> {
        match webhook.spec.request.body.as_str() {
            "panic" => panic!("a fault of the renderer"),
            _ => InProcess.compile(webhook).await,
        }
    }

    async fn compile_rules(&self, _: &Webhook) -> Result<Arc<Rules>, Vec<Fault>> {
        unreachable!("the dispatcher does not match")
    }

    async fn accepts(&self, _: &Arc<Rules>, _: &Arc<EventContext>) -> Acceptance {
        unreachable!("the dispatcher does not match")
    }

    async fn prepare(
        &self,
        compiled: &Arc<Compiled>,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<PreparedRequest, RenderFault> {
        InProcess.prepare(compiled, event, facts).await
    }

    async fn preview(&self, _: &Webhook, _: &Arc<EventContext>, _: &AttemptFacts) -> Result<Preview, Vec<Fault>> {
        unreachable!("the dispatcher shows no previews")
    }
}
