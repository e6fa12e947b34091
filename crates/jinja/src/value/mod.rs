//! Python's values on top of the engine's: what a value is, as Python sees it.
//!
//! Numbers, strings, booleans and `none` are the engine's own. Lists, tuples,
//! dicts, ranges and the rest are objects of ours, because Python's can be
//! changed, print differently and are compared strictly.

mod arena;
mod big;
mod convert;
mod dict;
mod equal;
mod function;
mod key;
mod lazy;
mod list;
mod names;
mod namespace;
mod number;

pub(crate) use minijinja::value::Value as Val;
use minijinja::value::ValueKind;
use num_bigint::BigInt;

pub(crate) use arena::Arena;
pub(crate) use big::{Big, from_big, from_i128};
pub(crate) use convert::{from_json, from_parsed};
pub(crate) use dict::{Dict, DictView, Entries, Key, ViewKind};
pub(crate) use equal::{Equality, equal_uncharged, weight};
pub(crate) use function::{Call, Global, TemplateReference};
pub(crate) use lazy::{Generator, Range};
pub(crate) use list::{List, Tuple};
#[cfg(test)]
pub(crate) use names::method_names;
pub(crate) use names::{has_method, is_changing, is_member};
pub(crate) use namespace::{BoundMethod, Cycler, Joiner, Namespace};
pub(crate) use number::{Num, compare_numbers, float_of_big, number_of};

/// A value as Python sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'v> {
    Undefined,
    None,
    Bool(bool),
    Int(i128),
    /// Outside the range of `i128`.
    Big(&'v BigInt),
    Float(f64),
    Str(&'v str),
    Bytes(&'v [u8]),
    List(&'v List),
    Tuple(&'v Tuple),
    Dict(&'v Dict),
    Range(&'v Range),
    /// `keys()`, `values()` or `items()` of a dict.
    Entries(&'v DictView),
    Generator(&'v Generator),
    Namespace(&'v Namespace),
    /// Functions, macros, loops and other things that only have identity.
    Other,
}

/// How Python sees `value`.
pub(crate) fn view(value: &Val) -> View<'_> {
    match value.kind() {
        ValueKind::Undefined => View::Undefined,
        ValueKind::None => View::None,
        ValueKind::Bool => View::Bool(value.is_true()),
        ValueKind::String => View::Str(value.as_str().unwrap_or_default()),
        ValueKind::Number => number(value),
        ValueKind::Bytes => View::Bytes(value.as_bytes().unwrap_or_default()),
        _ => object(value),
    }
}

fn number(value: &Val) -> View<'_> {
    if let Some(small) = value.as_i64() {
        if value.is_integer() {
            return View::Int(i128::from(small));
        }
    } else if value.is_integer() {
        return match i128::try_from(value.clone()) {
            Ok(wide) => View::Int(wide),
            Err(_) => View::Other,
        };
    }
    f64::try_from(value.clone()).map_or(View::Other, View::Float)
}

fn object(value: &Val) -> View<'_> {
    let Some(object) = value.as_object() else {
        return View::Other;
    };
    if let Some(dict) = object.downcast_ref::<Dict>() {
        View::Dict(dict)
    } else if let Some(list) = object.downcast_ref::<List>() {
        View::List(list)
    } else if let Some(tuple) = object.downcast_ref::<Tuple>() {
        View::Tuple(tuple)
    } else if let Some(big) = object.downcast_ref::<Big>() {
        View::Big(&big.0)
    } else if let Some(range) = object.downcast_ref::<Range>() {
        View::Range(range)
    } else if let Some(view) = object.downcast_ref::<DictView>() {
        View::Entries(view)
    } else if let Some(generator) = object.downcast_ref::<Generator>() {
        View::Generator(generator)
    } else if let Some(namespace) = object.downcast_ref::<Namespace>() {
        View::Namespace(namespace)
    } else {
        View::Other
    }
}

/// Python's name of the type of `value`.
pub(crate) fn type_name(value: &Val) -> &'static str {
    match view(value) {
        View::Undefined => "Undefined",
        View::None => "NoneType",
        View::Bool(_) => "bool",
        View::Int(_) | View::Big(_) => "int",
        View::Float(_) => "float",
        View::Str(_) if value.is_safe() => "Markup",
        View::Str(_) => "str",
        View::Bytes(_) => "bytes",
        View::List(_) => "list",
        View::Tuple(_) => "tuple",
        View::Dict(_) => "dict",
        View::Range(_) => "range",
        View::Entries(view) => view.kind.type_name(),
        View::Generator(_) => "generator",
        View::Namespace(_) => "Namespace",
        View::Other => "object",
    }
}

/// Whether two values are one and the same object.
pub(crate) fn is_same(a: &Val, b: &Val) -> bool {
    match (view(a), view(b)) {
        (View::List(a), View::List(b)) => std::ptr::eq(a, b),
        (View::Tuple(a), View::Tuple(b)) => std::ptr::eq(a, b),
        (View::Dict(a), View::Dict(b)) => std::ptr::eq(a, b),
        (View::Namespace(a), View::Namespace(b)) => std::ptr::eq(a, b),
        (View::Range(a), View::Range(b)) => std::ptr::eq(a, b),
        (View::Generator(a), View::Generator(b)) => std::ptr::eq(a, b),
        (View::Other, View::Other) => a == b,
        _ => false,
    }
}

/// A string value.
pub(crate) fn text(text: impl AsRef<str>) -> Val {
    Val::from(text.as_ref())
}

/// A string that is markup if `model` is.
pub(crate) fn text_like(model: &Val, string: String) -> Val {
    if model.is_safe() { Val::from_safe_string(string) } else { text(string) }
}

/// Notes that an object may have been put into a list or a dict.
pub(crate) fn note_change(container: &Val) {
    match view(container) {
        View::List(_) => List::note_change(container),
        View::Dict(_) => Dict::note_change(container),
        _ => {}
    }
}
