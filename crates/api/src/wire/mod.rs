//! Between the messages of the wire and the nouns of the model, in both directions.
//!
//! Reading collects every fault in a [`crate::check::Check`]; writing cannot fail.

mod authentication;
pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod filter;
mod header_block;
pub(crate) mod json;
pub(crate) mod labels;
pub(crate) mod policies;
pub(crate) mod request;
pub(crate) mod signing;
pub(crate) mod spec;
pub(crate) mod time;
pub(crate) mod webhook;
