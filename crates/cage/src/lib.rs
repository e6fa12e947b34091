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
mod turns;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tenterhook_engine::{
    Acceptance, AttemptFacts, Compiled, EventContext, FieldTemplate, Preview, PreviewOf, Render, RenderFault, Rendered,
    Rules, compile_with, preview_in, preview_with,
};
use tenterhook_jinja::{Mode, RenderError, RenderErrorKind, Undefined};
use tenterhook_model::{Fault, FaultKind, Lane, Namespace, PreparedRequest, TemplateVariables, Webhook};

use frame::{Answer, Request};
use pool::{Pool, WAIT_MAX};
use turns::{Owner, Purpose, Turns};

pub use pool::CageError;
pub use serve::serve;
pub use worker::WorkerCommand;

/// Bytes of a source up to which compiling it is always cheap.
const CHEAP_SOURCE_BYTES: usize = 2 * 1024;

/// Compiles and renders in this process what is plain, and the rest in workers.
#[derive(Debug)]
pub struct Cage {
    pool: Pool,
    /// The turns of bounded work that is done aside in this process: each piece may take as much
    /// memory as a template may.
    asides: Arc<Turns>,
    /// What templates may read of the server's environment.
    variables: TemplateVariables,
}

impl Cage {
    /// A cage whose workers run `command`; at most `workers` at a time, started when needed.
    #[must_use]
    pub fn new(command: WorkerCommand, workers: usize) -> Self {
        let workers = workers.max(1);
        let variables = TemplateVariables::default();
        Self { pool: Pool::new(command, workers), asides: Turns::new(workers), variables }
    }

    /// The same cage, whose templates may read these variables of the environment.
    #[must_use]
    pub fn with_variables(self, variables: TemplateVariables) -> Self {
        Self { variables, ..self }
    }

    /// Starts a worker ahead of the first template that needs one.
    ///
    /// # Errors
    /// It cannot be started, or does not answer.
    pub async fn warm_up(&self) -> Result<(), CageError> {
        let owner = Owner { purpose: Purpose::Service, namespace: Namespace::default(), lane: Lane(0) };
        self.pool.ask(&owner, &Request::compiling("", Mode::Text, Undefined::Lenient)).await.map(|_| ())
    }

    /// Lets a worker compile the sources that are not cheap; a fault for each that kills it.
    async fn try_sources(&self, owner: &Owner, sources: Vec<Source<'_>>) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (field, source, mode) in sources {
            if source.len() <= CHEAP_SOURCE_BYTES {
                continue;
            }
            let request = Request::compiling(source, mode, Undefined::Lenient);
            if let Err(error) = self.pool.ask(owner, &request).await {
                faults.push(fault(field, &error));
            }
        }
        faults
    }

    /// Runs bounded work that may take a while where it does not hold up others, in turn.
    async fn aside<T: Send + 'static>(
        &self,
        owner: &Owner,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CageError> {
        // Whoever waits for a preview can ask again; what serves deliveries waits as long as it takes.
        let longest = if owner.purpose == Purpose::Preview { WAIT_MAX } else { Duration::MAX };
        let turn = self.asides.wait(owner, longest).await?;
        // The work keeps its turn: it goes on when nobody waits for it any more.
        let work = move || {
            let _turn = turn;
            work()
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => Ok(done),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn render_caged(
        &self,
        owner: &Owner,
        template: &FieldTemplate,
        context: &str,
    ) -> Result<String, RenderFault> {
        let request = match Request::rendering(template.source(), template.mode(), template.undefined(), context) {
            Ok(request) => request.reading(template.variables()),
            Err(_) => return Err(template.fault(&unplaced("the event cannot be handed to a render worker".into()))),
        };
        match self.pool.ask(owner, &request).await {
            Ok(Answer::Output(text)) => template.bounded(text),
            Ok(Answer::Failed(failure)) => Err(template.fault(&failure.into())),
            Ok(Answer::Compiled) => Err(template.fault(&unplaced("a render worker answered something else".into()))),
            Err(error) => {
                Err(RenderFault { is_local: error.is_local(), ..template.fault(&unplaced(error.to_string())) })
            }
        }
    }

    /// Renders a template where it belongs; `context` keeps what workers are told of the event.
    async fn render_one(
        &self,
        owner: &Owner,
        template: &FieldTemplate,
        event: &EventContext,
        context: &mut Option<String>,
    ) -> Result<String, RenderFault> {
        if template.is_plain() {
            return template.render(event);
        }
        let context = context.get_or_insert_with(|| event.template_json().to_string());
        // Apart, so that an attempt without such a template is small.
        Box::pin(self.render_caged(owner, template, context)).await
    }
}

/// The work of `purpose` for a webhook.
fn owner(purpose: Purpose, webhook: &Webhook) -> Owner {
    Owner { purpose, namespace: webhook.namespace.clone(), lane: webhook.lane }
}

/// What kept a source from being compiled.
fn fault(field: String, error: &CageError) -> Fault {
    let kind = if error.is_local() { FaultKind::Unavailable } else { FaultKind::InvalidField };
    Fault { field, message: format!("cannot be compiled: {error}"), kind }
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
        let owner = owner(Purpose::Service, webhook);
        let faults = self.try_sources(&owner, sources(webhook)).await;
        if !faults.is_empty() {
            return Err(faults);
        }
        let (webhook, variables) = (webhook.clone(), self.variables.clone());
        match self.aside(&owner, move || compile_with(&webhook, &variables).map(Arc::new)).await {
            Ok(compiled) => compiled,
            Err(error) => Err(vec![fault("request".to_owned(), &error)]),
        }
    }

    async fn compile_rules(&self, webhook: &Webhook) -> Result<Arc<Rules>, Vec<Fault>> {
        let owner = owner(Purpose::Service, webhook);
        let faults = self.try_sources(&owner, expressions(webhook)).await;
        if !faults.is_empty() {
            return Err(faults);
        }
        let rules = webhook.spec.rules.clone();
        match self.aside(&owner, move || Rules::compile(&rules).map(Arc::new)).await {
            Ok(compiled) => compiled,
            Err(error) => Err(vec![fault("rules".to_owned(), &error)]),
        }
    }

    async fn accepts(&self, rules: &Arc<Rules>, event: &Arc<EventContext>) -> Acceptance {
        if rules.is_plain() {
            return rules.accepts(event);
        }
        // Rules have no turns by webhook: one event asks those of all webhooks of a namespace.
        let namespace = event.event().namespace.clone();
        let owner = Owner { purpose: Purpose::Service, namespace, lane: Lane(0) };
        let (asked, context) = (Arc::clone(rules), Arc::clone(event));
        match Box::pin(self.aside(&owner, move || asked.accepts(&context))).await {
            Ok(acceptance) => acceptance,
            // No event may miss a webhook because the server is busy.
            Err(_) => rules.accepts(event),
        }
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
        let namespace = event.event().namespace.clone();
        let owner = Owner { purpose: Purpose::Service, namespace, lane: facts.delivery_id.lane() };
        let (mut context, mut texts) = (None, Vec::with_capacity(compiled.templates().len()));
        for template in compiled.templates() {
            texts.push(self.render_one(&owner, template, event, &mut context).await?);
        }
        compiled.finish(Rendered(texts), event, facts)
    }

    async fn preview(
        &self,
        webhook: &Webhook,
        event: &Arc<EventContext>,
        facts: &AttemptFacts,
    ) -> Result<Preview, Vec<Fault>> {
        let owner = owner(Purpose::Preview, webhook);
        let faults = self.try_sources(&owner, sources(webhook)).await;
        if !faults.is_empty() {
            return Err(faults);
        }
        let busy = |error: CageError| vec![fault("request".to_owned(), &error)];
        let webhook = Arc::new(webhook.clone());
        let (draft, variables) = (Arc::clone(&webhook), self.variables.clone());
        let mut rendered = None;
        // What is wrong with a webhook that does not compile is told with the rest of the answer.
        if let Ok(compiled) = self.aside(&owner, move || compile_with(&draft, &variables)).await.map_err(busy)?
            && !compiled.is_plain()
        {
            let (mut context, mut results) = (None, Vec::with_capacity(compiled.templates().len()));
            for template in compiled.templates() {
                results.push(self.render_one(&owner, template, event, &mut context).await);
            }
            rendered = Some(results);
        }
        let (event, facts, variables) = (Arc::clone(event), facts.clone(), self.variables.clone());
        let work = move || {
            let trial = PreviewOf { webhook: &webhook, event: &event, facts: &facts, variables: &variables };
            match rendered {
                Some(rendered) => preview_with(trial, |_| rendered),
                None => preview_in(trial),
            }
        };
        self.aside(&owner, work).await.map_err(busy)?
    }
}
