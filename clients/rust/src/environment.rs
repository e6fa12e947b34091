//! Settings of a client that come from its environment; the variables are the same in every language.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::connection::{BuildError, Builder};

const ADDRESS: &str = "TENTERHOOK_ADDRESS";
const API_KEY: &str = "TENTERHOOK_API_KEY";
const API_KEY_FILE: &str = "TENTERHOOK_API_KEY_FILE";
const NAMESPACE: &str = "TENTERHOOK_NAMESPACE";
const CA: &str = "TENTERHOOK_CA";
const CLIENT_CERT: &str = "TENTERHOOK_CLIENT_CERT";
const CLIENT_KEY: &str = "TENTERHOOK_CLIENT_KEY";

/// An API key that is read from a file, for [`Builder::api_key_from`]: again for each call, so that a new
/// key needs no restart. While the file cannot be read, the last key is used.
///
/// # Errors
/// When the file cannot be read now, or is empty (`InvalidData`).
pub fn api_key_file(path: impl Into<PathBuf>) -> io::Result<impl Fn() -> String + Send + Sync> {
    let path = path.into();
    let read = |path: &Path| std::fs::read_to_string(path).map(|text| text.trim().to_owned());
    let first = read(&path)?;
    if first.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is empty"));
    }
    let last = Mutex::new(first);
    Ok(move || {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = read(&path).ok().filter(|key| !key.is_empty()) {
            *last = key;
        }
        last.clone()
    })
}

/// Reads variables; one that is empty counts as unset.
struct Environment<F> {
    lookup: F,
    faults: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Environment<F> {
    fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// What `read` makes of the file that a variable names; `None` when it is unset or at fault.
    fn file<T>(&mut self, name: &str, read: impl FnOnce(PathBuf) -> io::Result<T>) -> Option<T> {
        let path = self.get(name)?;
        match read(PathBuf::from(&path)) {
            Ok(made) => Some(made),
            Err(error) => {
                // Without the ` (os error 2)` that Rust adds.
                let why = error.to_string();
                let why = why.split(" (os error").next().unwrap_or(&why);
                self.faults.push(format!("{name}: cannot read {path}: {why}"));
                None
            }
        }
    }
}

impl Builder {
    /// A client with the settings of the environment, which the other methods of the builder change:
    /// `TENTERHOOK_ADDRESS`, `TENTERHOOK_API_KEY` or `TENTERHOOK_API_KEY_FILE`, `TENTERHOOK_NAMESPACE`, and the
    /// files of `TENTERHOOK_CA`, `TENTERHOOK_CLIENT_CERT` and `TENTERHOOK_CLIENT_KEY`.
    ///
    /// # Errors
    /// [`BuildError::Environment`], which names every variable at fault.
    pub fn from_env() -> Result<Self, BuildError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// As [`Builder::from_env`], but with variables from elsewhere.
    ///
    /// # Errors
    /// [`BuildError::Environment`], which names every variable at fault.
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, BuildError> {
        let mut variables = Environment { lookup, faults: Vec::new() };
        let target = variables.get(ADDRESS).unwrap_or_default();
        if target.is_empty() {
            variables.faults.push(format!("{ADDRESS} is not set: give it host:port"));
        }
        let mut builder = Self::new(&target);
        match (variables.get(API_KEY), variables.get(API_KEY_FILE)) {
            (Some(_), Some(_)) => {
                variables.faults.push(format!("{API_KEY} and {API_KEY_FILE} are both set: unset one"));
            }
            (Some(key), None) => builder = builder.api_key(key),
            (None, _) => {
                if let Some(key) = variables.file(API_KEY_FILE, api_key_file) {
                    builder = builder.api_key_from(key);
                }
            }
        }
        if let Some(namespace) = variables.get(NAMESPACE) {
            builder = builder.namespace(namespace);
        }
        if let Some(pem) = variables.file(CA, std::fs::read) {
            builder = builder.ca(pem);
        }
        let certificate = variables.file(CLIENT_CERT, std::fs::read);
        let key = variables.file(CLIENT_KEY, std::fs::read);
        if let Some((certificate, key)) = certificate.zip(key) {
            builder = builder.identity(certificate, key);
        }
        if variables.get(CLIENT_CERT).is_some() != variables.get(CLIENT_KEY).is_some() {
            variables.faults.push(format!("{CLIENT_CERT} and {CLIENT_KEY} belong together: set both"));
        }
        if variables.faults.is_empty() { Ok(builder) } else { Err(BuildError::Environment(variables.faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_that_is_empty_or_missing_is_refused() {
        let path = std::env::temp_dir().join(format!("tenterhook-key-{}", uuid::Uuid::new_v4()));
        assert!(api_key_file(&path).is_err());
        std::fs::write(&path, " \n").unwrap();
        assert!(api_key_file(&path).is_err());
        std::fs::write(&path, "th_one\n").unwrap();
        let key = api_key_file(&path).unwrap();
        std::fs::write(&path, "th_two\n").unwrap();
        assert_eq!(key(), "th_two");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(key(), "th_two", "the last one is kept");
    }
}
