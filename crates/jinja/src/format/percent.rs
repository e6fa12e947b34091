//! `"…%s…" % values`.

use minijinja::{Error, State};
use num_bigint::{BigInt, Sign};

use super::number::{General, fixed, general, in_base, scientific, with_point};
use super::spec::pad;
use crate::markup::escape;
use crate::ops::{charge_bytes, repr_text, text_of};
use crate::python::text::in_ascii;
use crate::raise::{error, limit};
use crate::value::{Num, Val, View, number_of, text, type_name, view};

/// `pattern % values`; a safe pattern escapes what it takes in.
pub(crate) fn percent(state: &mut State<'_, '_>, pattern: &str, values: &Val, safe: bool) -> Result<Val, Error> {
    let mut formatter = Formatter {
        state,
        values,
        tuple: match view(values) {
            View::Tuple(tuple) => Some(tuple.read().clone()),
            _ => None,
        },
        next: 0,
        safe,
    };
    let out = formatter.run(pattern)?;
    formatter.all_used()?;
    Ok(if safe { Val::from_safe_string(out) } else { text(out) })
}

struct Formatter<'f, 't, 'e> {
    state: &'f State<'t, 'e>,
    values: &'f Val,
    tuple: Option<Vec<Val>>,
    next: usize,
    safe: bool,
}

#[derive(Debug, Default)]
struct Conversion {
    alternate: bool,
    zero: bool,
    left: bool,
    blank: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
}

impl Formatter<'_, '_, '_> {
    fn run(&mut self, pattern: &str) -> Result<String, Error> {
        charge_bytes(self.state, 4 * pattern.len())?;
        let mut out = String::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let mut chars = rest.chars();
            let shown = self.conversion(&mut chars)?;
            self.state.consume_fuel(2)?;
            out.push_str(&shown);
            rest = chars.as_str();
        }
        out.push_str(rest);
        Ok(out)
    }

    fn conversion(&mut self, chars: &mut std::str::Chars<'_>) -> Result<String, Error> {
        if chars.as_str().starts_with('%') {
            chars.next();
            return Ok("%".into());
        }
        let mut conversion = Conversion::default();
        let keyed = self.key(chars)?;
        // a field without a key that follows finds nothing, as in Python
        self.next = self.next.max(usize::from(keyed.is_some()));
        flags(chars, &mut conversion);
        if let Some(width) = self.count(chars)? {
            conversion.left |= width < 0;
            conversion.width = clamp(width.unsigned_abs());
        }
        if chars.as_str().starts_with('.') {
            chars.next();
            let precision = self.count(chars)?.unwrap_or(0).max(0);
            conversion.precision = Some(clamp(precision.unsigned_abs()));
        }
        charge_bytes(self.state, conversion.width)?;
        charge_bytes(self.state, conversion.precision.unwrap_or(0))?;
        while chars.as_str().starts_with(['h', 'l', 'L']) {
            chars.next();
        }
        let kind = chars.next().ok_or_else(|| error("incomplete format"))?;
        let value = match keyed {
            Some(value) => value,
            None => self.take()?,
        };
        self.convert(kind, &value, &conversion)
    }

    fn key(&mut self, chars: &mut std::str::Chars<'_>) -> Result<Option<Val>, Error> {
        let Some(inner) = chars.as_str().strip_prefix('(') else {
            return Ok(None);
        };
        let mut depth = 1;
        let end = inner.find(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let end = end.ok_or_else(|| error("incomplete format key"))?;
        let key = &inner[..end];
        let View::Dict(dict) = view(self.values) else {
            return Err(error("format requires a mapping"));
        };
        let value = dict.text_key(key).ok_or_else(|| error("a key of the format is missing in the mapping"))?;
        *chars = inner[end + 1..].chars();
        Ok(Some(value))
    }

    /// A number in the pattern, or `*` for one of the values.
    fn count(&mut self, chars: &mut std::str::Chars<'_>) -> Result<Option<i64>, Error> {
        let rest = chars.as_str();
        if let Some(after) = rest.strip_prefix('*') {
            *chars = after.chars();
            return match view(&self.take()?) {
                View::Int(n) => i64::try_from(n).map(Some).map_err(|_| limit("a width is too large")),
                View::Bool(b) => Ok(Some(i64::from(b))),
                _ => Err(error("* wants int")),
            };
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            return Ok(None);
        }
        let number = rest[..digits].parse().unwrap_or(i64::MAX);
        *chars = rest[digits..].chars();
        Ok(Some(number))
    }

    fn take(&mut self) -> Result<Val, Error> {
        let value = match &self.tuple {
            Some(items) => items.get(self.next).cloned(),
            None => (self.next == 0).then(|| self.values.clone()),
        };
        self.next += 1;
        value.ok_or_else(|| error("not enough arguments for format string"))
    }

    fn all_used(&self) -> Result<(), Error> {
        let unused = match &self.tuple {
            Some(items) => self.next < items.len(),
            None => {
                let mapping =
                    matches!(view(self.values), View::Dict(_) | View::List(_) | View::Range(_) | View::Undefined);
                self.next == 0 && !mapping
            }
        };
        if unused {
            return Err(error("not all arguments converted during string formatting"));
        }
        Ok(())
    }

    fn convert(&self, kind: char, value: &Val, conversion: &Conversion) -> Result<String, Error> {
        match kind {
            's' | 'r' | 'a' => self.convert_text(kind, value, conversion),
            'c' => convert_char(value, conversion),
            'd' | 'i' | 'u' => convert_int(&whole(kind, value)?, kind, conversion),
            'o' | 'x' | 'X' => match number_of(value) {
                Some(Num::Float(_)) | None => {
                    Err(error(format!("%{kind} format: an integer is required, not {}", type_name(value))))
                }
                _ => convert_int(&whole(kind, value)?, kind, conversion),
            },
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => convert_float(value, kind, conversion),
            _ => Err(error(format!("unsupported format character '{kind}'"))),
        }
    }

    fn convert_text(&self, kind: char, value: &Val, conversion: &Conversion) -> Result<String, Error> {
        let mut shown = match kind {
            's' => text_of(self.state, value)?,
            'r' => repr_text(self.state, value)?,
            _ => in_ascii(&repr_text(self.state, value)?),
        };
        if self.safe && !(kind == 's' && value.is_safe()) {
            shown = escape(&shown);
        }
        if let Some(precision) = conversion.precision {
            shown = shown.chars().take(precision).collect();
        }
        let align = if conversion.left { '<' } else { '>' };
        Ok(pad(&shown, align, ' ', conversion.width))
    }
}

fn clamp(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn flags(chars: &mut std::str::Chars<'_>, conversion: &mut Conversion) {
    loop {
        match chars.as_str().chars().next() {
            Some('#') => conversion.alternate = true,
            Some('0') => conversion.zero = true,
            Some('-') => conversion.left = true,
            Some(' ') => conversion.blank = true,
            Some('+') => conversion.plus = true,
            _ => return,
        }
        chars.next();
    }
}

fn whole(kind: char, value: &Val) -> Result<BigInt, Error> {
    match number_of(value) {
        Some(Num::Int(n)) => Ok(BigInt::from(n)),
        Some(Num::Big(n)) => Ok(n),
        Some(Num::Float(x)) if x.is_finite() => {
            let text = fixed(x.trunc(), 0);
            text.parse().map_err(|_| error("cannot convert float to integer"))
        }
        Some(Num::Float(_)) => Err(error("cannot convert float infinity or NaN to integer")),
        None => Err(error(format!("%{kind} format: a real number is required, not {}", type_name(value)))),
    }
}

fn convert_char(value: &Val, conversion: &Conversion) -> Result<String, Error> {
    let c = match view(value) {
        View::Str(text) => {
            let mut chars = text.chars();
            chars.next().filter(|_| chars.next().is_none())
        }
        View::Int(n) => u32::try_from(n).ok().and_then(char::from_u32),
        View::Bool(b) => Some(char::from(u8::from(b))),
        _ => None,
    };
    let c = c.ok_or_else(|| error("%c requires int or char"))?;
    let align = if conversion.left { '<' } else { '>' };
    Ok(pad(&c.to_string(), align, ' ', conversion.width))
}

fn convert_int(n: &BigInt, kind: char, conversion: &Conversion) -> Result<String, Error> {
    let base = match kind {
        'o' => 8,
        'x' | 'X' => 16,
        _ => 10,
    };
    if base == 10 && n.bits() > 14_290 {
        return Err(error("an integer has more digits than Python prints (4300)"));
    }
    let mut digits = in_base(&BigInt::from(n.magnitude().clone()), base);
    if let Some(precision) = conversion.precision {
        digits = pad(&digits, '>', '0', precision);
    }
    if kind == 'X' {
        digits = digits.to_uppercase();
    }
    let prefix = match (conversion.alternate, kind) {
        (true, 'o') => "0o",
        (true, 'x') => "0x",
        (true, 'X') => "0X",
        _ => "",
    };
    let prefix = format!("{}{prefix}", sign(n.sign() == Sign::Minus, conversion));
    Ok(place(&prefix, &digits, conversion))
}

fn convert_float(value: &Val, kind: char, conversion: &Conversion) -> Result<String, Error> {
    let x = match number_of(value) {
        Some(number) => number.to_float()?,
        None => {
            return Err(error(format!("must be real number, not {}", type_name(value))));
        }
    };
    let precision = conversion.precision.unwrap_or(6);
    let magnitude = x.abs();
    let form = if conversion.alternate { General::Alternate } else { General::Short };
    let mut digits = match kind {
        'e' | 'E' => scientific(magnitude, precision),
        'f' | 'F' => fixed(magnitude, precision),
        _ => general(magnitude, precision, form),
    };
    if kind.is_uppercase() {
        digits = digits.to_uppercase();
    }
    if conversion.alternate {
        digits = with_point(digits);
    }
    let prefix = sign(x.is_sign_negative() && !x.is_nan(), conversion);
    Ok(place(prefix, &digits, conversion))
}

fn sign(negative: bool, conversion: &Conversion) -> &'static str {
    match (negative, conversion.plus, conversion.blank) {
        (true, _, _) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    }
}

fn place(prefix: &str, digits: &str, conversion: &Conversion) -> String {
    if conversion.zero && !conversion.left {
        let width = conversion.width.saturating_sub(prefix.len());
        return format!("{prefix}{}", pad(digits, '>', '0', width));
    }
    let align = if conversion.left { '<' } else { '>' };
    pad(&format!("{prefix}{digits}"), align, ' ', conversion.width)
}
