//! One template of a webhook with the field that it stands in.

use std::fmt;

use tenterhook_jinja::{ENVIRONMENT_ERROR, Mode, RenderError, Template, TemplateFault, TemplateOptions, Undefined};
use tenterhook_model::{Fault, FaultKind, Masks, TemplateVariables, limits};

use crate::event_context::{EventContext, NAMES};

/// What stands in place of messages that could show a piece of a secret.
const SECRET_MESSAGE: &str = "fails as a template; its value is secret, so no more is shown";

/// Why a request could not be made of a webhook and an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}{}: {message}", self.place())]
pub struct RenderFault {
    /// Path of the field within the webhook, such as `request.headers[1].value`.
    pub field: String,
    /// Line of the template from 1; 0 when it is not known.
    pub line: u32,
    /// Column of the template from 1; 0 when it is not known.
    pub column: u32,
    /// What is wrong; shows no value of the event and no secret.
    pub message: String,
    /// The line of the template and a caret below its column; empty when not known.
    pub excerpt: String,
    /// Whether the server is the cause, and not the template: it was busy, or could not start a
    /// render worker. Such a fault counts against nobody.
    pub is_local: bool,
}

impl RenderFault {
    /// The fault with all that is known of it: field, place, message, and the line of the template
    /// with a caret, for the person who mends the template.
    pub fn explained(&self) -> String {
        if self.excerpt.is_empty() { self.to_string() } else { format!("{self}\n{}", self.excerpt) }
    }

    fn place(&self) -> String {
        match (self.line, self.column) {
            (0, _) => String::new(),
            (line, 0) => format!(", line {line}"),
            (line, column) => format!(", line {line}, column {column}"),
        }
    }

    /// A fault of what a field became, and not of a place in its template.
    pub(crate) fn of(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            line: 0,
            column: 0,
            message: message.into(),
            excerpt: String::new(),
            is_local: false,
        }
    }
}

/// A template of a webhook, compiled, with its field. Printing it shows the field alone.
pub struct FieldTemplate {
    field: String,
    source: String,
    mode: Mode,
    undefined: Undefined,
    template: Template,
    is_secret: bool,
    /// What it may read of the environment; `None` when it reads nothing of it.
    environment: Option<Environment>,
}

/// Variables of the environment, and what keeps their values from being shown.
struct Environment {
    variables: TemplateVariables,
    masks: Masks,
}

impl fmt::Debug for FieldTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FieldTemplate").field(&self.field).finish()
    }
}

/// What a template is to be compiled as.
#[derive(Clone, Copy)]
pub(super) struct FieldOptions<'a> {
    pub(super) mode: Mode,
    pub(super) undefined: Undefined,
    pub(super) is_secret: bool,
    pub(super) variables: &'a TemplateVariables,
}

impl FieldTemplate {
    /// Compiles the template of a field.
    ///
    /// # Errors
    /// All faults of the template, under the field.
    pub(super) fn compile(field: &str, source: &str, options: FieldOptions<'_>) -> Result<Self, Vec<Fault>> {
        if source.len() > limits::TEMPLATE_BYTES {
            let message = format!("is {} bytes long; at most {} are allowed", source.len(), limits::TEMPLATE_BYTES);
            return Err(vec![Fault::invalid(field, message)]);
        }
        let FieldOptions { mode, undefined, is_secret, variables } = options;
        let template =
            Template::compile(source, &TemplateOptions { undefined, mode, names: Some(&NAMES) }).map_err(|faults| {
                faults.into_iter().map(|fault| told(field, source, fault, is_secret)).collect::<Vec<_>>()
            })?;
        let environment = template
            .reads_environment()
            .then(|| Environment { variables: variables.clone(), masks: Masks::of(variables.values()) });
        let (field, source) = (format!("request.{field}"), source.to_owned());
        Ok(Self { field, source, mode, undefined, template, is_secret, environment })
    }

    /// Path of the field within the webhook.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The source of the template; secret for headers that are.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How it is compiled: what its values are cleaned of.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How it is compiled: what undefined values do.
    pub fn undefined(&self) -> Undefined {
        self.undefined
    }

    /// Whether its work is bounded, so that it may render in this process.
    pub fn is_plain(&self) -> bool {
        self.template.is_plain()
    }

    /// The variables of the environment that it may read; `None` when it reads none.
    pub fn variables(&self) -> Option<&TemplateVariables> {
        self.environment.as_ref().map(|environment| &environment.variables)
    }

    /// What keeps the values that it read from being shown.
    pub(super) fn masks(&self) -> Option<&Masks> {
        self.environment.as_ref().map(|environment| &environment.masks)
    }

    /// The text, when the template has no tags.
    pub(super) fn constant(&self) -> Option<&str> {
        self.template.constant()
    }

    /// What can be checked before anything is rendered.
    pub(super) fn outline(&self) -> &str {
        self.template.outline()
    }

    /// Renders the template.
    ///
    /// # Errors
    /// The template fails or reaches a limit.
    pub fn render(&self, event: &EventContext) -> Result<String, RenderFault> {
        let rendered = match self.variables() {
            None => self.template.render(event.template()),
            Some(variables) => self.template.render(&event.template().with_variables(variables)),
        };
        rendered.map_err(|error| self.fault(&error)).and_then(|text| self.bounded(text))
    }

    /// What the template rendered to, unless a header can by no means have so much: the texts of
    /// an attempt are held together until its request is made.
    ///
    /// # Errors
    /// It is over [`limits::HEADER_TEXT_BYTES`].
    pub fn bounded(&self, text: String) -> Result<String, RenderFault> {
        if self.mode == Mode::Text || text.len() <= limits::HEADER_TEXT_BYTES {
            return Ok(text);
        }
        let (bytes, most) = (text.len(), limits::HEADER_TEXT_BYTES);
        let message = format!("is {bytes} bytes long after rendering; at most {most} are allowed");
        Err(RenderFault::of(self.field.as_str(), message))
    }

    /// What an error is as a fault of this field, also one of a renderer in another process.
    pub fn fault(&self, error: &RenderError) -> RenderFault {
        let is_environment = error.message.starts_with(ENVIRONMENT_ERROR);
        let (mut message, excerpt) = match self.is_secret {
            true if is_environment => (error.message.clone(), String::new()),
            true => (SECRET_MESSAGE.to_owned(), String::new()),
            false => (error.message.clone(), error.excerpt()),
        };
        if let Some(masks) = self.masks() {
            masks.mask_text(&mut message);
        }
        let (field, line, column) = (self.field.clone(), error.line, error.column);
        RenderFault { field, line, column, message, excerpt, is_local: false }
    }
}

/// A fault as the caller of the API sees it. Text without tags has no syntax: what is wrong
/// with it is its content.
fn told(field: &str, source: &str, fault: TemplateFault, is_secret: bool) -> Fault {
    let kind = match super::scan::first_tag(source) {
        Some(_) => FaultKind::TemplateSyntax { line: fault.line, column: fault.column },
        None => FaultKind::InvalidField,
    };
    let message = if is_secret { SECRET_MESSAGE.to_owned() } else { fault.message };
    Fault { field: field.to_owned(), message, kind }
}
