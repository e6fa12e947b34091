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
    /// Whether something in it is a secret by reference.
    pub(super) has_references: bool,
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
                let mut references = References { folder, found: false, problems: Vec::new() };
                let signing_secret = references.resolve(&mut value);
                let found = references.found;
                problems.extend(references.problems.into_iter().map(|(path, what)| (place.of(&path), what)));
                match document::message::<Webhook>("Webhook", &value) {
                    Ok(mut webhook) => {
                        if webhook.namespace.is_empty() {
                            namespace.clone_into(&mut webhook.namespace);
                        }
                        wanted.push(Wanted { place, webhook, signing_secret, has_references: found });
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
    found: bool,
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
        self.found = true;
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
