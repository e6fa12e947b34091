//! What work costs. One unit of fuel pays for one instruction, for 64 bytes of
//! text or for one item that is visited.

use minijinja::{Error, State, UndefinedBehavior};

use super::{error, limit};
use crate::template::value::Val;

/// Bytes that one unit of fuel pays for.
const BYTES_PER_FUEL: u64 = 64;
/// List slots that one unit pays for.
const ITEMS_PER_FUEL: u64 = 2;

/// Pays for `bytes` of text, before they are made.
pub(crate) fn charge_bytes(state: &State<'_, '_>, bytes: usize) -> Result<(), Error> {
    pay(state, bytes as u64 / BYTES_PER_FUEL)
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

    /// Counts one node.
    pub(crate) fn tick(&mut self) -> Result<(), Error> {
        self.pending += 1;
        if self.pending < Self::GROUP {
            return Ok(());
        }
        self.pending = 0;
        self.state.consume_fuel(Self::GROUP)
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
        return Err(error("a value is undefined"));
    }
    Ok(())
}
