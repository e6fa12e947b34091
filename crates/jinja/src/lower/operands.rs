//! What the operations of a template work on, as the template spells it: for errors about
//! undefined values.

use crate::syntax::ast::{Args, Const, Expr, ExprKind, UnaryOp};

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

/// An expression as its template spells it, if that is short: what an undefined value can come from. Calls and
/// filters are without their arguments.
fn spelling(expr: &Expr) -> Option<String> {
    let spelled = match &expr.kind {
        ExprKind::Name(name) => name.clone(),
        ExprKind::Attr(inner, name) => format!("{}.{name}", primary(inner)?),
        ExprKind::Item(inner, key) => format!("{}[{}]", primary(inner)?, part(key)),
        ExprKind::Filter(Some(inner), name, _) => format!("{} | {name}", spelling(inner)?),
        ExprKind::Call(callee, _) => format!("{}()", primary(callee)?),
        ExprKind::Or(operands) => joined(operands, " or "),
        ExprKind::And(operands) => joined(operands, " and "),
        ExprKind::Cond(cond) => {
            let otherwise = cond.otherwise.as_ref().map(|otherwise| format!(" else {}", part(otherwise)));
            format!("{} if {}{}", part(&cond.then), part(&cond.test), otherwise.unwrap_or_default())
        }
        ExprKind::List(items) => format!("[{}]", joined(items, ", ")),
        ExprKind::Tuple(items) => format!("({})", joined(items, ", ")),
        ExprKind::Dict(items) => {
            let items: Vec<_> = items.iter().map(|(key, value)| format!("{}: {}", part(key), part(value))).collect();
            format!("{{{}}}", items.join(", "))
        }
        _ => return None,
    };
    (spelled.chars().count() <= SPELLING_CHARS_MAX).then_some(spelled)
}

/// The spelling of what stands before a dot or a bracket.
fn primary(expr: &Expr) -> Option<String> {
    let spelled = spelling(expr)?;
    let is_wide = matches!(expr.kind, ExprKind::Filter(..) | ExprKind::Or(_) | ExprKind::And(_) | ExprKind::Cond(_));
    Some(if is_wide { format!("({spelled})") } else { spelled })
}

/// The spelling of a part of an expression, which may have none.
fn part(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Const(Const::Int(digits)) => digits.clone(),
        ExprKind::Const(Const::Str(text)) => format!("'{text}'"),
        ExprKind::Unary(UnaryOp::Neg, operand) => format!("-{}", part(operand)),
        _ => spelling(expr).unwrap_or_else(|| "…".to_owned()),
    }
}

fn joined(parts: &[Expr], between: &str) -> String {
    parts.iter().map(part).collect::<Vec<_>>().join(between)
}
