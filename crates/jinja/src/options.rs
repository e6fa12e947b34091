//! How a template is compiled and rendered.

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
