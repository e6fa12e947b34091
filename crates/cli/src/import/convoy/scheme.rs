//! How a Convoy project signs (`pkg/signature` of Convoy), as a custom signature here.

use tenterhook_client::v1::{CustomSignature, SignatureAlgorithm, SignatureEncoding, SigningPolicy};

use crate::import::object::Record;
use crate::import::wanted::Wanted;

/// The header of a project that says nothing else.
const HEADER: &str = "X-Convoy-Signature";

/// How a project signs.
#[derive(Debug)]
pub(super) struct Scheme {
    header: String,
    /// Hash and encoding of each version, the oldest first.
    versions: Vec<(String, String)>,
    /// Whether the project said so; else it is Convoy's default.
    is_known: bool,
}

impl Scheme {
    /// That of a project; Convoy's default without one.
    pub(super) fn of(project: Option<&Record>) -> Self {
        let signature = project.map(|project| &project.value("config")["signature"]);
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let versions = signature.and_then(|signature| signature["versions"].as_array());
        let versions: Vec<_> =
            versions.into_iter().flatten().map(|one| (text(&one["hash"]), text(&one["encoding"]))).collect();
        let header = signature.map(|signature| text(&signature["header"])).filter(|header| !header.is_empty());
        Self {
            header: header.unwrap_or_else(|| HEADER.to_owned()),
            is_known: !versions.is_empty(),
            versions: if versions.is_empty() { vec![("SHA256".to_owned(), "hex".to_owned())] } else { versions },
        }
    }

    /// Signs `wanted` as the project does; `is_advanced` endpoints sign the time too.
    pub(super) fn apply(&self, wanted: &mut Wanted, is_advanced: bool) {
        if !self.is_known {
            wanted.note(format!("the project is not in the files: it signs in {HEADER} as Convoy does by default"));
        }
        // A simple signature is that of the newest version; an advanced one has all, from v1 on.
        let version = if is_advanced { self.versions.first() } else { self.versions.last() };
        let (hash, encoding) = version.expect("there is the default version at least");
        let algorithm = match hash.as_str() {
            "SHA256" => SignatureAlgorithm::HmacSha256,
            "SHA512" => SignatureAlgorithm::HmacSha512,
            other => return wanted.problem("signing", format!("the hash {other} does not exist here")),
        };
        let encoding = match encoding.as_str() {
            "hex" => SignatureEncoding::Hex,
            "base64" => SignatureEncoding::Base64,
            other => return wanted.problem("signing", format!("the encoding {other} does not exist here")),
        };
        if is_advanced && self.versions.len() > 1 {
            wanted.note("of several versions of the signature it sends v1 alone");
        }
        let (content, value) = if is_advanced {
            ("{{timestamp}},{{body}}".to_owned(), "t={{timestamp}},v1={{signature}}".to_owned())
        } else {
            (String::new(), String::new())
        };
        let custom = CustomSignature {
            header: self.header.clone(),
            algorithm: algorithm.into(),
            encoding: encoding.into(),
            content,
            value,
            ..Default::default()
        };
        wanted.webhook.signing = Some(SigningPolicy { custom: vec![custom], ..Default::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn project(versions: Value) -> Record {
        let project =
            json!({"uid": "p", "config": {"signature": {"header": "X-Shop-Signature", "versions": versions}}});
        Record::new("x#1".into(), project.as_object().unwrap().clone())
    }

    fn applied(scheme: &Scheme, is_advanced: bool) -> Wanted {
        let mut wanted = Wanted::default();
        scheme.apply(&mut wanted, is_advanced);
        wanted
    }

    #[test]
    fn a_project_signs_with_its_newest_version_or_with_the_time() {
        let both = json!([{"hash": "SHA256", "encoding": "hex"}, {"hash": "SHA512", "encoding": "base64"}]);
        let scheme = Scheme::of(Some(&project(both)));
        let simple = applied(&scheme, false).webhook.signing.unwrap().custom.remove(0);
        assert_eq!(
            (&*simple.header, simple.algorithm(), simple.encoding()),
            ("X-Shop-Signature", SignatureAlgorithm::HmacSha512, SignatureEncoding::Base64)
        );
        assert!(simple.content.is_empty() && simple.value.is_empty());
        let advanced = applied(&scheme, true);
        assert_eq!(advanced.notes.len(), 1);
        let advanced = advanced.webhook.signing.unwrap().custom.remove(0);
        assert_eq!(
            (advanced.algorithm(), &*advanced.content),
            (SignatureAlgorithm::HmacSha256, "{{timestamp}},{{body}}")
        );
    }

    #[test]
    fn without_a_project_it_is_convoys_default_and_said() {
        let wanted = applied(&Scheme::of(None), false);
        assert!(wanted.notes[0].contains(HEADER), "{:?}", wanted.notes);
        assert_eq!(wanted.webhook.signing.unwrap().custom[0].algorithm(), SignatureAlgorithm::HmacSha256);
    }

    #[test]
    fn what_does_not_exist_here_is_a_problem() {
        for (hash, encoding) in [("MD5", "hex"), ("SHA256", "base58")] {
            let wanted = applied(&Scheme::of(Some(&project(json!([{"hash": hash, "encoding": encoding}])))), false);
            assert_eq!(wanted.problems.len(), 1, "{hash} {encoding}");
        }
    }
}
