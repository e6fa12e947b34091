//! What is wrong with a configuration: every fault at once, each with its key and the way out.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use super::setting;

/// Where a value came from; the later wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nobody gave one.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// The environment.
    Environment,
    /// The command line.
    Flag,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The key of the setting, or what stands for it in the file; in the environment also a variable that is none.
    pub key: String,
    /// Where its value came from.
    pub source: Source,
    /// What is wrong and what to do.
    pub message: String,
}

/// Every fault of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigError(pub Vec<ConfigFault>);

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, setting::find(&self.key)) {
            (Source::File(path), _) => write!(f, "{} in {}: ", self.key, path.display())?,
            (Source::Environment, Some(setting)) => write!(f, "{}: ", setting.environment)?,
            (Source::Environment, None) => write!(f, "{}: ", self.key)?,
            _ => write!(f, "--{}: ", self.key)?,
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("1 configuration error")?,
            count => write!(f, "{count} configuration errors")?,
        }
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}
