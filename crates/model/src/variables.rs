//! The variables of the server's environment that templates may read.
//!
//! The command reads them once, at its start; the engine hands them to templates that use the
//! filter `env`, and to no others. Their values are secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Variables of the environment by name. Cloning is cheap; printing shows the names alone.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TemplateVariables(Arc<BTreeMap<String, String>>);

impl TemplateVariables {
    /// The value of a variable, unless it is not among these.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }
}

impl FromIterator<(String, String)> for TemplateVariables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(Arc::new(variables.into_iter().collect()))
    }
}

impl fmt::Debug for TemplateVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_shows_no_value() {
        let variables: TemplateVariables = [("HOOK_TOKEN".to_owned(), "hunter22".to_owned())].into_iter().collect();
        assert_eq!(format!("{variables:?}"), r#"{"HOOK_TOKEN"}"#);
        assert_eq!((variables.value("HOOK_TOKEN"), variables.value("HOME")), (Some("hunter22"), None));
    }
}
