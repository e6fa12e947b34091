//! Tokens of the template language.

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tok {
    /// Text outside tags.
    Text(String),
    /// `{{`
    VarStart,
    /// `}}`
    VarEnd,
    /// `{%`
    BlockStart,
    /// `%}`
    BlockEnd,
    /// An identifier or keyword.
    Name(String),
    /// A string literal, unescaped.
    Str(String),
    /// An integer literal, as decimal digits.
    Int(String),
    /// A float literal.
    Float(f64),
    /// An operator or delimiter.
    Op(&'static str),
    /// Where the lexer found a fault, which it has already told.
    Bad,
    /// The end of the source.
    End,
}

impl Tok {
    /// How messages call this token.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Text(_) => "template text".into(),
            Self::VarStart => "'{{'".into(),
            Self::VarEnd => "end of print statement".into(),
            Self::BlockStart => "'{%'".into(),
            Self::BlockEnd => "end of statement block".into(),
            Self::Name(name) => format!("'{name}'"),
            Self::Str(_) => "string".into(),
            Self::Int(_) => "integer".into(),
            Self::Float(_) => "float".into(),
            Self::Op(op) => format!("'{op}'"),
            Self::Bad => "an invalid token".into(),
            Self::End => "end of template".into(),
        }
    }
}

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    /// What it is.
    pub tok: Tok,
    /// Byte offset of its first character.
    pub at: u32,
}
