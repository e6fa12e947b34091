//! Strings that no text holds by chance, one for each secret that the server is given.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// One secret.
#[derive(Debug, Clone)]
pub(super) struct Canary {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// Ends of paths of calls that may tell it once.
    told_by: &'static [&'static str],
}

impl Canary {
    pub(super) fn may_be_told_by(&self, path: &str) -> bool {
        self.told_by.iter().any(|end| path.ends_with(end))
    }
}

/// The calls that tell a signing secret or the secret of a token, once.
pub(super) const TELL_ONCE: &[&str] = &["/CreateWebhook", "/RotateSigningKey", "/CreateToken"];

/// The secrets of the test.
#[derive(Debug)]
pub(super) struct Secrets {
    pub(super) canaries: Vec<Canary>,
    /// The authority that the server's certificate is of.
    pub(super) authority: String,
    pub(super) server_certificate: PathBuf,
    pub(super) server_key: PathBuf,
    pub(super) sealing_key: PathBuf,
    pub(super) api_keys: PathBuf,
    pub(super) api_key: String,
    pub(super) client_certificate: String,
    pub(super) client_key: String,
    /// The key of another certificate.
    pub(super) other_key: String,
}

impl Secrets {
    /// Makes secrets and writes those files that the server reads.
    pub(super) fn make(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let issue = || {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
            (params.signed_by(&key, &authority).unwrap().pem(), key)
        };
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let ((server_pem, server_key), (client_pem, client_key), (_, other_key)) = (issue(), issue(), issue());
        let sealing: String = (0..32u8).map(|byte| format!("{:02x}", byte.wrapping_mul(73).wrapping_add(41))).collect();
        let made = crate::process::run(&["key", "new", "--role", "admin"]);
        let told = crate::process::stderr(&made);
        write("netbox.secret", &plain("NetBox secret"));
        let api_key = told.lines().find(|line| line.starts_with("th_")).unwrap().to_owned();
        let mut secrets = Self {
            canaries: Vec::new(),
            authority: authority.pem(),
            server_certificate: write("tls.crt", &server_pem),
            server_key: write("tls.key", &server_key.serialize_pem()),
            sealing_key: write("sealing.key", &sealing),
            api_keys: write(
                "keys",
                &crate::process::stdout(&made).replace(" admin *", " admin * netbox-secret=netbox.secret"),
            ),
            api_key,
            client_certificate: client_pem,
            client_key: client_key.serialize_pem(),
            other_key: other_key.serialize_pem(),
        };
        secrets.add("the sealing key", sealing.as_bytes(), &[]);
        secrets.add("the bytes of the sealing key", &unhex(&sealing), &[]);
        secrets.add("the API key", secrets.api_key.clone().as_bytes(), &[]);
        for (name, key) in [("server", &server_key), ("client", &client_key), ("other", &other_key)] {
            secrets.add(&format!("the {name}'s private key"), &key.serialize_der(), &[]);
            // Of the text, a line of its middle: the first is the same for all keys of a kind.
            let pem = key.serialize_pem();
            secrets.add(&format!("a line of the {name}'s private key"), pem.lines().nth(2).unwrap().as_bytes(), &[]);
        }
        for name in PLAIN {
            secrets.add(name, plain(name).as_bytes(), &[]);
        }
        for name in SIGNING {
            secrets.add(name, signing(name).as_bytes(), TELL_ONCE);
        }
        secrets.add("the key of a Standard Webhooks secret", &standard_key(), TELL_ONCE);
        secrets
    }

    /// Adds the secret of an access token that the server has issued.
    pub(super) fn add_token(&mut self, secret: &str) {
        self.add("the secret of an access token", secret.as_bytes(), &["/CreateToken"]);
    }

    fn add(&mut self, name: &str, bytes: &[u8], told_by: &'static [&'static str]) {
        assert!(bytes.len() >= 16, "{name} is too short to be found by chance nowhere");
        self.canaries.push(Canary { name: name.to_owned(), bytes: bytes.to_vec(), told_by });
    }
}

/// Secrets that are texts, by their names.
const PLAIN: [&str; 23] = [
    "header",
    "bearer",
    "changed header",
    "header in test",
    "attribute",
    "render text",
    "filter",
    "unknown name",
    "syntax",
    "long header",
    "control header",
    "draft header",
    "broken key",
    "unknown API key",
    "basic",
    "userinfo",
    "failed update",
    "not ascii",
    "basic password",
    "client secret",
    "access token",
    "refused credential",
    "NetBox secret",
];

/// The text of a secret: no other text begins as it does.
pub(super) fn plain(name: &str) -> String {
    assert!(PLAIN.contains(&name), "{name} is looked for");
    word("Canary", name)
}

/// Signing secrets by their names.
const SIGNING: [&str; 5] = ["signing", "rotated", "refused signing", "long signing", "conflicting signing"];

/// A signing secret.
pub(super) fn signing(name: &str) -> String {
    assert!(SIGNING.contains(&name), "{name} is looked for");
    word("Signer", name)
}

fn word(prefix: &str, name: &str) -> String {
    let words: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{prefix}Q7{words}Zx9Kp2Vw")
}

fn standard_key() -> Vec<u8> {
    b"StandardCanaryOf32BytesLongEnoug".to_vec()
}

/// A secret in the form of Standard Webhooks.
pub(super) fn standard() -> String {
    format!("whsec_{}", STANDARD.encode(standard_key()))
}

/// The bytes of hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
