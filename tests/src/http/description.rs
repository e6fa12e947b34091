//! `GET /v1/openapi.yaml`: it is what a validator takes, and what the server does.

use std::path::Path;
use std::process::Command;

use http::Method;
use http_body_util::Full;

use super::{Answer, request, send};
use crate::grpc::bench::Bench;

async fn description(bench: &Bench, method: Method) -> Answer {
    let request = request(bench, "nobody", method, "/v1/openapi.yaml");
    send(bench, request.body(Full::default()).unwrap()).await
}

/// The paths of the document and their methods, by its indentation.
fn operations(yaml: &str) -> Vec<(String, Method)> {
    let paths = yaml.lines().skip_while(|line| *line != "paths:").skip(1).take_while(|line| line.starts_with(' '));
    let (mut path, mut operations) = (String::new(), Vec::new());
    for line in paths {
        if let Some(name) = line.strip_prefix("  /") {
            path = format!("/{}", name.trim_end_matches(':'));
        } else if let Some(method) = line.strip_prefix("    ").filter(|method| !method.starts_with(' ')) {
            let method = method.trim_end_matches(':').to_uppercase();
            operations.push((path.clone(), method.parse().unwrap()));
        }
    }
    operations
}

#[tokio::test]
async fn every_operation_of_the_description_is_there_and_no_other() {
    let bench = Bench::new().await;
    let answer = description(&bench, Method::GET).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/yaml"));
    let described = operations(std::str::from_utf8(&answer.body).unwrap());
    let paths: std::collections::BTreeSet<&str> = described.iter().map(|(path, _)| &**path).collect();
    let expected = ["/v1/events", "/v1/netbox", "/v1/openapi.yaml", "/v1/webhooks/{webhook_id}/jwks.json"];
    assert_eq!(paths.into_iter().collect::<Vec<_>>(), expected);
    let webhook_id = bench.webhook("w").await;
    for template in expected {
        let path = &template.replace("{webhook_id}", &webhook_id);
        for method in
            [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
        {
            let is_described = described.contains(&(template.to_owned(), method.clone()));
            let request = request(&bench, "admin", method.clone(), path);
            let answer = send(&bench, request.body(Full::default()).unwrap()).await;
            assert_eq!(answer.status != 405, is_described, "{method} {path}: {}", answer.status);
            assert_ne!(answer.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn head_tells_the_length_and_sends_nothing() {
    let bench = Bench::new().await;
    let whole = description(&bench, Method::GET).await;
    let head = description(&bench, Method::HEAD).await;
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
    assert!(head.body.is_empty());
}

#[test]
fn a_validator_takes_the_description() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join(".tools/tests-python/bin/python");
    assert!(python.exists(), "the validator is missing: run `make tests-python`");
    let file = root.join("crates/http/src/openapi.yaml");
    let output = Command::new(python).args(["-m", "openapi_spec_validator"]).arg(file).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}
