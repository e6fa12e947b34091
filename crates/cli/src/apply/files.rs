//! Files of webhooks: YAML or JSON, one webhook a document, with secrets by reference.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tenterhook_client::v1::Webhook;
use tenterhook_model::{Secret, system};

use crate::document;
use crate::failure::Failure;
use crate::input::read_text;
use crate::locate::Lines;

/// Endings of files that a folder is searched for.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// Fields that may be references, apart from headers.
const SECRET_FIELDS: [&str; 6] = [
    "transport.ca_certificates_pem",
    "transport.client_certificate_pem",
    "transport.client_private_key_pem",
    "authentication.basic.password",
    "authentication.oauth2.client_secret",
    "authentication.oauth2.private_key_pem",
];

/// A webhook as a file has it.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) place: Place,
    pub(super) webhook: Webhook,
    /// What a new webhook signs with; empty lets the server make one.
    pub(super) signing_secret: Secret,
}

/// A document of a file; it is shown as `hooks.yaml#2`.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    file: String,
    number: usize,
    lines: Lines,
}

impl Place {
    /// Where a field of it is, as editors and compilers write it: `hooks.yaml:14: request.url`.
    pub(super) fn of(&self, path: &str) -> String {
        match self.lines.line(path) {
            Some(line) => format!("{}:{line}: {path}", self.file),
            None => format!("{self}: {path}"),
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.file, self.number)
    }
}

/// Every webhook of the files, folders (not those below them) or standard input.
///
/// # Errors
/// Everything that is wrong with any of them.
pub(super) fn read(paths: &[PathBuf], namespace: &str) -> Result<Vec<Wanted>, Failure> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        for file in files(path)? {
            let name = file.display().to_string();
            let text = read_text(&file)?;
            let documents = document::documents(&name, &text).unwrap_or_else(|problem| {
                problems.push(problem);
                Vec::new()
            });
            let mut lines = Lines::of(&text).into_iter();
            for (index, mut value) in documents.into_iter().enumerate() {
                let lines = lines.next().unwrap_or_default();
                let place = Place { file: name.clone(), number: index + 1, lines };
                let folder = file.parent().unwrap_or(Path::new("."));
                let mut references = References { folder, problems: Vec::new() };
                let signing_secret = references.resolve(&mut value);
                problems.extend(references.problems.into_iter().map(|(path, what)| (place.of(&path), what)));
                match document::message::<Webhook>("Webhook", &value) {
                    Ok(mut webhook) => {
                        if webhook.namespace.is_empty() {
                            namespace.clone_into(&mut webhook.namespace);
                        }
                        wanted.push(Wanted { place, webhook, signing_secret });
                    }
                    Err(found) => problems.extend(found.into_iter().map(|(path, what)| (place.of(&path), what))),
                }
            }
        }
    }
    for (index, one) in wanted.iter().enumerate() {
        let same = |other: &&Wanted| key(&other.webhook) == key(&one.webhook);
        if let Some(first) = wanted[..index].iter().find(same) {
            problems.push((one.place.of("display_name"), format!("is that of {} too", first.place)));
        }
    }
    if problems.is_empty() { Ok(wanted) } else { Err(Failure::usage("the files have errors").fields(problems)) }
}

/// The only webhook of a file, and what it signs with.
///
/// # Errors
/// Everything that is wrong with it, or that there is not one.
pub(crate) fn only(file: &Path) -> Result<(Webhook, Secret), Failure> {
    let mut wanted = read(&[file.to_owned()], "")?;
    match (wanted.pop(), wanted.len()) {
        (Some(one), 0) => Ok((one.webhook, one.signing_secret)),
        (None, _) => Err(Failure::usage(format!("{} has no webhook", file.display()))),
        (_, others) => Err(Failure::usage(format!("{} has {} webhooks", file.display(), others + 1))
            .next("`tenterhook apply -f` takes several")),
    }
}

/// What says which webhook is meant.
pub(super) fn key(webhook: &Webhook) -> (&str, &str) {
    let namespace = if webhook.namespace.is_empty() { "default" } else { &webhook.namespace };
    (namespace, &webhook.display_name)
}

/// The file, or those of the folder by name.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if path == Path::new("-") || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let broken = |error: std::io::Error| {
        Failure::usage(format!("cannot read {}: {}", path.display(), system::text_in_words(&error)))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(broken)? {
        let file = entry.map_err(broken)?.path();
        if file.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending)) {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Failure::usage(format!("{} has no file that ends in .yaml, .yml or .json", path.display())));
    }
    files.sort();
    Ok(files)
}

/// Puts the values of `{env: NAME}` and `{file: PATH}` where secrets may be.
struct References<'a> {
    /// Paths are relative to it.
    folder: &'a Path,
    problems: document::Problems,
}

impl References<'_> {
    /// Resolves all; returns the signing secret, which is no field of a webhook.
    fn resolve(&mut self, value: &mut Value) -> Secret {
        let secret = value.as_object_mut().and_then(|members| members.shift_remove("signing_secret"));
        let secret = match secret {
            Some(mut secret) => {
                self.one(&mut secret, "signing_secret");
                if !secret.is_string() {
                    self.problem("signing_secret", "must be {env: NAME} or {file: PATH}");
                }
                Secret::new(secret.as_str().unwrap_or_default().to_owned())
            }
            None => Secret::new(String::new()),
        };
        let headers = value.pointer_mut("/request/headers").and_then(Value::as_array_mut);
        for (index, header) in headers.into_iter().flatten().enumerate() {
            let is_reference = header
                .get_mut("value")
                .is_some_and(|value| self.one(value, &format!("request.headers[{index}].value")));
            if let (true, Some(members)) = (is_reference, header.as_object_mut()) {
                members.insert("sensitive".to_owned(), Value::Bool(true));
            }
        }
        for field in SECRET_FIELDS {
            if let Some(secret) = value.pointer_mut(&format!("/{}", field.replace('.', "/"))) {
                self.one(secret, field);
            }
        }
        secret
    }

    /// Resolves one value; whether it was a reference.
    fn one(&mut self, value: &mut Value, place: &str) -> bool {
        let Some(members) = value.as_object().filter(|members| members.len() == 1) else { return false };
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let read = match (text("env"), text("file")) {
            (Some(name), _) => {
                std::env::var_os(&name).and_then(|value| value.into_string().ok()).ok_or(format!("${name} is not set"))
            }
            (_, Some(path)) => std::fs::read_to_string(self.folder.join(&path))
                .map(system::without_mark)
                .map_err(|error| format!("cannot read {path}: {}", system::text_in_words(&error))),
            _ => return false,
        };
        match read {
            Ok(secret) => *value = Value::String(secret.trim_end_matches(['\r', '\n']).to_owned()),
            Err(why) => {
                self.problem(place, &why);
                *value = Value::String(String::new());
            }
        }
        true
    }

    fn problem(&mut self, place: &str, what: &str) {
        self.problems.push((place.to_owned(), what.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with files, by name and text.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    /// The message of a refusal, without the path of the folder.
    fn refused(folder: &tempfile::TempDir, paths: &[&str]) -> String {
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.path().join(path)).collect();
        let failure = read(&paths, "").unwrap_err();
        assert_eq!(failure.code, crate::failure::USAGE);
        failure.to_string().replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn a_folder_is_searched_for_files_by_name_and_not_below() {
        let folder = folder(&[
            ("b.yaml", "display_name: b\n"),
            ("a.yml", "display_name: a1\n---\ndisplay_name: a2\n"),
            ("c.json", r#"[{"display_name": "c1"}, {"display_name": "c2"}]"#),
            ("notes.txt", "display_name: no\n"),
            ("below/d.yaml", "display_name: no\n"),
        ]);
        let found = read(&[folder.path().to_owned()], "acme").unwrap();
        let names: Vec<&str> = found.iter().map(|one| one.webhook.display_name.as_str()).collect();
        assert_eq!(names, ["a1", "a2", "b", "c1", "c2"]);
        assert!(found.iter().all(|one| one.webhook.namespace == "acme"));
        assert!(found[1].place.to_string().ends_with("a.yml#2"), "{}", found[1].place);
        let none = folder.path().join("below/none");
        std::fs::create_dir(&none).unwrap();
        let failure = read(&[none], "").unwrap_err().to_string();
        assert!(failure.ends_with("none has no file that ends in .yaml, .yml or .json"), "{failure}");
    }

    #[test]
    fn every_error_of_every_file_is_found_with_its_line() {
        let folder = folder(&[
            ("a.yaml", "display_name: a\nrequest:\n  url: 5\n"),
            ("b.yaml", "nme: b\n"),
            ("c.yaml", "a: [\n"),
            (
                "d.yaml",
                "display_name: d\nsigning_secret: plain\nrequest:\n  headers:\n    - name: X\n      value: {file: gone}\n",
            ),
        ]);
        let text = refused(&folder, &["a.yaml", "b.yaml", "c.yaml", "d.yaml"]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "the files have errors");
        assert_eq!(lines[1], "  a.yaml:3: request.url: must be text; put it in quotes");
        assert_eq!(lines[2], "  b.yaml:1: nme: is not a field");
        assert!(lines[3].starts_with("  c.yaml:"), "{text}");
        assert!(lines[4].starts_with("  d.yaml:6: request.headers[0].value: cannot read gone: "), "{text}");
        assert_eq!(lines.len(), 5, "a secret in the file itself is none of them: {text}");
    }

    #[test]
    fn secrets_are_put_in_from_files_beside_and_headers_of_them_are_sensitive() {
        let webhook = "display_name: a\nsigning_secret: {file: secrets/key}\nrequest:\n  headers:\n    - {name: X-A, value: {file: secrets/token}}\n    \
                       - {name: X-B, value: open}\ntransport:\n  client_private_key_pem: {file: secrets/pem}\n";
        let folder = folder(&[
            ("a.yaml", webhook),
            ("secrets/key", "\u{feff}whsec_1\r\n"),
            ("secrets/token", "Token  \n\n"),
            ("secrets/pem", "-----BEGIN-----\nx\n-----END-----\n"),
        ]);
        let found = read(&[folder.path().join("a.yaml")], "").unwrap().remove(0);
        assert_eq!(found.signing_secret.expose(), "whsec_1", "without its mark and its line break");
        let headers = &found.webhook.request.as_ref().unwrap().headers;
        let shown: Vec<_> = headers.iter().map(|one| (&*one.name, &*one.value, one.sensitive)).collect();
        assert_eq!(shown, [("X-A", "Token  ", true), ("X-B", "open", false)], "blanks are part of a secret");
        let pem = &found.webhook.transport.as_ref().unwrap().client_private_key_pem;
        assert_eq!(pem, "-----BEGIN-----\nx\n-----END-----");
    }

    #[test]
    fn a_reference_has_one_member_and_stands_where_secrets_may_be() {
        let of = |text: &str| refused(&folder(&[("a.yaml", text)]), &["a.yaml"]);
        let wrong = of("display_name: a\nrequest: {headers: [{name: X, value: {file: a, env: b}}]}\n");
        assert!(wrong.contains("request.headers[0].value: must be text"), "{wrong}");
        let elsewhere = of("display_name: {env: HOME}\n");
        assert!(elsewhere.contains("display_name: must be text"), "{elsewhere}");
        let number = of("display_name: a\nsigning_secret: 5\n");
        assert!(
            number.contains("a.yaml:1: signing_secret: must be {env: NAME} or {file: PATH}")
                || number.contains("signing_secret: must be {env: NAME} or {file: PATH}"),
            "{number}"
        );
        let unset = of("display_name: a\nsigning_secret: {env: TENTERHOOK_TEST_THAT_NOBODY_SETS}\n");
        assert!(unset.contains("signing_secret: $TENTERHOOK_TEST_THAT_NOBODY_SETS is not set"), "{unset}");
    }

    #[test]
    fn one_name_of_a_namespace_is_in_one_place() {
        let folder = folder(&[
            ("a.yaml", "display_name: a\n---\ndisplay_name: b\nnamespace: other\n"),
            ("b.yaml", "display_name: b\n---\n\ndisplay_name: a\nnamespace: default\n"),
        ]);
        let text = refused(&folder, &["a.yaml", "b.yaml"]);
        assert_eq!(
            text.lines().skip(1).collect::<Vec<_>>(),
            ["  b.yaml:4: display_name: is that of a.yaml#1 too"],
            "{text}"
        );
    }

    #[test]
    fn only_one_webhook_is_in_a_file_that_creates_one() {
        let folder = folder(&[
            ("one.yaml", "display_name: a\nsigning_secret: {file: one.yaml}\n"),
            ("none.yaml", "---\n---\n"),
            ("two.yaml", "display_name: a\n---\ndisplay_name: b\n"),
            ("three.json", r#"[{"display_name": "a"}, {"display_name": "b"}, {"display_name": "c"}]"#),
        ]);
        let of = |name: &str| only(&folder.path().join(name)).map_err(|failure| failure.to_string());
        let (webhook, secret) = of("one.yaml").unwrap();
        assert_eq!(webhook.display_name, "a");
        assert!(secret.expose().starts_with("display_name"));
        assert!(of("none.yaml").unwrap_err().ends_with("none.yaml has no webhook"));
        assert!(of("two.yaml").unwrap_err().contains("two.yaml has 2 webhooks\n  next: `tenterhook apply -f`"));
        assert!(of("three.json").unwrap_err().contains("has 3 webhooks"));
        assert!(of("missing.yaml").unwrap_err().contains("missing.yaml: "));
    }
}
