//! `in`.

use minijinja::{Error, State};

use super::{charge_bytes, equal, hashable, iterate};
use crate::raise::error;
use crate::value::{Key, Val, View, ViewKind, is_same, type_name, view};

/// `needle in haystack`
pub(crate) fn contains(state: &State<'_, '_>, haystack: &Val, needle: &Val) -> Result<bool, Error> {
    match view(haystack) {
        View::Str(text) => match needle.as_str() {
            Some(part) => {
                charge_bytes(state, text.len() + part.len())?;
                Ok(text.contains(part))
            }
            None => Err(error(format!("'in <string>' requires string as left operand, not {}", type_name(needle)))),
        },
        View::Dict(dict) => {
            hashable(state, needle)?;
            Ok(dict.read().contains_key(&Key(needle.clone())))
        }
        View::Entries(keys) if keys.kind == ViewKind::Keys => {
            let dict = keys.dict().unwrap_or_default();
            contains(state, &dict, needle)
        }
        View::None | View::Bool(_) | View::Int(_) | View::Big(_) | View::Float(_) => {
            Err(error(format!("argument of type '{}' is not iterable", type_name(haystack))))
        }
        _ => {
            for item in iterate(state, haystack)? {
                if is_same(&item, needle) || equal(state, &item, needle)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}
