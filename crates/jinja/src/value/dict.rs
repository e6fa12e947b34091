//! Python's `dict`, its keys and its views.

use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use indexmap::{Equivalent, IndexMap};

use super::{Arena, Tuple, Val, View, view};

/// Entries up to which to look at each is faster than to hash the key.
const SMALL: usize = 8;

/// The entries of a dict, in the order of insertion.
pub(crate) type Entries = IndexMap<Key, Val, foldhash::fast::RandomState>;

/// A key: equal and hashed as Python does (`1`, `1.0` and `True` are one).
#[derive(Debug, Clone)]
pub(crate) struct Key(pub(crate) Val);

/// A string to look up, without making a value of it.
struct Text<'t>(&'t str);

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // as `key` hashes strings
        self.0.hash(state);
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
            Self::note_change(&dict);
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

    /// Notes that an object may have been put into `dict`.
    pub(crate) fn note_change(dict: &Val) {
        Arena::note(dict, |value, contents| {
            let Some(dict) = value.downcast_object_ref::<Self>() else { return };
            for (key, value) in std::mem::take(&mut *dict.write()) {
                contents.extend([key.0, value]);
            }
        });
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
        Arena::note(&view, |value, contents| {
            contents.extend(value.downcast_object_ref::<Self>().and_then(Self::take));
        });
        view
    }

    /// The dict, while the render lasts.
    pub(crate) fn dict(&self) -> Option<Val> {
        let dict = self.dict.lock().unwrap_or_else(PoisonError::into_inner);
        dict.clone()
    }

    fn take(&self) -> Option<Val> {
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
