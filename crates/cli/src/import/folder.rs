//! `--out`: the webhooks of an import as files for `tenterhook apply`, with their secrets in files that only the owner
//! reads, below `secrets`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tenterhook_model::system;

use super::plan::{Planned, Step};
use crate::apply::{file_name, written};
use crate::failure::Failure;
use crate::output::yaml;

/// Mode of every file: a body or a block of headers may hold a secret that nobody has marked.
const OWNER_ONLY: u32 = 0o600;
/// The folder of secrets, below that of the webhooks, where `apply` does not look for webhooks.
const SECRETS: &str = "secrets";

/// Writes a file for each webhook that is not refused; files there are replaced.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(planned: &[Planned], folder: &Path) -> Result<(), Failure> {
    let secrets = folder.join(SECRETS);
    fs::create_dir_all(&secrets).map_err(|error| failed("make", &secrets, &error))?;
    // Secrets are not for a repository, the other files are.
    put(&secrets.join(".gitignore"), "*\n")?;
    for (index, one) in planned.iter().enumerate() {
        let mut document = match &one.step {
            Step::Refused => continue,
            Step::Create => written(&one.wanted.webhook),
            Step::Same(after) | Step::Differs(after, _) => written(after),
        };
        let name = &one.wanted.webhook.display_name;
        let name = file_name(name, &format!("webhook-{}", index + 1)).to_owned();
        let mut kept = Kept { folder, name: &name };
        kept.take_headers(&mut document)?;
        let secret = one.wanted.signing_secret.expose();
        if !secret.is_empty() {
            document["signing_secret"] = kept.keep("signing-secret", secret)?;
        }
        put(&folder.join(format!("{name}.yaml")), &yaml::yaml(&document))?;
    }
    Ok(())
}

/// The secrets of one webhook.
struct Kept<'a> {
    folder: &'a Path,
    name: &'a str,
}

impl Kept<'_> {
    /// Replaces the values of sensitive headers by references.
    fn take_headers(&mut self, document: &mut Value) -> Result<(), Failure> {
        let headers = document.pointer_mut("/request/headers").and_then(Value::as_array_mut);
        for (index, header) in headers.into_iter().flatten().enumerate() {
            let value = header["value"].as_str().unwrap_or_default().to_owned();
            if header["sensitive"] == true && !value.is_empty() {
                header["value"] = self.keep(&format!("header-{}", index + 1), &value)?;
            }
        }
        Ok(())
    }

    /// Writes a secret; the reference to it.
    fn keep(&mut self, what: &str, secret: &str) -> Result<Value, Failure> {
        let path = format!("{SECRETS}/{}.{what}", self.name);
        put(&self.folder.join(&path), &format!("{secret}\n"))?;
        Ok(json!({ "file": path }))
    }
}

/// Writes a file for its owner; one that is there already is replaced, with its mode.
fn put(path: &PathBuf, text: &str) -> Result<(), Failure> {
    let create = || -> io::Result<File> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)
    };
    create().and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| failed("write", path, &error))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot {what} {}: {}", path.display(), system::in_words(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::wanted::Wanted;
    use std::os::unix::fs::PermissionsExt as _;
    use tenterhook_client::v1::{HeaderTemplate, RequestTemplate, Webhook};
    use tenterhook_model::Secret;

    fn planned(name: &str, step: Step) -> Planned {
        let header = HeaderTemplate { name: "X-Token".into(), value: "header-secret".into(), sensitive: true };
        let request = RequestTemplate { headers: vec![header], ..Default::default() };
        let webhook = Webhook { display_name: name.into(), request: Some(request), ..Default::default() };
        Planned { wanted: Wanted { webhook, signing_secret: Secret::new("signing"), ..Default::default() }, step }
    }

    #[test]
    fn secrets_are_apart_and_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hooks");
        let all = [planned("a", Step::Create), planned("b/../c", Step::Create), planned("no", Step::Refused)];
        for _ in 0..2 {
            write(&all, &path).unwrap();
        }
        let text = fs::read_to_string(path.join("a.yaml")).unwrap();
        assert!(text.contains("secrets/a.signing-secret") && text.contains("secrets/a.header-1"), "{text}");
        assert!(!text.contains("header-secret"), "{text}");
        let secret = path.join("secrets/a.header-1");
        assert_eq!(fs::read_to_string(&secret).unwrap(), "header-secret\n");
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
        let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a.yaml", "secrets", "webhook-2.yaml"]);
    }
}
