//! Jinja2 templates as NetBox renders them, for people who are not trusted.
//!
//! Source goes through a Jinja2 front end ([`syntax`]), is checked ([`check`]),
//! written again in the core of the language ([`lower`]) and run by minijinja
//! over Python's values ([`value`], [`ops`]). All work is charged, so a render
//! ends within its limits whatever the template does.
//!
//! The engine renders bodies, headers and URLs with it and evaluates the
//! expressions of rules; the render workers run what is not plain.

mod bare;
mod check;
mod context;
mod core;
mod environment;
mod fault;
mod filters;
mod format;
mod globals;
mod limits;
mod line;
mod lower;
mod methods;
mod ops;
mod predicates;
pub mod python;
mod run;
mod syntax;
#[cfg(test)]
mod tests;
mod value;

pub use bare::BareTemplate;
pub use context::{Context, ContextError, Value};
pub use fault::{RenderError, RenderErrorKind, TemplateFault};
pub use line::render_line;

use lower::{lower, lower_condition};
use run::Program;
pub use run::on_large_stack;
use syntax::{normalise, parse, parse_expression};

/// What happens to values that are undefined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undefined {
    /// They print as nothing, as in Jinja2 and NetBox.
    #[default]
    Lenient,
    /// Using one is an error.
    Strict,
}

/// What a template renders, which decides how its values are cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// A body or a URL: values stay as they are.
    #[default]
    Text,
    /// The value of one header: values lose line ends and control characters,
    /// and the text may have none.
    HeaderValue,
    /// Headers, one a line: as above, but the text may have line ends.
    HeaderBlock,
}

/// How a template is compiled.
#[derive(Debug, Clone, Copy, Default)]
pub struct TemplateOptions<'o> {
    /// What happens to values that are undefined.
    pub undefined: Undefined,
    /// What the template renders.
    pub mode: Mode,
    /// Names that the context will have. A call of any other name that the
    /// template does not assign is a fault; without names it is not checked.
    pub names: Option<&'o [&'o str]>,
}

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
            None => Program::compile(source, lower(&statements), facts, options)?,
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
        let lowered = lower_condition(&expr);
        let condition = syntax::ast::Stmt { at: expr.at, kind: syntax::ast::StmtKind::Print(vec![expr]) };
        let facts = check::facts(source, &[condition]);
        let options = TemplateOptions::default();
        let program = Program::compile(source.to_owned(), lowered, facts, &options)?;
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
    if source.len() <= limits::SOURCE_BYTES_MAX {
        return Ok(());
    }
    Err(vec![TemplateFault::whole(format!(
        "the template has {} bytes, at most {} are allowed",
        source.len(),
        limits::SOURCE_BYTES_MAX
    ))])
}
