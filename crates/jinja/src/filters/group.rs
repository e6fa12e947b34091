//! `groupby`.

use minijinja::{Error, State};

use super::table::Table;
use crate::methods::Given;
use crate::ops::{Getter, SortKey, equal, iterate, sort_values};
use crate::value::{List, Tuple, Val};

pub(super) const TABLE: Table = &[("groupby", group_by)];

fn group_by(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    let [attribute, default, case_sensitive] = given.bind(["attribute", "default", "case_sensitive"], 1)?;
    let attribute = attribute.unwrap_or_default();
    let ignore_case = !case_sensitive.is_some_and(|flag| flag.is_true());
    let key = SortKey { getters: vec![Getter::new(&attribute, default.clone())?], ignore_case, is_list: false };
    let mut items = iterate(state, value)?;
    sort_values(state, &mut items, &key, false)?;
    let mut groups: Vec<(Val, Vec<Val>)> = Vec::new();
    for item in items {
        state.consume_fuel(1)?;
        let rank = key.of(state, &item)?;
        match groups.last_mut() {
            Some((known, members)) if equal(state, known, &rank)? => members.push(item),
            _ => groups.push((rank, vec![item])),
        }
    }
    let shown = Getter::new(&attribute, default)?;
    let mut rows = Vec::with_capacity(groups.len());
    for (rank, members) in groups {
        // the group is named as its first member spells it
        let name = if ignore_case { shown.get(state, &members[0])? } else { rank };
        rows.push(Tuple::value(vec![name, List::value(members)]));
    }
    Ok(List::value(rows))
}
