//! Running a compiled template under its limits.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind};

use super::TemplateOptions;
use super::check::Facts;
use super::context::Context;
use super::environment::{NAME, environment};
use super::fault::{RenderError, RenderErrorKind, TemplateFault};
use super::limits::{OUTPUT_BYTES_MAX, STACK_BYTES};
use super::lower::Lowered;
use super::syntax::Fault;
use super::syntax::ast::{Stmt, StmtKind};
use super::syntax::walk::{Node, walk};
use super::value::Arena;

/// Stands for what is printed, in outlines (OBJECT REPLACEMENT CHARACTER).
const PRINTED: char = '\u{fffc}';

/// What a template is when it runs.
#[derive(Debug, Clone)]
pub(super) enum Program {
    /// Text without tags.
    Constant(Arc<str>),
    /// A template of the engine.
    Engine(Arc<Compiled>),
}

#[derive(Debug)]
pub(super) struct Compiled {
    environment: Environment<'static>,
    source: String,
    places: Vec<u32>,
    facts: Facts,
}

impl Program {
    pub(super) fn constant(text: String) -> Self {
        Self::Constant(text.into())
    }

    /// Hands what was lowered to the engine.
    pub(super) fn compile(
        source: String,
        lowered: Lowered,
        facts: Facts,
        options: &TemplateOptions<'_>,
    ) -> Result<Self, Vec<TemplateFault>> {
        let mut environment = environment(options.mode, options.undefined);
        debug_assert_eq!(
            lowered.places.len(),
            1 + lowered.source.matches('\n').count(),
            "each line of what was lowered has its place in the source"
        );
        debug_assert!(lowered.places.iter().all(|at| *at as usize <= source.len()), "and it lies within it");
        if let Err(err) = environment.add_template_owned(NAME, lowered.source) {
            let at = place(&lowered.places, &err);
            let message = err.detail().unwrap_or("cannot be compiled").to_owned();
            return Err(vec![TemplateFault::new(&source, &Fault::new(at, message))]);
        }
        Ok(Self::Engine(Arc::new(Compiled { environment, source, places: lowered.places, facts })))
    }

    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Constant(_) => true,
            Self::Engine(compiled) => compiled.facts.plain,
        }
    }

    pub(super) fn constant_text(&self) -> Option<&str> {
        match self {
            Self::Constant(text) => Some(text),
            Self::Engine(_) => None,
        }
    }

    pub(super) fn run(&self, context: &Context) -> Result<String, RenderError> {
        match self {
            Self::Constant(text) => Ok(text.to_string()),
            Self::Engine(compiled) if compiled.facts.plain => compiled.run(context),
            Self::Engine(compiled) => on_large_stack(|| compiled.run(context)),
        }
    }
}

impl Compiled {
    fn run(&self, context: &Context) -> Result<String, RenderError> {
        let rendered = catch_unwind(AssertUnwindSafe(|| self.render(context)));
        let output = match rendered {
            Ok(Ok(output)) => output,
            Ok(Err(err)) => return Err(self.explain(&err)),
            Err(_) => {
                let message = "the engine failed on this template".to_owned();
                return Err(RenderError::at(&self.source, 0, RenderErrorKind::Template, message));
            }
        };
        if output.len() > OUTPUT_BYTES_MAX {
            let message = format!("the output is larger than {OUTPUT_BYTES_MAX} bytes");
            let kind = RenderErrorKind::Limit;
            return Err(RenderError::at(&self.source, 0, kind, message));
        }
        Ok(output)
    }

    fn render(&self, context: &Context) -> Result<String, Error> {
        let template = self.environment.get_template(NAME)?;
        let arena = Arena::open();
        let root = if self.facts.mutates { context.copy() } else { context.root() };
        let rendered = template.render(root);
        drop(arena);
        rendered
    }

    fn explain(&self, err: &Error) -> RenderError {
        let innermost = innermost(err);
        let at = place(&self.places, innermost);
        let kind = innermost.kind();
        let message = match (kind, innermost.detail()) {
            (ErrorKind::OutOfFuel, None) => "the template does too much work".to_owned(),
            (_, Some(detail)) => detail.to_owned(),
            (kind, None) => kind.to_string(),
        };
        let limit = kind == ErrorKind::OutOfFuel || message.contains("recursion limit");
        let kind = if limit { RenderErrorKind::Limit } else { RenderErrorKind::Template };
        RenderError::at(&self.source, at, kind, message)
    }
}

/// The error that caused `err`, as far as it has a place.
fn innermost(err: &Error) -> &Error {
    let mut found = err;
    while let Some(cause) = std::error::Error::source(found).and_then(|e| e.downcast_ref::<Error>()) {
        found = cause;
    }
    found
}

fn place(places: &[u32], err: &Error) -> u32 {
    let line = err.line().unwrap_or(1).saturating_sub(1);
    places.get(line).copied().unwrap_or(0)
}

thread_local! {
    static HAS_LARGE_STACK: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a thread whose stack is large enough for any template; on this thread if it is
/// such a one.
///
/// # Panics
/// `work` panics, or the system cannot start a thread.
pub fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if HAS_LARGE_STACK.get() {
        return work();
    }
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("template".into()).stack_size(STACK_BYTES);
        let thread = builder.spawn_scoped(scope, || {
            HAS_LARGE_STACK.set(true);
            work()
        });
        match thread.expect("the system can start a thread").join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// The text of statements that are nothing but text.
pub(super) fn constant(statements: &[Stmt]) -> Option<String> {
    let mut text = String::new();
    for statement in statements {
        let StmtKind::Text(part) = &statement.kind else {
            return None;
        };
        text.push_str(part);
    }
    Some(text)
}

/// The text with [`PRINTED`] in place of what is printed.
pub(super) fn outline(statements: &[Stmt]) -> String {
    let mut outline = String::new();
    walk(statements, &mut |node| {
        if let Node::Stmt(statement) = node {
            match &statement.kind {
                StmtKind::Text(text) => outline.push_str(text),
                StmtKind::Print(_) | StmtKind::CallBlock { .. } | StmtKind::FilterBlock(..) => outline.push(PRINTED),
                _ => {}
            }
        }
    });
    outline
}
