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
use tenterhook_engine::{
    Acceptance, AttemptFacts, Compiled, EventContext, FieldTemplate, Preview, Render, RenderFault, Rendered, Rules,
    compile, preview, preview_with,
};
use tenterhook_jinja::{Mode, RenderError, RenderErrorKind, Undefined};
use tenterhook_model::{Fault, PreparedRequest, Webhook};
use tokio::sync::Semaphore;

use frame::{Answer, Request};
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
    /// One for each piece of bounded work that may be done aside in this process at a time: each
    /// may take as much memory as a template may.
    asides: Arc<Semaphore>,
}

impl Cage {
    /// A cage whose workers run `command`; at most `workers` at a time, started when needed.
    #[must_use]
    pub fn new(command: WorkerCommand, workers: usize) -> Self {
        let workers = workers.max(1);
        Self { pool: Pool::new(command, workers), asides: Arc::new(Semaphore::new(workers)) }
    }

    /// Starts a worker ahead of the first template that needs one.
    ///
    /// # Errors
    /// It cannot be started, or does not answer.
    pub async fn warm_up(&self) -> Result<(), CageError> {
        self.pool.ask(&Request::compiling("", Mode::Text, Undefined::Lenient)).await.map(|_| ())
    }

    /// Lets a worker compile the sources that are not cheap; a fault for each that kills it.
    async fn try_sources(&self, sources: Vec<Source<'_>>) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (field, source, mode) in sources {
            if source.len() <= CHEAP_SOURCE_BYTES {
                continue;
            }
            if let Err(error) = self.pool.ask(&Request::compiling(source, mode, Undefined::Lenient)).await {
                faults.push(Fault::invalid(field, format!("cannot be compiled: {error}")));
            }
        }
        faults
    }

    /// Runs bounded work that may take a while where it does not hold up others, as many at a
    /// time as there may be workers.
    async fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.asides).acquire_owned().await.expect("the semaphore is never closed");
        // The work keeps the permit: it goes on when nobody waits for it any more.
        let work = move || {
            let _permit = permit;
            work()
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn render_caged(&self, template: &FieldTemplate, context: &str) -> Result<String, RenderFault> {
        let request = match Request::rendering(template.source(), template.mode(), template.undefined(), context) {
            Ok(request) => request,
            Err(error) => return Err(template.fault(&unplaced(error.to_string()))),
        };
        match self.pool.ask(&request).await {
            Ok(Answer::Output(text)) => template.bounded(text),
            Ok(Answer::Failed(failure)) => Err(template.fault(&failure.into())),
            Ok(Answer::Compiled) => Err(template.fault(&unplaced("a render worker answered something else".into()))),
            Err(error) => Err(template.fault(&unplaced(error.to_string()))),
        }
    }

    /// Renders a template where it belongs; `context` keeps what workers are told of the event.
    async fn render_one(
        &self,
        template: &FieldTemplate,
        event: &EventContext,
        context: &mut Option<String>,
    ) -> Result<String, RenderFault> {
        if template.is_plain() {
            return template.render(event);
        }
        let context = context.get_or_insert_with(|| event.template_json().to_string());
        // Apart, so that an attempt without such a template is small.
        Box::pin(self.render_caged(template, context)).await
    }
}

fn unplaced(message: String) -> RenderError {
    RenderError { kind: RenderErrorKind::Limit, line: 1, column: 1, message, source_line: String::new() }
}

/// A field that is a template or an expression: its path, its text, and what it is compiled as.
type Source<'a> = (String, &'a str, Mode);

/// The fields of a webhook that are templates or expressions.
fn sources(webhook: &Webhook) -> Vec<Source<'_>> {
    let request = &webhook.spec.request;
    let mut sources = vec![
        ("request.url".to_owned(), request.url.as_str(), Mode::Text),
        ("request.additional_headers".to_owned(), request.additional_headers.as_str(), Mode::HeaderBlock),
        ("request.body".to_owned(), request.body.as_str(), Mode::Text),
    ];
    for (index, header) in request.headers.iter().enumerate() {
        sources.push((format!("request.headers[{index}].value"), header.value.expose(), Mode::HeaderValue));
    }
    sources.extend(expressions(webhook));
    sources
}

/// The expressions of a webhook's rules.
fn expressions(webhook: &Webhook) -> Vec<Source<'_>> {
    let rules = webhook.spec.rules.iter().enumerate();
    rules.map(|(index, rule)| (format!("rules[{index}].expression"), rule.expression.as_str(), Mode::Text)).collect()
}

#[async_trait]
impl Render for Cage {
    async fn compile(&self, webhook: &Webhook) -> Result<Arc<Compiled>, Vec<Fault>> {
        let faults = self.try_sources(sources(webhook)).await;
        if !faults.is_empty() {
            return Err(faults);
        }
        let webhook = webhook.clone();
        self.aside(move || compile(&webhook).map(Arc::new)).await
    }

    async fn compile_rules(&self, webhook: &Webhook) -> Result<Arc<Rules>, Vec<Fault>> {
        let faults = self.try_sources(expressions(webhook)).await;
        if !faults.is_empty() {
            return Err(faults);
        }
        let rules = webhook.spec.rules.clone();
        self.aside(move || Rules::compile(&rules).map(Arc::new)).await
    }

    async fn accepts(&self, rules: &Arc<Rules>, event: &Arc<EventContext>) -> Acceptance {
        if rules.is_plain() {
            return rules.accepts(event);
        }
        let (rules, event) = (Arc::clone(rules), Arc::clone(event));
        Box::pin(self.aside(move || rules.accepts(&event))).await
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
        let (mut context, mut texts) = (None, Vec::with_capacity(compiled.templates().len()));
        for template in compiled.templates() {
            texts.push(self.render_one(template, event, &mut context).await?);
        }
        compiled.finish(Rendered(texts), event, facts)
    }

    async fn preview(
        &self,
        webhook: &Webhook,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<Preview, Vec<Fault>> {
        let faults = self.try_sources(sources(webhook)).await;
        if !faults.is_empty() {
            return Err(faults);
        }
        let webhook = Arc::new(webhook.clone());
        let draft = Arc::clone(&webhook);
        let mut rendered = None;
        // What is wrong with a webhook that does not compile is told with the rest of the answer.
        if let Ok(compiled) = self.aside(move || compile(&draft)).await
            && !compiled.is_plain()
        {
            let (mut context, mut results) = (None, Vec::with_capacity(compiled.templates().len()));
            for template in compiled.templates() {
                results.push(self.render_one(template, event, &mut context).await);
            }
            rendered = Some(Rendered::gather(results));
        }
        let (event, facts) = (Arc::clone(event), facts.clone());
        self.aside(move || match rendered {
            Some(rendered) => preview_with(&webhook, &event, &facts, |_| rendered),
            None => preview(&webhook, &event, &facts),
        })
        .await
    }
}
