//! Jinja2 templates as NetBox renders them, for authors who are not trusted.
//!
//! Source goes through a Jinja2 front end (`syntax`), is checked (`check`), written again in
//! minijinja's language (`lower`), and run by minijinja over Python's values (`value`, `ops`). All
//! work is charged, so a render ends within its limits whatever the template does. The README
//! shows the floors of the crate, and how to add a filter.
//!
//! The engine renders bodies, headers and URLs with it and evaluates the expressions of rules; the
//! render workers run templates that are not plain.

mod bare;
mod check;
mod context;
mod core;
mod environment;
mod explain;
mod fault;
mod filters;
mod format;
mod globals;
mod limits;
mod line;
mod lower;
mod markup;
mod methods;
mod objects;
mod ops;
mod options;
mod predicates;
/// Python's values, and how Python prints them.
pub mod python;
mod raise;
mod run;
mod stack;
mod syntax;
mod template;
#[cfg(test)]
mod tests;
mod value;

pub use bare::BareTemplate;
pub use context::{Context, ContextError, Value};
pub use fault::{RenderError, RenderErrorKind, TemplateFault};
pub use filters::ENVIRONMENT_ERROR;
pub use line::render_line;
pub use options::{Mode, TemplateOptions, Undefined};
pub use stack::on_large_stack;
pub use template::{Expression, Template};
