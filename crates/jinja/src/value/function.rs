//! What the names of global functions stand for.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr};
use minijinja::{Error, State};

use super::Val;

/// A global function: its positional and its keyword arguments, to what it returns.
pub(crate) type Call = fn(&mut State<'_, '_>, &[Val], Kwargs) -> Result<Val, Error>;

/// A global function or class.
#[derive(Debug)]
pub(crate) struct Global {
    /// The name it is called by.
    pub(crate) name: &'static str,
    /// How Python prints it.
    pub(crate) shown: &'static str,
    /// What it does.
    pub(crate) call: Call,
}

/// What `self` is where no block of it is called.
#[derive(Debug)]
pub(crate) struct TemplateReference;

impl Object for TemplateReference {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<TemplateReference None>")
    }
}
