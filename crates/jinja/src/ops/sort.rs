//! Sorting as Python sorts: stable, by keys, only with `<`, and with an error
//! where values have no order.

use minijinja::{Error, State};

use super::charge::charge_items;
use super::compare::less;
use super::getter::Getter;
use crate::value::{List, Val, text};

/// What is compared of each item.
pub(crate) struct SortKey {
    /// The attributes; none is the item itself. Several are for keys that are lists.
    pub(crate) getters: Vec<Getter>,
    /// Strings are compared in lower case.
    pub(crate) ignore_case: bool,
    /// The key is a list, whose items need no order where they are equal.
    pub(crate) is_list: bool,
}

impl SortKey {
    /// The item itself, as `list.sort` compares.
    pub(crate) fn whole() -> Self {
        Self { getters: Vec::new(), ignore_case: false, is_list: false }
    }

    /// The key of `item`.
    pub(crate) fn of(&self, state: &State<'_, '_>, item: &Val) -> Result<Val, Error> {
        if !self.is_list {
            return self.part(state, item, self.getters.first());
        }
        let parts: Result<Vec<Val>, Error> = match self.getters.as_slice() {
            [] => self.part(state, item, None).map(|part| vec![part]),
            several => several.iter().map(|getter| self.part(state, item, Some(getter))).collect(),
        };
        parts.map(List::value)
    }

    fn part(&self, state: &State<'_, '_>, item: &Val, getter: Option<&Getter>) -> Result<Val, Error> {
        let value = getter.map_or_else(|| Ok(item.clone()), |getter| getter.get(state, item))?;
        Ok(self.folded(value))
    }

    /// Adds to an error about keys that have no order which attribute is undefined.
    pub(crate) fn blame(&self, err: Error) -> Error {
        match self.getters.as_slice() {
            [getter] => getter.blame_last(err),
            _ => err,
        }
    }

    fn folded(&self, value: Val) -> Val {
        match value.as_str() {
            Some(string) if self.ignore_case => text(string.to_lowercase()),
            _ => value,
        }
    }
}

/// Sorts `items`; those that are equal stay in their order, also when reversed.
pub(crate) fn sort_values(
    state: &State<'_, '_>,
    items: &mut Vec<Val>,
    key: &SortKey,
    reverse: bool,
) -> Result<(), Error> {
    charge_items(state, 2 * items.len())?;
    let mut keyed = Vec::with_capacity(items.len());
    for item in items.iter() {
        keyed.push((key.of(state, item)?, item.clone()));
    }
    if reverse {
        keyed.reverse();
    }
    let mut sorted = merge_sort(state, keyed).map_err(|err| key.blame(err))?;
    if reverse {
        sorted.reverse();
    }
    *items = sorted.into_iter().map(|(_, item)| item).collect();
    Ok(())
}

/// Keys and the items they stand for.
type Keyed = Vec<(Val, Val)>;
/// Keys and items that are in order already.
type Run<'r> = &'r [(Val, Val)];

/// Bottom-up merges: the standard library's sort may panic where keys have no
/// total order, as `nan` has none.
fn merge_sort(state: &State<'_, '_>, mut items: Keyed) -> Result<Keyed, Error> {
    let mut width = 1;
    while width < items.len() {
        let mut merged = Vec::with_capacity(items.len());
        for pair in items.chunks(2 * width) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            merge(state, (left, right), &mut merged)?;
        }
        items = merged;
        width *= 2;
    }
    Ok(items)
}

fn merge(state: &State<'_, '_>, (left, right): (Run<'_>, Run<'_>), into: &mut Keyed) -> Result<(), Error> {
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        state.consume_fuel(1)?;
        if less(state, "<", &right[r].0, &left[l].0)? {
            into.push(right[r].clone());
            r += 1;
        } else {
            into.push(left[l].clone());
            l += 1;
        }
    }
    into.extend_from_slice(&left[l..]);
    into.extend_from_slice(&right[r..]);
    Ok(())
}
