//! Arguments of a call, bound to parameters as Python binds them.

use minijinja::Error;
use minijinja::value::Kwargs;

use crate::raise::{error, of_argument};
use crate::value::{Val, View, type_name, view};

/// What a function was given.
#[derive(Debug)]
pub(crate) struct Given<'g> {
    /// The function, for messages.
    pub(crate) name: &'g str,
    /// Positional arguments.
    pub(crate) positional: &'g [Val],
    /// Keyword arguments.
    pub(crate) keywords: Kwargs,
}

impl<'g> Given<'g> {
    /// Splits off the keyword arguments, which the engine puts last.
    pub(crate) fn new(name: &'g str, args: &'g [Val]) -> Self {
        let none = || Kwargs::from_iter(Vec::<(String, Val)>::new());
        let (positional, keywords) = match args {
            [positional @ .., last] if last.is_kwargs() => {
                let keywords = Kwargs::try_from(last.clone());
                (positional, keywords.unwrap_or_else(|_| none()))
            }
            _ => (args, none()),
        };
        Self { name, positional, keywords }
    }

    /// Arguments that came apart already.
    pub(crate) fn split(name: &'g str, positional: &'g [Val], keywords: Kwargs) -> Self {
        Self { name, positional, keywords }
    }

    /// The keyword arguments.
    pub(crate) fn named(&self) -> Vec<(String, Val)> {
        let value = |name: &str| self.keywords.peek::<Val>(name).unwrap_or_default();
        self.keywords.args().map(|name| (name.to_owned(), value(name))).collect()
    }

    /// The values of the parameters `names`; the first `required` must be there.
    ///
    /// # Errors
    /// Too many, missing, doubled or unknown arguments.
    pub(crate) fn bind<const N: usize>(&self, names: [&str; N], required: usize) -> Result<[Option<Val>; N], Error> {
        if self.positional.len() > N {
            return Err(error(format!("{} takes at most {N} arguments ({} given)", self.name, self.positional.len())));
        }
        let mut bound: [Option<Val>; N] = std::array::from_fn(|i| self.positional.get(i).cloned());
        for keyword in self.keywords.args() {
            let Some(index) = names.iter().position(|name| *name == keyword) else {
                return Err(error(format!("{} got an unexpected keyword argument '{keyword}'", self.name)));
            };
            if bound[index].is_some() {
                return Err(error(format!("{} got multiple values for argument '{keyword}'", self.name)));
            }
            bound[index] = Some(self.keywords.get(keyword)?);
        }
        if let Some(missing) = (0..required).find(|i| bound[*i].is_none()) {
            return Err(error(format!("{} is missing its argument '{}'", self.name, names[missing])));
        }
        Ok(bound)
    }

    /// The value of the only parameter.
    pub(crate) fn one(&self, name: &str) -> Result<Val, Error> {
        let [value] = self.bind([name], 1)?;
        Ok(value.unwrap_or_default())
    }

    /// That there are no arguments.
    pub(crate) fn none(&self) -> Result<(), Error> {
        self.bind([], 0).map(|_: [Option<Val>; 0]| ())
    }
}

/// Positional arguments and, if there are any, the keyword arguments.
pub(crate) fn with_keywords(positional: &[Val], kwargs: Kwargs) -> Vec<Val> {
    let mut args = positional.to_vec();
    if kwargs.args().next().is_some() {
        args.push(kwargs.into());
    }
    args
}

/// A whole number within `i64`, clamped.
pub(crate) fn int(value: &Val) -> Result<i64, Error> {
    match view(value) {
        View::Bool(b) => Ok(i64::from(b)),
        View::Int(n) => Ok(i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX })),
        View::Big(n) => Ok(if n.sign() == num_bigint::Sign::Minus { i64::MIN } else { i64::MAX }),
        _ => {
            let err = error(format!("'{}' object cannot be interpreted as an integer", type_name(value)));
            Err(of_argument(err, value))
        }
    }
}

/// A whole number that Python takes for a place or a number of items: one within `i64`.
pub(crate) fn place(value: &Val) -> Result<i64, Error> {
    match (int(value)?, view(value)) {
        (i64::MIN | i64::MAX, View::Int(_) | View::Big(_)) => Err(error("an integer is too large for an index")),
        (n, _) => Ok(n),
    }
}

/// A size: a place, negative ones as 0.
pub(crate) fn size(value: &Val) -> Result<usize, Error> {
    Ok(usize::try_from(place(value)?.max(0)).unwrap_or(usize::MAX))
}

/// A string.
pub(crate) fn string<'v>(given: &str, value: &'v Val) -> Result<&'v str, Error> {
    value.as_str().ok_or_else(|| error(format!("{given} needs a str, not {}", type_name(value))))
}
