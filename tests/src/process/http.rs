//! Plain HTTP with TLS, as curl speaks it: both versions by ALPN, with a key and with a certificate.

use std::process::Command;

use super::end_to_end::{authority, issue};
use super::serve::start;
use super::{run, stderr, stdout};

/// The status and the version of HTTP of an answer to curl.
fn curl(arguments: &[&str]) -> String {
    let event = "{\"type\": \"created\"}";
    let fixed = ["--silent", "--show-error", "--max-time", "20", "--output", "/dev/null", "--json", event];
    let format = ["--write-out", "%{http_code} over %{http_version}"];
    let output = Command::new("curl").args(fixed).args(format).args(arguments).output().expect("curl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

#[test]
fn one_port_takes_both_versions_of_http_with_keys_and_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority();
    let (certificate, key) = issue(&authority);
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let made = run(&["key", "new", "--role", "publisher"]);
    let shown = stderr(&made);
    let api_key = shown.lines().find(|line| line.starts_with("th_")).unwrap();
    let keys = path("keys", &format!("{}san:localhost publisher *\n", stdout(&made)));
    let (ca, certificate) = (path("ca.pem", &authority.pem()), path("tls.crt", &certificate.pem()));
    let private_key = path("tls.key", &key.serialize_pem());
    let flags = ["--tls-cert", &certificate, "--tls-key", &private_key, "--client-ca", &ca, "--api-keys", &keys];
    let mut server = start(folder.path(), &flags);
    server.running.hides(api_key.as_bytes());
    server.running.hides(key.serialize_der());
    let port = server.api.rsplit(':').next().unwrap();
    let (url, resolve) = (format!("https://localhost:{port}/v1/events"), format!("localhost:{port}:127.0.0.1"));
    let to = ["--cacert", &ca, "--resolve", &resolve, &url];
    let header = format!("authorization: Bearer {api_key}");
    let with_key = ["--header", &header];
    let with_certificate = ["--cert", &certificate, "--key", &private_key];
    for (version, shown) in [("--http1.1", "1.1"), ("--http2", "2")] {
        assert_eq!(curl(&[&to[..], &[version], &with_key].concat()), format!("200 over {shown}"));
        assert_eq!(curl(&[&to[..], &[version], &with_certificate].concat()), format!("200 over {shown}"));
        assert_eq!(curl(&[&to[..], &[version]].concat()), format!("401 over {shown}"));
    }
}
