//! Render workers: what is not plain runs in child processes with a memory limit, which are
//! killed at a deadline.
//!
//! The engine charges all work of a template and ends it within its limits. This is the second
//! fence, for what the first one may miss: a template that still ends, hangs or swells a
//! process does so to a worker. Plain templates, nearly all in practice, never come here.
//!
//! The command gives the API and the dispatcher one [`Cage`] as their `Render`, and its
//! `render-worker` runs [`serve`].

mod frame;
mod pool;
mod serve;
mod worker;

use std::sync::Arc;

use async_trait::async_trait;
use tenterhook_engine::template::{Mode, RenderError, RenderErrorKind, Undefined};
use tenterhook_engine::{
    Acceptance, AttemptFacts, Compiled, EventContext, FieldTemplate, Preview, Render, RenderFault, Rendered, compile,
    preview,
};
use tenterhook_model::{Fault, PreparedRequest, Webhook};

use frame::{Answer, Request, Task};
use pool::Pool;

pub use pool::CageError;
pub use serve::serve;
pub use worker::WorkerCommand;

/// Bytes of a source up to which compiling it is always cheap.
const CHEAP_SOURCE_BYTES: usize = 2 * 1024;

/// Compiles and renders in this process what is plain, and the rest in workers.
#[derive(Debug)]
pub struct Cage {
    pool: Pool,
}

impl Cage {
    /// A cage whose workers run `command`; at most `workers` at a time, started when needed.
    #[must_use]
    pub fn new(command: WorkerCommand, workers: usize) -> Self {
        Self { pool: Pool::new(command, workers) }
    }

    /// Starts a worker ahead of the first template that needs one.
    ///
    /// # Errors
    /// It cannot be started, or does not answer.
    pub async fn warm_up(&self) -> Result<(), CageError> {
        self.pool.ask(&Request::compiling("", Mode::Text, Undefined::Lenient)).await.map(|_| ())
    }

    /// Lets a worker compile the sources that are not cheap; a fault for each that kills it.
    async fn try_sources(&self, webhook: &Webhook) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (field, source, mode) in sources(webhook) {
            if source.len() <= CHEAP_SOURCE_BYTES {
                continue;
            }
            if let Err(error) = self.pool.ask(&Request::compiling(source, mode, Undefined::Lenient)).await {
                faults.push(Fault::invalid(field, format!("cannot be compiled: {error}")));
            }
        }
        faults
    }

    async fn render_caged(&self, template: &FieldTemplate, context: &str) -> Result<String, RenderFault> {
        let request = match Request::rendering(template.source(), template.mode(), template.undefined(), context) {
            Ok(request) => request,
            Err(error) => return Err(template.fault(&unplaced(error.to_string()))),
        };
        match self.pool.ask(&request).await {
            Ok(Answer::Output(text)) => Ok(text),
            Ok(Answer::Failed(failure)) => Err(template.fault(&failure.into())),
            Ok(Answer::Compiled) => Err(template.fault(&unplaced("a render worker answered something else".into()))),
            Err(error) => Err(template.fault(&unplaced(error.to_string()))),
        }
    }

    /// Renders every template of an attempt, each where it belongs.
    async fn render_all(&self, compiled: &Compiled, event: &EventContext) -> Result<Rendered, RenderFault> {
        let mut context = None;
        let mut texts = Vec::with_capacity(compiled.templates().len());
        for template in compiled.templates() {
            texts.push(if template.is_plain() {
                template.render(event)?
            } else {
                let context = context.get_or_insert_with(|| event.template_json().to_string());
                self.render_caged(template, context).await?
            });
        }
        Ok(Rendered(texts))
    }
}

fn unplaced(message: String) -> RenderError {
    RenderError { kind: RenderErrorKind::Limit, line: 1, column: 1, message, source_line: String::new() }
}

/// The fields of a webhook that are templates or expressions, with what they are compiled as.
fn sources(webhook: &Webhook) -> Vec<(String, &str, Mode)> {
    let request = &webhook.spec.request;
    let mut sources = vec![
        ("request.url".to_owned(), request.url.as_str(), Mode::Text),
        ("request.additional_headers".to_owned(), request.additional_headers.as_str(), Mode::HeaderBlock),
        ("request.body".to_owned(), request.body.as_str(), Mode::Text),
    ];
    for (index, header) in request.headers.iter().enumerate() {
        sources.push((format!("request.headers[{index}].value"), header.value.expose(), Mode::HeaderValue));
    }
    for (index, rule) in webhook.spec.rules.iter().enumerate() {
        sources.push((format!("rules[{index}].expression"), rule.expression.as_str(), Mode::Text));
    }
    sources
}

/// Runs bounded work that may take a while where it does not hold up others.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[async_trait]
impl Render for Cage {
    async fn compile(&self, webhook: &Webhook) -> Result<Arc<Compiled>, Vec<Fault>> {
        let faults = self.try_sources(webhook).await;
        if !faults.is_empty() {
            return Err(faults);
        }
        let webhook = webhook.clone();
        aside(move || compile(&webhook).map(Arc::new)).await
    }

    async fn accepts(&self, compiled: &Arc<Compiled>, event: &Arc<EventContext>) -> Acceptance {
        if compiled.is_plain() {
            return compiled.accepts(event);
        }
        let (compiled, event) = (Arc::clone(compiled), Arc::clone(event));
        aside(move || compiled.accepts(&event)).await
    }

    async fn prepare(
        &self,
        compiled: &Arc<Compiled>,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<PreparedRequest, RenderFault> {
        if compiled.is_plain() {
            return compiled.prepare(event, facts);
        }
        compiled.finish(self.render_all(compiled, event).await?, event, facts)
    }

    async fn preview(
        &self,
        webhook: &Webhook,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<Preview, Vec<Fault>> {
        let faults = self.try_sources(webhook).await;
        if !faults.is_empty() {
            return Err(faults);
        }
        // what a worker got through is safe to do again here, where the rest of the answer is made
        if let Ok(compiled) = compile(webhook)
            && !compiled.is_plain()
            && let Err(fault) = self.render_all(&compiled, event).await
        {
            let (webhook, event) = (webhook.clone(), Arc::clone(event));
            let matching = aside(move || compile(&webhook).map(|compiled| compiled.matches(&event))).await?;
            return Ok(Preview { matching, request: None, errors: vec![fault] });
        }
        let (webhook, event, facts) = (webhook.clone(), Arc::clone(event), facts.clone());
        aside(move || preview(&webhook, &event, &facts)).await
    }
}

/// Whether `request` only compiles; the pool's log says which kind of task failed.
fn task_name(request: &Request) -> &'static str {
    match request.task {
        Task::Compile => "compile",
        Task::Render { .. } => "render",
    }
}
