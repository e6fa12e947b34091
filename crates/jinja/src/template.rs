//! A template and an expression of a rule, from source to result: what the crate is used by.

use super::check;
use super::context::Context;
use super::explain::{Form, Source};
use super::fault::{RenderError, TemplateFault};
use super::limits::SOURCE_BYTES_MAX;
use super::lower::{LowerOptions, lower, lower_condition};
use super::options::{Mode, TemplateOptions, Undefined};
use super::run::{self, Program};
use super::stack::on_large_stack;
use super::syntax::{self, normalise, parse, parse_expression};

/// A compiled template. Threads may share it.
#[derive(Debug, Clone)]
pub struct Template {
    program: Program,
    outline: String,
}

impl Template {
    /// Compiles `source`.
    ///
    /// # Errors
    /// All faults: syntax, limits, unknown filters, tests and functions.
    pub fn compile(source: &str, options: &TemplateOptions<'_>) -> Result<Self, Vec<TemplateFault>> {
        check_length(source)?;
        let source = normalise(source);
        on_large_stack(|| Self::compile_here(source, options))
    }

    fn compile_here(source: String, options: &TemplateOptions<'_>) -> Result<Self, Vec<TemplateFault>> {
        let located = |faults: Vec<syntax::Fault>| -> Vec<TemplateFault> {
            faults.iter().map(|fault| TemplateFault::new(&source, fault)).collect()
        };
        let statements = parse(&source).map_err(located)?;
        let faults = check::faults(&statements, options.mode, options.names);
        if !faults.is_empty() {
            return Err(located(faults));
        }
        let outline = run::outline(&statements);
        let facts = check::facts(&source, &statements);
        let program = match run::constant(&statements) {
            Some(text) => Program::constant(text),
            None => {
                let lower_options = LowerOptions { undefined: options.undefined, operands: false };
                let lowered = lower(&statements, lower_options);
                let source = Source { text: source, form: Form::Template, undefined: options.undefined };
                Program::compile(source, lowered, facts, options.mode)?
            }
        };
        Ok(Self { program, outline })
    }

    /// Renders with `context`.
    ///
    /// # Errors
    /// The template fails or reaches a limit.
    pub fn render(&self, context: &Context) -> Result<String, RenderError> {
        self.program.run(context)
    }

    /// Whether its work is bounded by its size and the event's, so that it may
    /// render in-process; others belong into a render worker.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.program.is_plain()
    }

    /// Whether it names the filter `env`, so that it needs a context [with
    /// variables](Context::with_variables).
    #[must_use]
    pub fn reads_environment(&self) -> bool {
        self.program.reads_environment()
    }

    /// The text, when the template has no tags at all.
    #[must_use]
    pub fn constant(&self) -> Option<&str> {
        self.program.constant_text()
    }

    /// The text of the template with U+FFFC in place of what is printed and
    /// nothing in place of other tags: what can be checked at save.
    #[must_use]
    pub fn outline(&self) -> &str {
        &self.outline
    }
}

/// A compiled expression of a rule, true or false.
#[derive(Debug, Clone)]
pub struct Expression {
    program: Program,
}

impl Expression {
    /// Compiles `source`; `names` as in [`TemplateOptions`].
    ///
    /// # Errors
    /// All faults: syntax, limits, unknown filters, tests and functions.
    pub fn compile(source: &str, names: Option<&[&str]>) -> Result<Self, Vec<TemplateFault>> {
        check_length(source)?;
        on_large_stack(|| Self::compile_here(source, names))
    }

    fn compile_here(source: &str, names: Option<&[&str]>) -> Result<Self, Vec<TemplateFault>> {
        let located = |faults: Vec<syntax::Fault>| -> Vec<TemplateFault> {
            faults.iter().map(|fault| TemplateFault::new(source, fault)).collect()
        };
        let expr = parse_expression(source).map_err(located)?;
        let faults = check::expression_faults(&expr, names);
        if !faults.is_empty() {
            return Err(located(faults));
        }
        let lowered = lower_condition(&expr, LowerOptions::default());
        let condition = syntax::ast::Stmt { at: expr.at, kind: syntax::ast::StmtKind::Print(vec![expr]) };
        let facts = check::facts(source, &[condition]);
        let undefined = Undefined::default();
        let source = Source { text: source.to_owned(), form: Form::Condition, undefined };
        let program = Program::compile(source, lowered, facts, Mode::Text)?;
        Ok(Self { program })
    }

    /// Whether its work is bounded by its size and the event's, as
    /// [`Template::is_plain`].
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.program.is_plain()
    }

    /// Whether the expression is true for `context`.
    ///
    /// # Errors
    /// The expression fails or reaches a limit.
    pub fn holds(&self, context: &Context) -> Result<bool, RenderError> {
        self.program.run(context).map(|printed| !printed.is_empty())
    }
}

fn check_length(source: &str) -> Result<(), Vec<TemplateFault>> {
    if source.len() <= SOURCE_BYTES_MAX {
        return Ok(());
    }
    Err(vec![TemplateFault::whole(format!(
        "the template has {} bytes, at most {} are allowed",
        source.len(),
        SOURCE_BYTES_MAX
    ))])
}
