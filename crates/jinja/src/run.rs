//! Running a compiled template under its limits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use minijinja::{Environment, Error};

use super::check::Facts;
use super::context::Context;
use super::environment::{NAME, environment};
use super::explain::{self, Source};
use super::fault::{RenderError, RenderErrorKind, TemplateFault};
use super::limits::OUTPUT_BYTES_MAX;
use super::lower::{Lowered, Place};
use super::options::Mode;
use super::stack::on_large_stack;
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
    source: Source,
    places: Vec<Place>,
    facts: Facts,
}

impl Program {
    pub(super) fn constant(text: String) -> Self {
        Self::Constant(text.into())
    }

    /// Hands what was lowered to the engine.
    pub(super) fn compile(
        source: Source,
        lowered: Lowered,
        facts: Facts,
        mode: Mode,
    ) -> Result<Self, Vec<TemplateFault>> {
        let mut environment = environment(mode, source.undefined);
        debug_assert!(
            lowered.places.iter().all(|place| place.at as usize <= source.text.len()),
            "each place lies within the source"
        );
        debug_assert!(lowered.places.is_sorted_by_key(|place| place.written), "places are noted as they are written");
        if let Err(err) = environment.add_template_owned(NAME, lowered.source) {
            let at = explain::find(&lowered.places, &err).map_or(0, |index| lowered.places[index].at);
            let message = err.detail().unwrap_or("cannot be compiled").to_owned();
            return Err(vec![TemplateFault::new(&source.text, &Fault::new(at, message))]);
        }
        Ok(Self::Engine(Arc::new(Compiled { environment, source, places: lowered.places, facts })))
    }

    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Constant(_) => true,
            Self::Engine(compiled) => compiled.facts.plain,
        }
    }

    pub(super) fn reads_environment(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Engine(compiled) => compiled.facts.reads_environment,
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
            Ok(Err(err)) => return Err(explain::explain(&self.source, &self.places, &err)),
            Err(_) => {
                let message = "the engine failed on this template".to_owned();
                return Err(RenderError::at(&self.source.text, 0, RenderErrorKind::Template, message));
            }
        };
        if output.len() > OUTPUT_BYTES_MAX {
            let message = format!("the output is larger than {OUTPUT_BYTES_MAX} bytes");
            let kind = RenderErrorKind::Limit;
            return Err(RenderError::at(&self.source.text, 0, kind, message));
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
