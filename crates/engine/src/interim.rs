//! Stock minijinja behind the face of the template engine, and the bits of Python that the
//! crate needs, until the modules `template` and `python` take their place.

/// Python's texts and JSON.
pub mod python {
    /// `str`.
    pub mod text {
        /// Whether `str.isspace` holds.
        pub fn is_space(c: char) -> bool {
            c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
        }

        /// Whether `str.splitlines` ends a line.
        pub fn is_line_end(c: char) -> bool {
            matches!(c, '\n'..='\r' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}') && c != '\t'
        }
    }

    /// `json.dumps`.
    pub mod json {
        use serde_json::Value;

        /// Appends `json.dumps(value)`.
        pub fn write_value(out: &mut String, value: &Value) {
            match value {
                Value::Null => out.push_str("null"),
                Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
                Value::Number(number) => out.push_str(number.as_str()),
                Value::String(text) => write_text(out, text),
                Value::Array(items) => {
                    out.push('[');
                    for (index, item) in items.iter().enumerate() {
                        out.push_str(if index == 0 { "" } else { ", " });
                        write_value(out, item);
                    }
                    out.push(']');
                }
                Value::Object(members) => {
                    out.push('{');
                    for (index, (key, item)) in members.iter().enumerate() {
                        out.push_str(if index == 0 { "" } else { ", " });
                        write_text(out, key);
                        out.push_str(": ");
                        write_value(out, item);
                    }
                    out.push('}');
                }
            }
        }

        /// Appends a JSON text in ASCII.
        pub fn write_text(out: &mut String, text: &str) {
            for c in Value::from(text).to_string().chars() {
                match c {
                    c if c.is_ascii() => out.push(c),
                    c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
                }
            }
        }
    }
}

/// Jinja2 templates.
pub mod template {
    use std::sync::Arc;

    use minijinja::{Environment, UndefinedBehavior, Value as Engine};

    /// What happens to values that are undefined.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Undefined {
        /// They print as nothing.
        #[default]
        Lenient,
        /// Using one is an error.
        Strict,
    }

    /// What a template renders.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Mode {
        /// A body or a URL.
        #[default]
        Text,
        /// The value of one header.
        HeaderValue,
        /// Headers, one a line.
        HeaderBlock,
    }

    /// How a template is compiled.
    #[derive(Debug, Clone, Copy, Default)]
    pub struct TemplateOptions<'o> {
        /// What happens to values that are undefined.
        pub undefined: Undefined,
        /// What the template renders.
        pub mode: Mode,
        /// Names that the context will have.
        pub names: Option<&'o [&'o str]>,
    }

    /// A fault found when a template is compiled.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct TemplateFault {
        /// Line, from 1.
        pub line: u32,
        /// Column, from 1.
        pub column: u32,
        /// What is wrong.
        pub message: String,
    }

    /// A render that failed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RenderError {
        /// Line, from 1.
        pub line: u32,
        /// Column, from 1.
        pub column: u32,
        /// What went wrong.
        pub message: String,
    }

    impl RenderError {
        /// The source line with a caret.
        pub fn excerpt(&self) -> String {
            String::new()
        }
    }

    /// A value for a context.
    #[derive(Debug, Clone)]
    pub struct Value(Engine);

    impl Value {
        /// The value of `json`.
        ///
        /// # Errors
        /// None here.
        pub fn from_json(json: &serde_json::Value) -> Result<Self, std::convert::Infallible> {
            Ok(Self(convert(json)))
        }

        /// `none`.
        pub fn none() -> Self {
            Self(Engine::from(()))
        }
    }

    fn convert(json: &serde_json::Value) -> Engine {
        match json {
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Engine::from(number),
                None => Engine::from(number.as_f64().unwrap_or_default()),
            },
            serde_json::Value::Array(items) => items.iter().map(convert).collect(),
            serde_json::Value::Object(members) => {
                let members = members.iter().map(|(key, value)| (key.clone(), convert(value)));
                members.collect::<std::collections::BTreeMap<_, _>>().into()
            }
            serde_json::Value::Null => Engine::from(()),
            serde_json::Value::Bool(value) => Engine::from(*value),
            serde_json::Value::String(text) => Engine::from(text.as_str()),
        }
    }

    /// The names that a template sees.
    #[derive(Debug, Clone)]
    pub struct Context(Engine);

    impl Context {
        /// A context from names and values.
        pub fn new<N: AsRef<str>>(members: impl IntoIterator<Item = (N, Value)>) -> Self {
            let members = members.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value.0));
            Self(members.collect::<std::collections::BTreeMap<_, _>>().into())
        }
    }

    /// A compiled template.
    #[derive(Debug, Clone)]
    pub struct Template {
        environment: Arc<Environment<'static>>,
        constant: Option<String>,
        outline: String,
    }

    fn has_tags(source: &str) -> bool {
        ["{{", "{%", "{#"].iter().any(|tag| source.contains(tag))
    }

    fn breaks(c: char) -> bool {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
    }

    impl Template {
        /// Compiles `source`.
        ///
        /// # Errors
        /// All faults.
        pub fn compile(source: &str, options: &TemplateOptions<'_>) -> Result<Self, Vec<TemplateFault>> {
            let source = source.replace("\r\n", "\n").replace('\r', "\n");
            let text = source.strip_suffix('\n').unwrap_or(&source).to_owned();
            let refused = |c: char| match options.mode {
                Mode::Text => false,
                Mode::HeaderValue => breaks(c) && c != '\t',
                Mode::HeaderBlock => breaks(c) && c != '\t' && !super::python::text::is_line_end(c),
            };
            if !has_tags(&text) && text.contains(refused) {
                let message = "a control character in a header".to_owned();
                return Err(vec![TemplateFault { line: 1, column: 1, message }]);
            }
            let mut environment = Environment::new();
            environment.set_undefined_behavior(match options.undefined {
                Undefined::Lenient => UndefinedBehavior::Lenient,
                Undefined::Strict => UndefinedBehavior::Strict,
            });
            if options.mode != Mode::Text {
                environment.set_formatter(|out, _, value| {
                    let text: String = value.to_string().chars().filter(|c| !breaks(*c)).collect();
                    out.write_str(&text).map_err(minijinja::Error::from)
                });
            }
            environment.add_template_owned("t", text.clone()).map_err(|error| {
                let line = error.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(1);
                vec![TemplateFault { line, column: 0, message: error.to_string() }]
            })?;
            let constant = (!has_tags(&text)).then(|| text.clone());
            let mut outline = String::new();
            let mut rest = text.as_str();
            while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
                outline.push_str(&rest[..at]);
                outline.push_str(if rest[at..].starts_with("{{") { "\u{fffc}" } else { "" });
                let end = match &rest[at..at + 2] {
                    "{{" => "}}",
                    "{%" => "%}",
                    _ => "#}",
                };
                rest = rest[at..].find(end).map_or("", |end| &rest[at + end + 2..]);
            }
            outline.push_str(rest);
            Ok(Self { environment: Arc::new(environment), constant, outline })
        }

        /// Renders with `context`.
        ///
        /// # Errors
        /// The template fails.
        pub fn render(&self, context: &Context) -> Result<String, RenderError> {
            let template = self.environment.get_template("t");
            template.and_then(|template| template.render(&context.0)).map_err(failed)
        }

        /// Whether it may render in this process.
        pub fn is_plain(&self) -> bool {
            true
        }

        /// The text, when it has no tags.
        pub fn constant(&self) -> Option<&str> {
            self.constant.as_deref()
        }

        /// The text with U+FFFC in place of what is printed.
        pub fn outline(&self) -> &str {
            &self.outline
        }
    }

    fn failed(error: minijinja::Error) -> RenderError {
        let line = error.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
        RenderError { line, column: 0, message: error.to_string() }
    }

    /// A compiled expression.
    #[derive(Debug, Clone)]
    pub struct Expression(String);

    impl Expression {
        /// Compiles `source`.
        ///
        /// # Errors
        /// All faults.
        pub fn compile(source: &str, _names: Option<&[&str]>) -> Result<Self, Vec<TemplateFault>> {
            match Environment::new().compile_expression(source) {
                Ok(_) => Ok(Self(source.to_owned())),
                Err(error) => Err(vec![TemplateFault { line: 1, column: 0, message: error.to_string() }]),
            }
        }

        /// Whether it is true.
        ///
        /// # Errors
        /// It fails.
        pub fn holds(&self, context: &Context) -> Result<bool, RenderError> {
            let environment = Environment::new();
            let expression = environment.compile_expression(&self.0).map_err(failed)?;
            expression.eval(&context.0).map(|value| value.is_true()).map_err(failed)
        }

        /// Whether it may be evaluated in this process.
        pub fn is_plain(&self) -> bool {
            true
        }
    }
}
