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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_cut_at_the_first_sign() {
        for (text, name, value) in
            [("a=b", "a", "b"), ("a=b=c", "a", "b=c"), ("a=", "a", ""), ("=b", "", "b"), ("é=ü", "é", "ü")]
        {
            assert_eq!(pair(text), Ok((name.to_owned(), value.to_owned())), "{text}");
        }
        assert_eq!(pair("ab"), Err("`ab` is not NAME=VALUE".to_owned()));
        assert_eq!(pair(""), Err("`` is not NAME=VALUE".to_owned()));
    }

    #[test]
    fn durations_are_refused_with_an_example() {
        assert_eq!(span("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(span("10"), Err("`10` is not a duration such as 30s or 10m".to_owned()));
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for text in ["1", " {} ", "[null]", "\"é\"", "1e400"] {
            assert!(check("x", text).is_ok(), "{text}");
        }
        for (text, place) in [
            ("", "line 1, column 0"),
            ("{\n \"a\": }", "line 2, column 7"),
            ("{} {}", "line 1, column 4"),
            ("[1,]", "line 1, column 4"),
            ("nul", "line 1, column 3"),
        ] {
            let error = check("data.json", text).unwrap_err();
            assert_eq!((error.to_string(), error.code), (format!("data.json is not JSON; see {place}"), 2), "{text:?}");
        }
    }

    #[test]
    fn a_file_is_read_without_its_mark_and_its_json_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        std::fs::write(&path, "\u{feff}{\"b\": 1.10,  \"a\": 123456789012345678901234567890}\n").unwrap();
        let json = "{\"b\": 1.10,  \"a\": 123456789012345678901234567890}";
        assert_eq!(read_text(&path).unwrap(), format!("{json}\n"));
        assert_eq!(data(&path).unwrap(), document(json));
        std::fs::write(&path, "{").unwrap();
        assert!(data(&path).unwrap_err().to_string().contains("data.json is not JSON; see line 1, column 1"));
        std::fs::write(&path, b"\xff").unwrap();
        let error = read_text(&path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot read {}: ", path.display())), "{error}");
        let missing = folder.path().join("none.json");
        let error = read_text(&missing).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("cannot read {}: ", missing.display())) && error.code == 2,
            "{error}"
        );
    }
}
