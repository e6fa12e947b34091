//! A request that NetBox sent, as `tenterhook listen --save` keeps it, and one that would be sent here.

use std::path::Path;

use serde_json::{Map, Value, json};
use tenterhook_client::v1::HttpRequest;
use tenterhook_model::sensitive::is_sensitive_header;
use tenterhook_model::system;
use tenterhook_model::webhook::SignatureScheme;

use crate::difference::{self, Difference};
use crate::failure::Failure;

/// What stands for a secret in a preview.
const MASK: &[u8] = b"***";
/// The ending of files with requests.
const ENDING: &str = "http";
/// Headers of one connection or of one client, and those that only Tenterhook adds.
const NOT_COMPARED: [&str; 8] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "traceparent",
    "transfer-encoding",
    "user-agent",
];
/// What the names of Tenterhook's other headers begin with.
const OWN_PREFIX: &str = "x-tenterhook-";
/// NetBox's signature: a preview signs with a sample key, so only whether it is there can be compared.
const SIGNATURE: &str = "x-hook-signature";

/// A request, without what differs from connection to connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    /// The file, or the event.
    pub(super) name: String,
    method: String,
    /// Path and query.
    path: String,
    /// Names in lower case, sorted.
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Recorded {
    fn new(name: &str, method: &str, path: &str, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        // The signatures of other schemes too only Tenterhook adds.
        let is_signature = |name: &str| name != SIGNATURE && SignatureScheme::sets(name);
        let is_compared =
            |name: &str| !NOT_COMPARED.contains(&name) && !name.starts_with(OWN_PREFIX) && !is_signature(name);
        let lower = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        let mut headers: Vec<_> = lower.filter(|(name, _)| is_compared(name)).collect();
        for (name, value) in &mut headers {
            if name == SIGNATURE {
                "present".clone_into(value);
            }
        }
        headers.sort();
        Self { name: name.to_owned(), method: method.to_owned(), path: path.to_owned(), headers, body: body.to_vec() }
    }

    /// The requests in the files of a folder, in the order of their names.
    ///
    /// # Errors
    /// When one cannot be read, or there is none.
    pub(super) fn read_all(folder: &Path) -> Result<Vec<Self>, Failure> {
        let unreadable = |path: &Path, error: &std::io::Error| {
            Failure::usage(format!("cannot read {}: {}", path.display(), system::in_words(error)))
        };
        let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| unreadable(folder, &error))?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                paths.push(path);
            }
        }
        paths.sort();
        if paths.is_empty() {
            return Err(Failure::usage(format!("{} has no requests", folder.display()))
                .next("`tenterhook listen --save FOLDER` keeps those that NetBox sends to it"));
        }
        let read = |path: &std::path::PathBuf| {
            let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Self::parse(&name, &bytes).ok_or_else(|| {
                Failure::usage(format!("{} is not a request as `tenterhook listen --save` writes it", path.display()))
            })
        };
        paths.iter().map(read).collect()
    }

    /// Reads what `listen --save` writes: an HTTP/1.1 request whose body ends with the file.
    fn parse(name: &str, bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, path) = (first.next()?, first.next()?);
        let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        let headers = lines.map(header).collect::<Option<_>>()?;
        Some(Self::new(name, method, path, headers, &bytes[end + 4..]))
    }

    /// What a preview shows.
    pub(super) fn previewed(event_id: &str, request: &HttpRequest) -> Self {
        let after_scheme = request.url.find("://").map_or(0, |at| at + 3);
        let path = request.url[after_scheme..].find(['/', '?']).map_or("/", |at| &request.url[after_scheme + at..]);
        let headers = request.headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect();
        Self::new(event_id, &request.method, path, headers, &request.body)
    }

    /// Whether `preview` is this request, byte for byte where no secret is masked.
    pub(super) fn is(&self, preview: &Self) -> bool {
        self.body_is(preview)
            && self.method == preview.method
            && fits(preview.path.as_bytes(), self.path.as_bytes())
            && self.headers.len() == preview.headers.len()
            && self
                .headers
                .iter()
                .zip(&preview.headers)
                .all(|((name, value), (other, masked))| name == other && fits(masked.as_bytes(), value.as_bytes()))
    }

    /// Whether the bodies are the same.
    pub(super) fn body_is(&self, preview: &Self) -> bool {
        fits(&preview.body, &self.body)
    }

    /// What differs, field by field; values of headers that hold secrets are not shown.
    pub(super) fn differences(&self, preview: &Self) -> Vec<Difference> {
        let mut theirs = self.fields(preview);
        let ours = preview.fields(self);
        if self.body_is(preview) {
            theirs["body"] = ours["body"].clone();
        }
        if fits(preview.path.as_bytes(), self.path.as_bytes()) {
            theirs["path"] = ours["path"].clone();
        }
        let mut found = difference::between(&theirs, &ours);
        if !self.body_is(preview) && !found.iter().any(|one| one.field.starts_with("body")) {
            let (before, after) = (json!("the same JSON"), json!("written with other bytes"));
            found.push(Difference { field: "body".to_owned(), before, after });
        }
        found
    }

    /// As a value whose fields people know. A secret that fits the mask of `other` is masked too.
    fn fields(&self, other: &Self) -> Value {
        let fit = |name: &str, value: &str| {
            let masks = other.headers.iter().filter(|(known, _)| known == name);
            masks
                .map(|(_, masked)| masked)
                .find(|masked| masked.contains("***") && fits(masked.as_bytes(), value.as_bytes()))
        };
        let mut headers = Map::new();
        for (name, value) in &self.headers {
            let shown = match fit(name, value) {
                Some(masked) => masked.clone(),
                None if is_sensitive_header(name) && !value.contains("***") => "***".to_owned(),
                None => value.clone(),
            };
            headers.insert(name.clone(), json!(shown));
        }
        let text = String::from_utf8_lossy(&self.body);
        let body = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
        json!({ "method": self.method, "path": self.path, "headers": headers, "body": body })
    }
}

/// Whether `text` is `masked`, in which `***` stands for any secret.
fn fits(masked: &[u8], text: &[u8]) -> bool {
    let place = |part: &[u8], of: &[u8]| of.windows(part.len()).position(|window| window == part);
    let Some(first) = place(MASK, masked) else { return masked == text };
    let Some(mut text) = text.strip_prefix(&masked[..first]) else { return false };
    let mut masked = &masked[first + MASK.len()..];
    // Each part between two masks is looked for behind the one before it; what follows the last mask ends the text.
    while let Some(next) = place(MASK, masked) {
        let part = &masked[..next];
        let at = if part.is_empty() { Some(0) } else { place(part, text) };
        let Some(at) = at else { return false };
        (text, masked) = (&text[at + part.len()..], &masked[next + MASK.len()..]);
    }
    text.ends_with(masked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_client::v1::HttpHeader;

    const SENT: &[u8] = b"POST /hooks?a=1 HTTP/1.1\r\nHost: x\r\nX-Site: ams\r\nAuthorization: Token t0p\r\nX-Hook-Signature: abc\r\nUser-Agent: python-requests/2.31\r\n\r\n{\"a\": 1}";

    fn preview(headers: &[(&str, &str)], body: &str) -> Recorded {
        let headers = headers.iter().map(|(name, value)| HttpHeader { name: (*name).into(), value: (*value).into() });
        let request = HttpRequest {
            method: "POST".into(),
            url: "https://a.example.com/hooks?a=1".into(),
            headers: headers.collect(),
            body: body.to_owned().into(),
            ..Default::default()
        };
        Recorded::previewed("evt_1", &request)
    }

    const HEADERS: [(&str, &str); 5] = [
        ("X-Hook-Signature", "def (sample key)"),
        ("Authorization", "Token ***"),
        ("X-Site", "ams"),
        ("X-Tenterhook-Attempt", "1"),
        ("User-Agent", "Tenterhook"),
    ];

    #[test]
    fn a_request_is_compared_without_its_connection_and_with_secrets_masked() {
        let sent = Recorded::parse("0001.http", SENT).unwrap();
        assert!(sent.is(&preview(&HEADERS, "{\"a\": 1}")));
        assert!(!sent.is(&preview(&HEADERS[1..], "{\"a\": 1}")), "a signature that is not there is a difference");
        assert!(!sent.is(&preview(&HEADERS, "{\"a\":1}")));
        assert_eq!(Recorded::parse("x", b"POST / HTTP/1.1\r\nno header"), None);
    }

    #[test]
    fn differences_name_fields_and_show_no_secret() {
        let sent = Recorded::parse("0001.http", SENT).unwrap();
        let lines = |preview: &Recorded| -> Vec<String> {
            sent.differences(preview).iter().map(|one| one.line("nothing")).collect()
        };
        assert_eq!(lines(&preview(&HEADERS, "{\"a\": 2}")), ["body.a  1 -> 2"]);
        assert_eq!(lines(&preview(&HEADERS, "{\"a\":1}")), ["body  the same JSON -> written with other bytes"]);
        assert_eq!(
            lines(&preview(&HEADERS[2..], "{\"a\": 1}")),
            ["headers.authorization  *** -> nothing", "headers.x-hook-signature  present -> nothing"]
        );
        assert_eq!(lines(&preview(&HEADERS, "{\"a\": 1}")), Vec::<String>::new());
    }

    #[test]
    fn a_mask_stands_for_any_text() {
        for (masked, text, expected) in [
            ("a", "a", true),
            ("***", "", true),
            ("a***b***c", "a1b2c", true),
            ("a***b", "a1c", false),
            ("a***b***", "a1b", true),
            ("******a", "xa", true),
            ("a***a", "a", false),
            ("***", "x", true),
        ] {
            assert_eq!(fits(masked.as_bytes(), text.as_bytes()), expected, "{masked} {text}");
        }
    }
}
