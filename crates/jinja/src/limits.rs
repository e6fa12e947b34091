//! Limits of templates. All are checked before the work they bound is done.

use tenterhook_model::limits;

/// Bytes of a template's source at most.
pub(crate) const SOURCE_BYTES_MAX: usize = limits::TEMPLATE_BYTES;
/// Bytes of a rendered body at most.
pub(crate) const OUTPUT_BYTES_MAX: usize = limits::BODY_BYTES;
/// Work of one render: a unit is an instruction, 64 bytes of text or an item.
pub(crate) const FUEL: u64 = limits::TEMPLATE_STEPS;
/// Bytes of text that a unit of work pays for.
pub(crate) const BYTES_PER_FUEL: u64 = 64;
/// Containers inside each other at most, wherever a value is walked; an event nests at most
/// `tenterhook_model::limits::JSON_DEPTH` (128) deep.
pub(crate) const DEPTH_MAX: u32 = limits::TEMPLATE_VALUE_DEPTH;
/// Scopes inside each other at most; a call of a macro counts several.
pub(crate) const RECURSION_MAX: usize = limits::TEMPLATE_RECURSION;
/// Stack of a thread that compiles or renders what is not plain, bytes.
pub(crate) const STACK_BYTES: usize = 64 * 1024 * 1024;
