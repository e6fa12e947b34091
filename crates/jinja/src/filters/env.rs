//! `env`: a variable of the server's environment, as NetBox has it since 4.6.2.
//!
//! The variables come with the context under a name that no template can write, and only to
//! templates that name the filter. NetBox gives `None` for a variable that is not there; here the
//! render fails, so that no receiver is sent `Bearer None`.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State};
use tenterhook_model::TemplateVariables;

use super::table::Table;
use crate::methods::Given;
use crate::ops::charge_bytes;
use crate::raise::{error, undefined};
use crate::value::{Val, View, text, type_name, view};

/// The filter's name.
pub(crate) const ENV: &str = "env";
/// What the errors about variables begin with. They show a name that can be one, and nothing that may be a secret,
/// so that they can be shown of secret templates too.
pub const ENVIRONMENT_ERROR: &str = "the environment variable ";
/// Bytes of a name in an error at most.
const NAME_BYTES_MAX: usize = 64;
/// The name of [`Hidden`] in a context. What begins like it is reserved.
pub(crate) const VARIABLES: &str = "__th_env";

pub(super) const TABLE: Table = &[(ENV, env)];

/// The variables in a context.
#[derive(Debug)]
pub(crate) struct Hidden(pub(crate) TemplateVariables);

impl Object for Hidden {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("environment")
    }
}

fn env(state: &mut State<'_, '_>, value: &Val, given: &Given<'_>) -> Result<Val, Error> {
    given.none()?;
    let name = match view(value) {
        View::Str(name) => name,
        View::Undefined => return Err(undefined("names no environment variable")),
        _ => return Err(error(format!("'env' needs the name of a variable, a str, not {}", type_name(value)))),
    };
    let shown = shown(name);
    let hidden = state.lookup(VARIABLES);
    let Some(Hidden(variables)) = hidden.as_ref().and_then(|hidden| hidden.downcast_object_ref()) else {
        return Err(error(format!("{ENVIRONMENT_ERROR}{shown}cannot be read here")));
    };
    match variables.value(name) {
        Some(found) => {
            charge_bytes(state, found.len())?;
            Ok(text(found))
        }
        None => Err(error(format!("{ENVIRONMENT_ERROR}{shown}is not set, or no pattern of --template-env allows it"))),
    }
}

/// The name with quotation marks and a blank behind it, if it looks like one: what a template looks up may be a value
/// of the event.
fn shown(name: &str) -> String {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if name.len() <= NAME_BYTES_MAX && name.chars().all(is_part) { format!("'{name}' ") } else { String::new() }
}
