//! Every bad request to publish, over HTTP: the same reasons and fields as over gRPC.

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use serde_json::Value;

use super::{request, send};
use crate::grpc::bad_requests::{Fixtures, authorization};
use crate::grpc::bench::Bench;

/// The statuses of a case's codes.
fn statuses(expect: &Value) -> Vec<u16> {
    let also = expect["code_also"].as_array().into_iter().flatten();
    let codes = std::iter::once(&expect["code"]).chain(also).map(|code| code.as_str().unwrap());
    codes
        .map(|code| match code {
            "INVALID_ARGUMENT" => 400,
            "UNAUTHENTICATED" => 401,
            "PERMISSION_DENIED" => 403,
            "RESOURCE_EXHAUSTED" => 413,
            other => panic!("no case has the code {other}"),
        })
        .collect()
}

#[tokio::test]
async fn every_bad_request_to_publish_is_refused_as_over_grpc() {
    let bench = Bench::new().await;
    let mut fixtures = Fixtures::make(&bench).await;
    let (mut cases, mut complaints) = (0, Vec::new());
    for line in include_str!("../../fixtures/bad_requests.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let member = match case["rpc"].as_str().unwrap() {
            "PublishEvent" => "event",
            "BatchPublishEvents" => "events",
            _ => continue,
        };
        cases += 1;
        let body = fixtures.expand(&case["request"])[member].to_string();
        let mut request =
            request(&bench, "nobody", Method::POST, "/v1/events").header(CONTENT_TYPE, "application/json");
        if let Some(header) = authorization(&bench, case["auth"].as_str().unwrap()) {
            request = request.header(AUTHORIZATION, header);
        }
        let answer = send(&bench, request.body(Full::new(body.into())).unwrap()).await;
        let (expect, problem) = (&case["expect"], answer.json());
        let fields: Vec<&str> =
            problem["violations"].as_array().into_iter().flatten().filter_map(|of| of["field"].as_str()).collect();
        let wanted = expect["fields"].as_array().into_iter().flatten().chain(expect.get("field"));
        let missing =
            wanted.filter_map(Value::as_str).any(|wanted| !fields.iter().any(|field| field.starts_with(wanted)));
        let other_reason = expect.get("reason").is_some_and(|reason| *reason != problem["reason"]);
        if !statuses(expect).contains(&answer.status.as_u16()) || missing || other_reason {
            complaints.push(format!("{}: {problem}", case["id"]));
        }
    }
    assert!(cases >= 26, "{cases} cases");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
