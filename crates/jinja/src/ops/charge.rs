//! What work costs. One unit of fuel pays for one instruction, for 64 bytes of
//! text or for one item that is visited.

use minijinja::{Error, State, UndefinedBehavior};

use crate::limits::BYTES_PER_FUEL;
use crate::raise::{limit, undefined};
use crate::value::{Val, weight};

/// List slots that one unit pays for.
const ITEMS_PER_FUEL: u64 = 2;
/// List slots that are only moved that one unit pays for.
const MOVES_PER_FUEL: u64 = 32;
/// Products of two words that one unit pays for.
const PRODUCTS_PER_FUEL: u64 = 256;

/// Pays for `bytes` of text, before they are made.
pub(crate) fn charge_bytes(state: &State<'_, '_>, bytes: usize) -> Result<(), Error> {
    pay(state, bytes as u64 / BYTES_PER_FUEL)
}

/// Pays for `items` that are only moved in memory.
pub(crate) fn charge_moves(state: &State<'_, '_>, items: usize) -> Result<(), Error> {
    pay(state, items as u64 / MOVES_PER_FUEL)
}

/// Pays for looking at all of a value.
pub(crate) fn charge_value(state: &State<'_, '_>, value: &Val) -> Result<(), Error> {
    pay(state, weight(value))
}

/// Pays for an operator on two whole numbers of so many bits, before it is worked out: `*`, `/`
/// and `**` multiply each word of one with each of the other.
pub(super) fn charge_digits(state: &State<'_, '_>, op: &str, bits: [u64; 2]) -> Result<(), Error> {
    let words = bits.map(|bits| bits / 64);
    let products = if matches!(op, "+" | "-") { 0 } else { words[0].saturating_mul(words[1]) };
    pay(state, (words[0] + words[1]) * 8 / BYTES_PER_FUEL + products / PRODUCTS_PER_FUEL)
}

/// Pays for `items` that are copied or visited.
pub(crate) fn charge_items(state: &State<'_, '_>, items: usize) -> Result<(), Error> {
    pay(state, items as u64 / ITEMS_PER_FUEL)
}

fn pay(state: &State<'_, '_>, fuel: u64) -> Result<(), Error> {
    if fuel == 0 {
        return Ok(());
    }
    // a huge claim must not pass because the meter saturates
    if let Some((_, left)) = state.fuel_levels()
        && fuel >= left
    {
        return Err(limit("the template does too much work"));
    }
    state.consume_fuel(fuel)
}

/// Counts the nodes of a walk and pays for them in groups.
pub(crate) struct Meter<'s, 't, 'e> {
    state: &'s State<'t, 'e>,
    pending: u64,
}

impl<'s, 't, 'e> Meter<'s, 't, 'e> {
    /// Nodes that are paid for together.
    const GROUP: u64 = 32;

    /// A meter that draws on the fuel of `state`.
    pub(crate) fn new(state: &'s State<'t, 'e>) -> Self {
        Self { state, pending: 0 }
    }

    /// Counts so many nodes.
    pub(crate) fn spend(&mut self, nodes: u64) -> Result<(), Error> {
        self.pending += nodes;
        if self.pending < Self::GROUP {
            return Ok(());
        }
        pay(self.state, std::mem::take(&mut self.pending))
    }
}

impl Drop for Meter<'_, '_, '_> {
    fn drop(&mut self) {
        // when this runs out, the next charge fails
        let _ = self.state.consume_fuel(self.pending);
    }
}

/// Whether undefined values are errors wherever they are used.
pub(crate) fn is_strict(state: &State<'_, '_>) -> bool {
    state.undefined_behavior() == UndefinedBehavior::Strict
}

/// Fails in strict mode when `value` is undefined.
pub(crate) fn needs_defined(state: &State<'_, '_>, value: &Val) -> Result<(), Error> {
    if value.is_undefined() && is_strict(state) {
        return Err(undefined(""));
    }
    Ok(())
}
