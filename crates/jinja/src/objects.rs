//! What minijinja may do with the values whose methods are Python's: look up, walk, compare, call.
//!
//! The types are in `value`; this is apart from them because it calls `methods`, which know them all.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr};
use minijinja::{Error, State};

use super::methods::{self, Given};
use super::raise::blame_with;
use super::value::{BoundMethod, Dict, DictView, Global, Key, List, Namespace, Tuple, Val, equal_uncharged};

/// How the engine's own comparisons, which no template reaches, see two values: equal or not.
fn order(a: Val, b: Val) -> Ordering {
    if equal_uncharged(&a, &b) { Ordering::Equal } else { Ordering::Less }
}

impl Object for Dict {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Val) -> Option<Val> {
        match key.as_str() {
            Some(text) => self.text_key(text),
            None => self.read().get(&Key(key.clone())).cloned(),
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Val> {
        self.text_key(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.read().keys().map(|key| key.0.clone()).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.read().len())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Val]) -> Result<Val, Error> {
        methods::call(state, &Val::from_dyn_object(Arc::clone(self)), method, args)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast::<Self>()?;
        Some(order(Val::from_dyn_object(Arc::clone(self)), Val::from_dyn_object(other)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dict")
    }
}

impl Object for DictView {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.len())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Val]) -> Result<Val, Error> {
        methods::call(state, &Val::from_dyn_object(Arc::clone(self)), method, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.type_name())
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Val) -> Option<Val> {
        self.read().get(key.as_usize()?).cloned()
    }

    fn get_value_by_str(self: &Arc<Self>, _key: &str) -> Option<Val> {
        None
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.read().clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.read().len())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Val]) -> Result<Val, Error> {
        methods::call(state, &Val::from_dyn_object(Arc::clone(self)), method, args)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast::<Self>()?;
        Some(order(Val::from_dyn_object(Arc::clone(self)), Val::from_dyn_object(other)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("list")
    }
}

impl Object for Tuple {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Val) -> Option<Val> {
        self.read().get(key.as_usize()?).cloned()
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Val> {
        // the tuples of `groupby` have names, as in Jinja2
        let items = self.read();
        match key {
            "grouper" if items.len() == 2 => items.first().cloned(),
            "list" if items.len() == 2 => items.get(1).cloned(),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.read().clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.read().len())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Val]) -> Result<Val, Error> {
        methods::call(state, &Val::from_dyn_object(Arc::clone(self)), method, args)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast::<Self>()?;
        Some(order(Val::from_dyn_object(Arc::clone(self)), Val::from_dyn_object(other)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tuple")
    }
}

impl Object for Namespace {
    fn get_value(self: &Arc<Self>, key: &Val) -> Option<Val> {
        self.member(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Val> {
        self.member(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Val]) -> Result<Val, Error> {
        match self.member(method) {
            Some(member) => member.call(state, args),
            None => Err(Error::from(minijinja::ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("namespace")
    }
}

impl Object for BoundMethod {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Val]) -> Result<Val, Error> {
        let receiver = self.receiver().unwrap_or_default();
        methods::call(state, &receiver, &self.name, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("method")
    }
}

impl Object for Global {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Val]) -> Result<Val, Error> {
        let given = Given::new(self.name, args);
        (self.call)(state, given.positional, given.keywords.clone()).map_err(|err| {
            // the first operand of a call is what is called
            let function = Val::from(());
            blame_with(err, std::iter::once(&function).chain(given.positional), given.named())
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
