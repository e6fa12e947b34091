//! What people type and files hold, read with errors that say what is right.

use std::path::Path;
use std::time::Duration;

use tenterhook_client::v1::{JsonDocument, json_document};
use tenterhook_model::system;

use crate::failure::Failure;
use crate::output::times;

/// Reads a duration such as `10m`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    times::span(text).ok_or_else(|| format!("`{text}` is not a duration such as 30s or 10m"))
}

/// Reads `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The text of a file; `-` is standard input.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let read = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).map(system::without_mark)
    } else {
        std::fs::read_to_string(path).map(system::without_mark)
    };
    read.map_err(|error| Failure::usage(format!("cannot read {}: {}", path.display(), system::text_in_words(&error))))
}

/// JSON as the API takes it; the text is kept byte for byte.
pub(crate) fn document(json: &str) -> JsonDocument {
    JsonDocument { value: Some(json_document::Value::Json(json.to_owned())) }
}

/// The JSON of a file; `-` is standard input.
///
/// # Errors
/// When it cannot be read or is not JSON.
pub(crate) fn data(path: &Path) -> Result<JsonDocument, Failure> {
    let text = read_text(path)?;
    check(&path.display().to_string(), &text)?;
    Ok(document(text.trim()))
}

/// Refuses what is not JSON, with its place.
pub(crate) fn check(name: &str, text: &str) -> Result<(), Failure> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(|_| ()).map_err(|error| {
        Failure::usage(format!("{name} is not JSON; see line {}, column {}", error.line(), error.column()))
    })
}
