//! The invariants of docs/ARCHITECTURE.md that can be read off manifests and sources.

mod limits;
mod lock;
mod manifests;
mod modules;
mod page;
mod paths;
mod sources;
mod strays;
pub(crate) mod tree;
pub(crate) mod words;
