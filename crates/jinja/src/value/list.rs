//! Python's `list` and `tuple`.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Arena, Val};

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
            Self::note_change(&list);
        }
        list
    }

    /// The items, to read.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Vec<Val>> {
        self.items.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The items, to change. Call [`Self::note_change`] after adding objects.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Vec<Val>> {
        self.items.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an object may have been put into `list`.
    pub(crate) fn note_change(list: &Val) {
        Arena::note(list, |value, contents| {
            if let Some(list) = value.downcast_object_ref::<Self>() {
                contents.append(&mut list.write());
            }
        });
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
            Arena::note(&tuple, |value, contents| {
                if let Some(tuple) = value.downcast_object_ref::<Self>() {
                    contents.append(&mut tuple.write());
                }
            });
        }
        tuple
    }

    /// The items.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Vec<Val>> {
        self.items.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Val>> {
        self.items.write().unwrap_or_else(PoisonError::into_inner)
    }
}
