//! Python's `dict`, its keys and its views.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use indexmap::{Equivalent, IndexMap};
use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr};
use minijinja::{Error, State};

use super::{Arena, Tuple, Val, View, type_name, view};
use crate::{methods, ops};

/// Entries up to which to look at each is faster than to hash the key.
const SMALL: usize = 8;

/// The entries of a dict, in the order of insertion.
pub(crate) type Entries = IndexMap<Key, Val, foldhash::fast::RandomState>;

/// A key: equal and hashed as Python does (`1`, `1.0` and `True` are one).
#[derive(Debug, Clone)]
pub(crate) struct Key(pub(crate) Val);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

fn hash<H: Hasher>(value: &Val, state: &mut H) {
    match view(value) {
        View::Str(text) => hash_text(text, state),
        View::Bool(b) => i128::from(b).hash(state),
        View::Int(n) => n.hash(state),
        View::Float(x) => match ops::exact_int(x) {
            Some(n) => n.hash(state),
            None => x.to_bits().hash(state),
        },
        View::Big(n) => n.hash(state),
        View::Tuple(tuple) => tuple.read().iter().for_each(|item| hash(item, state)),
        View::None | View::Undefined => state.write_u8(2),
        // As they are equal: ranges by their items, what is only itself by its place.
        View::Range(range) => {
            range.len().hash(state);
            (range.len() > 0).then_some(range.start).hash(state);
            (range.len() > 1).then_some(range.step).hash(state);
        }
        View::Namespace(namespace) => std::ptr::from_ref(namespace).hash(state),
        View::Generator(generator) => std::ptr::from_ref(generator).hash(state),
        _ => type_name(value).hash(state),
    }
}

fn hash_text<H: Hasher>(text: &str, state: &mut H) {
    text.hash(state);
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self.0.as_str(), other.0.as_str()) {
            (Some(a), Some(b)) => a == b,
            (None, None) => ops::equal_as_ordering(&self.0, &other.0) == Ordering::Equal,
            _ => false,
        }
    }
}

impl Eq for Key {}

/// A string to look up, without making a value of it.
struct Text<'t>(&'t str);

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_text(self.0, state);
    }
}

impl Equivalent<Key> for Text<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        key.0.as_str() == Some(self.0)
    }
}

/// A dict. Threads share the dicts of an event, which no template changes.
#[derive(Debug)]
pub(crate) struct Dict {
    entries: RwLock<Entries>,
}

impl Dict {
    /// A dict value. The keys must have been checked to be hashable.
    pub(crate) fn value(entries: Entries) -> Val {
        let nested = entries.iter().any(|(key, value)| value.as_object().is_some() || key.0.as_object().is_some());
        let dict = Val::from_object(Self { entries: RwLock::new(entries) });
        if nested {
            Arena::note(&dict);
        }
        dict
    }

    /// The entries, to read.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entries, to change.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a string key.
    pub(crate) fn text_key(&self, key: &str) -> Option<Val> {
        let entries = self.read();
        if entries.len() <= SMALL {
            return entries.iter().find(|(name, _)| name.0.as_str() == Some(key)).map(|(_, value)| value.clone());
        }
        entries.get(&Text(key)).cloned()
    }
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
        let (a, b) = (Val::from_dyn_object(Arc::clone(self)), Val::from_dyn_object(other));
        Some(ops::equal_as_ordering(&a, &b))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dict")
    }
}

/// Which view of a dict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ViewKind {
    Keys,
    Values,
    Items,
}

impl ViewKind {
    /// Python's name of the view's type.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Keys => "dict_keys",
            Self::Values => "dict_values",
            Self::Items => "dict_items",
        }
    }
}

/// What `keys()`, `values()` and `items()` give: the dict as it is when asked.
#[derive(Debug)]
pub(crate) struct DictView {
    dict: Mutex<Option<Val>>,
    pub(crate) kind: ViewKind,
}

impl DictView {
    /// A view of `dict`.
    pub(crate) fn value(dict: &Val, kind: ViewKind) -> Val {
        let view = Val::from_object(Self { dict: Mutex::new(Some(dict.clone())), kind });
        Arena::note(&view);
        view
    }

    /// The dict, while the render lasts.
    pub(crate) fn dict(&self) -> Option<Val> {
        let dict = self.dict.lock().unwrap_or_else(PoisonError::into_inner);
        dict.clone()
    }

    pub(super) fn take(&self) -> Option<Val> {
        let mut dict = self.dict.lock().unwrap_or_else(PoisonError::into_inner);
        dict.take()
    }

    /// The items of the view.
    pub(crate) fn items(&self) -> Vec<Val> {
        let dict = self.dict();
        let Some(View::Dict(dict)) = dict.as_ref().map(view) else {
            return Vec::new();
        };
        let entries = dict.read();
        match self.kind {
            ViewKind::Keys => entries.keys().map(|key| key.0.clone()).collect(),
            ViewKind::Values => entries.values().cloned().collect(),
            ViewKind::Items => {
                entries.iter().map(|(key, value)| Tuple::value(vec![key.0.clone(), value.clone()])).collect()
            }
        }
    }

    /// How many items the view has.
    pub(crate) fn len(&self) -> usize {
        match self.dict().as_ref().map(view) {
            Some(View::Dict(dict)) => dict.read().len(),
            _ => 0,
        }
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
