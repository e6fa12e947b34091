//! What the operations of a template work on, as the template spells it: for errors about
//! undefined values.

use crate::syntax::ast::{Args, Const, Expr, ExprKind};

/// Characters of a spelling at most.
const SPELLING_CHARS_MAX: usize = 80;

/// The operands of one operation; `None` for those that have no short spelling.
#[derive(Debug, Clone, Default)]
pub(crate) struct Operands {
    positional: Vec<Option<String>>,
    keywords: Vec<(String, Option<String>)>,
    /// The attribute that is looked up, when that is the operation.
    attribute: Option<String>,
}

impl Operands {
    pub(super) fn of<'e>(operands: impl IntoIterator<Item = Option<&'e Expr>>, args: Option<&Args>) -> Self {
        let spelled = |expr: Option<&Expr>| expr.and_then(spelling);
        let mut positional: Vec<_> = operands.into_iter().map(spelled).collect();
        positional.extend(args.iter().flat_map(|args| &args.positional).map(spelling));
        let keywords = args.iter().flat_map(|args| &args.keyword);
        let keywords = keywords.map(|(name, value)| (name.clone(), spelling(value))).collect();
        Self { positional, keywords, attribute: None }
    }

    pub(super) fn of_attribute(of: &Expr, name: &str) -> Self {
        Self { attribute: Some(name.to_owned()), ..Self::of([Some(of)], None) }
    }

    /// The attribute that is looked up, when that is the operation.
    pub(crate) fn attribute(&self) -> Option<&str> {
        self.attribute.as_deref()
    }

    /// The operand at `index`.
    pub(crate) fn position(&self, index: usize) -> Option<&str> {
        self.positional.get(index)?.as_deref()
    }

    /// The argument `name`.
    pub(crate) fn keyword(&self, name: &str) -> Option<&str> {
        self.keywords.iter().find(|(known, _)| known == name)?.1.as_deref()
    }
}

/// An expression as its template spells it, if that is short: names, attributes, subscripts,
/// filters and calls without their arguments.
fn spelling(expr: &Expr) -> Option<String> {
    let spelled = match &expr.kind {
        ExprKind::Name(name) => name.clone(),
        ExprKind::Attr(inner, name) => format!("{}.{name}", spelling(inner)?),
        ExprKind::Item(inner, key) => format!("{}[{}]", spelling(inner)?, key_spelling(key)?),
        ExprKind::Filter(Some(inner), name, _) => format!("{} | {name}", spelling(inner)?),
        ExprKind::Call(callee, _) => format!("{}()", spelling(callee)?),
        _ => return None,
    };
    (spelled.chars().count() <= SPELLING_CHARS_MAX).then_some(spelled)
}

fn key_spelling(key: &Expr) -> Option<String> {
    match &key.kind {
        ExprKind::Const(Const::Int(digits)) => Some(digits.clone()),
        ExprKind::Const(Const::Str(text)) => Some(format!("'{text}'")),
        _ => spelling(key),
    }
}
