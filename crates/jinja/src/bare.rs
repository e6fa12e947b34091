//! A template of minijinja alone, without the front end: what the benchmark compares with.

use minijinja::{AutoEscape, Environment, Error};

use super::context::Context;
use super::environment::NAME;
use super::filters;

/// A template that minijinja compiled by itself. It has the engine's filters and values, and
/// neither its Python semantics nor its limits: not for people who are not trusted.
#[derive(Debug)]
pub struct BareTemplate {
    environment: Environment<'static>,
}

impl BareTemplate {
    /// Compiles `source`.
    ///
    /// # Errors
    /// minijinja's first fault.
    pub fn compile(source: &str) -> Result<Self, Error> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        filters::register(&mut environment);
        environment.add_template_owned(NAME, source.to_owned())?;
        Ok(Self { environment })
    }

    /// Renders with `context`.
    ///
    /// # Errors
    /// minijinja's.
    pub fn render(&self, context: &Context) -> Result<String, Error> {
        self.environment.get_template(NAME)?.render(context.root())
    }
}
