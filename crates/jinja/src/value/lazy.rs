//! Python's `range`, and the generators that filters like `map` give.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::{Arena, Val};

/// `range(start, stop, step)`, at most 100,000 long (Jinja2's `MAX_RANGE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub start: i64,
    pub stop: i64,
    /// Never 0.
    pub step: i64,
}

impl Range {
    /// How many numbers it has.
    pub(crate) fn len(&self) -> u64 {
        let (start, stop, step) = (i128::from(self.start), i128::from(self.stop), i128::from(self.step));
        let span = if step > 0 { stop - start } else { start - stop };
        if span <= 0 {
            return 0;
        }
        let count = (span + step.abs() - 1) / step.abs();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// The number at `index`, which must be below the length.
    pub(crate) fn at(&self, index: u64) -> i64 {
        debug_assert!(index < self.len(), "item {index} of {self:?}");
        let wide = i128::from(self.start) + i128::from(index) * i128::from(self.step);
        i64::try_from(wide).expect("every item lies between start and stop")
    }

    /// The numbers.
    pub(crate) fn items(self) -> impl Iterator<Item = Val> {
        (0..self.len()).map(move |i| Val::from(self.at(i)))
    }
}

impl Object for Range {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Val) -> Option<Val> {
        let index = u64::try_from(key.as_usize()?).ok()?;
        (index < self.len()).then(|| Val::from(self.at(index)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(usize::try_from(self.len()).unwrap_or(usize::MAX))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("range")
    }
}

/// What `map`, `select` and their like give: it can be walked once, has no
/// length and cannot be written as JSON. The items are worked out beforehand.
#[derive(Debug)]
pub(crate) struct Generator {
    items: Mutex<Option<std::vec::IntoIter<Val>>>,
}

impl Generator {
    /// A generator of `items`.
    pub(crate) fn value(items: Vec<Val>) -> Val {
        let nested = items.iter().any(|item| item.as_object().is_some());
        let generator = Val::from_object(Self { items: Mutex::new(Some(items.into_iter())) });
        if nested {
            Arena::note(&generator, |value, contents| {
                let generator = value.downcast_object_ref::<Self>();
                contents.extend(generator.into_iter().flat_map(Self::take));
            });
        }
        generator
    }

    /// The items that were not walked yet; none afterwards.
    pub(crate) fn take(&self) -> Vec<Val> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.take().map_or_else(Vec::new, Iterator::collect)
    }

    /// The next item alone.
    pub(crate) fn next(&self) -> Option<Val> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.as_mut()?.next()
    }
}

impl Object for Generator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.take())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        None
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("generator")
    }
}
