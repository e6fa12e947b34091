//! Jinja2's `namespace`, `cycler` and `joiner`, and methods that are not called
//! at once.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State};
use tenterhook_model::limits;

use super::{Arena, Val, text};
use crate::raise::error;

/// Members of one namespace at most.
const MEMBERS_MAX: usize = limits::TEMPLATE_NAMESPACE_MEMBERS;

/// `namespace(...)`: members that `{% set ns.x = … %}` changes across scopes.
#[derive(Debug, Default)]
pub(crate) struct Namespace {
    members: Mutex<Vec<(Arc<str>, Val)>>,
}

impl Namespace {
    /// A namespace value.
    pub(crate) fn value(members: Vec<(Arc<str>, Val)>) -> Val {
        let namespace = Val::from_object(Self { members: Mutex::new(members) });
        Arena::note(&namespace, |value, contents| {
            let namespace = value.downcast_object_ref::<Self>();
            contents.extend(namespace.into_iter().flat_map(Self::take));
        });
        namespace
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Arc<str>, Val)>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a member.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn set(&self, name: &str, value: Val) -> Result<(), Error> {
        let mut members = self.lock();
        let is_full = members.len() >= MEMBERS_MAX;
        match members.iter_mut().find(|(known, _)| &**known == name) {
            Some((_, slot)) => *slot = value,
            None if is_full => return Err(error("a namespace has too many members")),
            None => members.push((name.into(), value)),
        }
        debug_assert!(members.len() <= MEMBERS_MAX, "{} members of a namespace", members.len());
        Ok(())
    }

    /// The member `name`.
    pub(crate) fn member(&self, name: &str) -> Option<Val> {
        let members = self.lock();
        let found = members.iter().find(|(known, _)| &**known == name);
        found.map(|(_, value)| value.clone())
    }

    /// Copies of the members, in order.
    pub(crate) fn members(&self) -> Vec<(Arc<str>, Val)> {
        self.lock().clone()
    }

    fn take(&self) -> Vec<Val> {
        let members = std::mem::take(&mut *self.lock());
        members.into_iter().map(|(_, value)| value).collect()
    }
}

/// `cycler(...)`.
#[derive(Debug)]
pub(crate) struct Cycler {
    items: Mutex<Vec<Val>>,
    at: AtomicUsize,
}

impl Cycler {
    /// A cycler of at least one item.
    pub(crate) fn value(items: Vec<Val>) -> Val {
        let cycler = Val::from_object(Self { items: Mutex::new(items), at: AtomicUsize::new(0) });
        Arena::note(&cycler, |value, contents| {
            let cycler = value.downcast_object_ref::<Self>();
            contents.extend(cycler.into_iter().flat_map(Self::take));
        });
        cycler
    }

    fn current(&self) -> Val {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.at.load(Ordering::Relaxed);
        items.get(at).cloned().unwrap_or_default()
    }

    fn take(&self) -> Vec<Val> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *items)
    }

    fn advance(&self) {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.at.load(Ordering::Relaxed) + 1;
        self.at.store(at % items.len().max(1), Ordering::Relaxed);
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Val) -> Option<Val> {
        match key.as_str()? {
            "current" => Some(self.current()),
            "pos" => Some(Val::from(self.at.load(Ordering::Relaxed))),
            _ => None,
        }
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, _args: &[Val]) -> Result<Val, Error> {
        match method {
            "next" => {
                let current = self.current();
                self.advance();
                Ok(current)
            }
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Val::from(()))
            }
            _ => Err(Error::from(minijinja::ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cycler")
    }
}

/// `joiner(", ")`: nothing on the first call, the separator afterwards.
#[derive(Debug)]
pub(crate) struct Joiner {
    separator: Val,
    used: AtomicBool,
}

impl Joiner {
    /// A joiner value.
    pub(crate) fn value(separator: Val) -> Val {
        Val::from_object(Self { separator, used: AtomicBool::new(false) })
    }
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, _args: &[Val]) -> Result<Val, Error> {
        if self.used.swap(true, Ordering::Relaxed) { Ok(self.separator.clone()) } else { Ok(text("")) }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("joiner")
    }
}

/// `value.name` where `name` is a method: Python's attribute goes before a key.
#[derive(Debug)]
pub(crate) struct BoundMethod {
    receiver: Mutex<Option<Val>>,
    pub(crate) name: String,
}

impl BoundMethod {
    /// The method `name` of `receiver`.
    pub(crate) fn value(receiver: &Val, name: &str) -> Val {
        let method = Val::from_object(Self { receiver: Mutex::new(Some(receiver.clone())), name: name.to_owned() });
        Arena::note(&method, |value, contents| {
            let method = value.downcast_object_ref::<Self>();
            contents.extend(method.and_then(Self::take));
        });
        method
    }

    /// The value whose method it is, while the render lasts.
    pub(crate) fn receiver(&self) -> Option<Val> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take(&self) -> Option<Val> {
        let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.take()
    }
}
