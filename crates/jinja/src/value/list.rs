//! Python's `list` and `tuple`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr};
use minijinja::{Error, State};

use super::{Arena, Val};
use crate::{methods, ops};

/// A list that can be changed. Threads share the lists of an event, which no
/// template changes; those of a render belong to it alone.
#[derive(Debug)]
pub(crate) struct List {
    items: RwLock<Vec<Val>>,
}

impl List {
    /// A list value.
    pub(crate) fn value(items: Vec<Val>) -> Val {
        let nested = items.iter().any(|item| item.as_object().is_some());
        let list = Val::from_object(Self { items: RwLock::new(items) });
        if nested {
            Arena::note(&list);
        }
        list
    }

    /// The items, to read.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Vec<Val>> {
        self.items.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The items, to change. Who adds objects calls [`note_change`].
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Vec<Val>> {
        self.items.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes that an object may have been put into `container`.
pub(crate) fn note_change(container: &Val) {
    Arena::note(container);
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
        let (a, b) = (Val::from_dyn_object(Arc::clone(self)), Val::from_dyn_object(other));
        Some(ops::equal_as_ordering(&a, &b))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("list")
    }
}

/// A tuple. It is only changed when its render has ended.
#[derive(Debug)]
pub(crate) struct Tuple {
    items: RwLock<Vec<Val>>,
}

impl Tuple {
    /// A tuple value.
    pub(crate) fn value(items: Vec<Val>) -> Val {
        let nested = items.iter().any(|item| item.as_object().is_some());
        let tuple = Val::from_object(Self { items: RwLock::new(items) });
        if nested {
            Arena::note(&tuple);
        }
        tuple
    }

    /// The items.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Vec<Val>> {
        self.items.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Vec<Val>> {
        self.items.write().unwrap_or_else(PoisonError::into_inner)
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
        let (a, b) = (Val::from_dyn_object(Arc::clone(self)), Val::from_dyn_object(other));
        Some(ops::equal_as_ordering(&a, &b))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tuple")
    }
}
