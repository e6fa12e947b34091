//! Python's format specification:
//! `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.

use minijinja::{Error, State};
use num_bigint::{BigInt, Sign};

use super::number::{General, fixed, general, grouped, in_base, scientific, whole_digits, with_point};
use crate::ops::{charge_bytes, text_of};
use crate::python::digit::decimal;
use crate::python::float;
use crate::raise::{error, limit};
use crate::value::{Num, Val, View, float_of_big, number_of, type_name, view};

#[derive(Debug, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    /// `z`: what is shown as zero has no minus.
    unsigned_zero: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Spec {
    /// That the digits of its type come in groups.
    fn check_grouping(&self) -> Result<(), Error> {
        let (Some(separator), Some(kind)) = (self.grouping, self.kind) else {
            return Ok(());
        };
        let in_groups = matches!(kind, 'd' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%')
            || (separator == '_' && matches!(kind, 'b' | 'o' | 'x' | 'X'));
        if in_groups { Ok(()) } else { Err(error(format!("Cannot specify '{separator}' with '{kind}'."))) }
    }
}

/// `format(value, spec)`
pub(super) fn format_value(state: &State<'_, '_>, value: &Val, spec: &str) -> Result<String, Error> {
    if spec.is_empty() {
        return text_of(state, value);
    }
    let parsed = parse(spec)
        .ok_or_else(|| error(format!("invalid format specifier for object of type '{}'", type_name(value))))?;
    parsed.check_grouping()?;
    charge_bytes(state, parsed.width)?;
    charge_bytes(state, parsed.precision.unwrap_or(0))?;
    match view(value) {
        View::Str(text) => format_text(text, &parsed),
        _ => match number_of(value) {
            Some(Num::Float(x)) => format_float(x, &parsed),
            Some(Num::Int(n)) => format_int(&BigInt::from(n), &parsed),
            Some(Num::Big(n)) => format_int(&n, &parsed),
            None => Err(error(format!("unsupported format string passed to {}.__format__", type_name(value)))),
        },
    }
}

fn parse(spec: &str) -> Option<Spec> {
    let chars: Vec<char> = spec.chars().collect();
    let is_align = |c: Option<&char>| matches!(c, Some('<' | '>' | '=' | '^'));
    let mut parsed = Spec::default();
    let mut at = 0;
    if is_align(chars.get(1)) {
        parsed.fill = chars.first().copied();
        parsed.align = chars.get(1).copied();
        at = 2;
    } else if is_align(chars.first()) {
        parsed.align = chars.first().copied();
        at = 1;
    }
    let mut take = |wanted: &[char]| {
        let found = chars.get(at).copied().filter(|c| wanted.contains(c));
        at += usize::from(found.is_some());
        found
    };
    parsed.sign = take(&['+', '-', ' ']);
    parsed.unsigned_zero = take(&['z']).is_some();
    parsed.alternate = take(&['#']).is_some();
    parsed.zero = take(&['0']).is_some();
    parsed.width = number(&chars, &mut at)?.unwrap_or(0);
    if let Some(c) = chars.get(at).copied().filter(|c| matches!(c, ',' | '_')) {
        parsed.grouping = Some(c);
        at += 1;
    }
    if chars.get(at) == Some(&'.') {
        at += 1;
        parsed.precision = Some(number(&chars, &mut at)??);
    }
    if let Some(c) = chars.get(at) {
        parsed.kind = Some(*c);
        at += 1;
    }
    (at == chars.len()).then_some(parsed)
}

/// Digits at `at`; the outer `None` is a number that is far too large.
fn number(chars: &[char], at: &mut usize) -> Option<Option<usize>> {
    // digits of any script, as Python takes them
    let digits: String = chars[*at..].iter().map_while(|c| decimal(*c)).collect();
    *at += digits.len();
    if digits.is_empty() {
        return Some(None);
    }
    digits.parse().ok().map(Some)
}

fn format_text(text: &str, spec: &Spec) -> Result<String, Error> {
    if !matches!(spec.kind, None | Some('s')) {
        return Err(unknown_code(spec, "str"));
    }
    if spec.unsigned_zero {
        return Err(no_zero_coercion("string"));
    }
    if spec.sign.is_some() || spec.align == Some('=') || spec.grouping.is_some() || spec.alternate {
        return Err(error("the format specifier is not allowed for strings"));
    }
    let shown: String = match spec.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    };
    let fill = spec.fill.unwrap_or(if spec.zero { '0' } else { ' ' });
    Ok(pad(&shown, spec.align.unwrap_or('<'), fill, spec.width))
}

fn unknown_code(spec: &Spec, of: &str) -> Error {
    let code = spec.kind.unwrap_or(' ');
    error(format!("unknown format code '{code}' for object of type '{of}'"))
}

fn no_zero_coercion(of: &str) -> Error {
    error(format!("Negative zero coercion (z) not allowed in {of} format specifier"))
}

fn format_int(n: &BigInt, spec: &Spec) -> Result<String, Error> {
    if spec.unsigned_zero && !matches!(spec.kind, Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%')) {
        return Err(no_zero_coercion("integer"));
    }
    let base = match spec.kind {
        None | Some('d' | 'n') => 10,
        Some('b') => 2,
        Some('o') => 8,
        Some('x' | 'X') => 16,
        Some('c') => return format_char(n, spec),
        Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => {
            let x = float_of_big(n);
            if x.is_infinite() {
                return Err(error("int too large to convert to float"));
            }
            return format_float(x, spec);
        }
        _ => return Err(unknown_code(spec, "int")),
    };
    if spec.precision.is_some() {
        return Err(error("precision not allowed in integer format specifier"));
    }
    if n.bits() > 14_290 && base == 10 {
        return Err(limit("an integer has too many digits"));
    }
    let mut digits = in_base(&BigInt::from(n.magnitude().clone()), base);
    if spec.kind == Some('X') {
        digits = digits.to_uppercase();
    }
    let prefix = match (spec.alternate, spec.kind) {
        (true, Some('b')) => "0b",
        (true, Some('o')) => "0o",
        (true, Some('x')) => "0x",
        (true, Some('X')) => "0X",
        _ => "",
    };
    let sign = sign_text(n.sign() == Sign::Minus, spec.sign);
    let group = if base == 10 { 3 } else { 4 };
    Ok(arrange(&format!("{sign}{prefix}"), &digits, spec, group))
}

/// The character of a number, aligned as a number.
fn format_char(n: &BigInt, spec: &Spec) -> Result<String, Error> {
    if spec.precision.is_some() {
        return Err(error("Precision not allowed in integer format specifier"));
    }
    if spec.sign.is_some() {
        return Err(error("Sign not allowed with integer format specifier 'c'"));
    }
    if spec.alternate {
        return Err(error("Alternate form (#) not allowed with integer format specifier 'c'"));
    }
    let code = u32::try_from(n).ok().and_then(char::from_u32);
    let c = code.ok_or_else(|| error("%c arg not in range(0x110000)"))?;
    Ok(arrange("", &c.to_string(), spec, 3))
}

fn format_float(x: f64, spec: &Spec) -> Result<String, Error> {
    let magnitude = x.abs();
    let precision = spec.precision.unwrap_or(6);
    let form = if spec.alternate { General::Alternate } else { General::Short };
    let mut digits = match spec.kind {
        None => match spec.precision {
            None => float::repr(magnitude),
            Some(precision) if spec.alternate => general(magnitude, precision, General::AlternateFloat),
            Some(precision) => general(magnitude, precision, General::Float),
        },
        Some('f' | 'F') => fixed(magnitude, precision),
        Some('e' | 'E') => scientific(magnitude, precision),
        Some('g' | 'G' | 'n') => general(magnitude, precision, form),
        Some('%') => format!("{}%", fixed(magnitude * 100.0, precision)),
        _ => return Err(unknown_code(spec, "float")),
    };
    if matches!(spec.kind, Some('F' | 'E' | 'G')) {
        digits = digits.to_uppercase();
    }
    if spec.alternate {
        digits = with_point(digits);
    }
    let is_zero = digits.contains('0') && !digits.contains(|digit| matches!(digit, '1'..='9'));
    let negative = x.is_sign_negative() && !x.is_nan() && !(spec.unsigned_zero && is_zero);
    let sign = sign_text(negative, spec.sign);
    Ok(arrange(&sign, &digits, spec, 3))
}

fn sign_text(negative: bool, wanted: Option<char>) -> String {
    match (negative, wanted) {
        (true, _) => "-".into(),
        (false, Some(c @ ('+' | ' '))) => c.to_string(),
        _ => String::new(),
    }
}

/// Groups, fills and aligns a number.
fn arrange(prefix: &str, digits: &str, spec: &Spec, group: usize) -> String {
    let body = match spec.grouping {
        Some(separator) => grouped(digits, separator, group),
        None => digits.to_owned(),
    };
    let implied_zero = spec.zero && spec.align.is_none();
    let align = spec.align.unwrap_or(if spec.zero { '=' } else { '>' });
    let fill = spec.fill.unwrap_or(if spec.zero { '0' } else { ' ' });
    if align != '=' {
        return pad(&format!("{prefix}{body}"), align, fill, spec.width);
    }
    let width = spec.width.saturating_sub(prefix.len());
    let filled = match spec.grouping {
        // zeros that fill are grouped too
        Some(separator) if implied_zero || fill == '0' => zero_filled(digits, separator, group, width),
        _ => pad(&body, '>', fill, width),
    };
    format!("{prefix}{filled}")
}

/// `digits` in groups, with as many zeros in front as the width takes; one more where a separator
/// would stand first.
fn zero_filled(digits: &str, separator: char, group: usize, width: usize) -> String {
    let end = whole_digits(digits, group);
    let wanted = width.saturating_sub(digits.len() - end);
    let (groups, over) = (wanted / (group + 1), wanted % (group + 1));
    let whole = if wanted == 0 { 0 } else { groups * group + over.max(1) };
    let filled = format!("{}{digits}", "0".repeat(whole.saturating_sub(end)));
    let shown = grouped(&filled, separator, group);
    debug_assert!(shown.len() >= width && !shown.starts_with(separator), "{shown} fills {width}");
    shown
}

/// Pads to `width` characters.
pub(super) fn pad(text: &str, align: char, fill: char, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    if missing == 0 {
        return text.to_owned();
    }
    let left = match align {
        '<' => 0,
        '^' => missing / 2,
        _ => missing,
    };
    let mut out = String::with_capacity(text.len() + missing * fill.len_utf8());
    out.extend(std::iter::repeat_n(fill, left));
    out.push_str(text);
    out.extend(std::iter::repeat_n(fill, missing - left));
    out
}
