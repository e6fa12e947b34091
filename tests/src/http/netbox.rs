//! `POST /v1/netbox`: the default body of each version of NetBox, as its own JSON encoder writes it.

use serde_json::Value;
use tenterhook_api::access::KeyRing;
use tenterhook_engine::signature::{Signable, sign};
use tenterhook_model::Secret;
use tenterhook_model::webhook::SignatureScheme;
use tenterhook_proto::tenterhook::v1;

use super::{post, request, send};
use crate::canary::mark::hidden;
use crate::grpc::bench::Bench;

const PATH: &str = "/v1/netbox";

/// Version, event and body of each case whose event has all fields.
fn cases() -> Vec<(String, Value, String)> {
    let lines = include_str!("../../fixtures/netbox_versions.jsonl").lines();
    let cases = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let cases = cases.filter(|case| case["id"].as_str().unwrap().ends_with("-full"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    cases.map(|case| (text(&case["body_format"]), case["event"].clone(), text(&case["expected_body"]))).collect()
}

fn json(document: Option<&v1::JsonDocument>) -> Value {
    match document.and_then(|document| document.value.as_ref()) {
        Some(v1::json_document::Value::Json(text)) => serde_json::from_str(text).unwrap(),
        _ => Value::Null,
    }
}

async fn get(bench: &Bench, event_id: &str) -> v1::Event {
    let get = v1::GetEventRequest { event_id: event_id.into(), ..Default::default() };
    bench.events().get_event(get).await.unwrap().into_inner().event.unwrap()
}

#[tokio::test]
async fn a_body_of_each_version_is_one_event_however_often_it_is_sent() {
    let bench = Bench::new().await;
    let cases = cases();
    let versions: Vec<&str> = cases.iter().map(|(version, ..)| version.as_str()).collect();
    assert_eq!(versions, ["NETBOX_3_2", "NETBOX_4_4", "NETBOX_4_5", "NETBOX_4_6", "NETBOX_4_7"]);
    for (version, event, body) in cases {
        let first = post(&bench, PATH, "application/json", body.clone()).await;
        assert_eq!(
            (first.status.as_u16(), first.json()["result"]["duplicate"].as_bool()),
            (200, Some(false)),
            "{version}"
        );
        let id = first.json()["result"]["eventId"].as_str().unwrap().to_owned();
        // NetBox sends the content type that its webhook has.
        let second = post(&bench, PATH, "text/plain", body).await.json()["result"].clone();
        assert_eq!((second["eventId"].as_str(), second["duplicate"].as_bool()), (Some(&*id), Some(true)), "{version}");
        let stored = get(&bench, &id).await;
        assert_eq!((&*stored.r#type, &*stored.username), ("updated", "jörg"), "{version}");
        assert_eq!(stored.request_id, event["request_id"].as_str().unwrap(), "{version}");
        // Without an address in its data, an object up to 4.3 has no app.
        let object_type = if version == "NETBOX_3_2" { "site" } else { "dcim.site" };
        assert_eq!(stored.object_type, object_type, "{version}");
        assert_eq!(stored.occur_time.unwrap().nanos, 503_186_000, "{version}");
        let wanted = |text: &Value| serde_json::from_str::<Value>(text["json"].as_str().unwrap()).unwrap();
        assert_eq!(json(stored.data.as_ref()), wanted(&event["data"]), "{version}");
        let snapshots = stored.snapshots.unwrap();
        assert_eq!(json(snapshots.prechange.as_ref()), wanted(&event["snapshots"]["prechange"]), "{version}");
    }
}

#[tokio::test]
async fn what_netbox_does_not_send_is_refused_in_words() {
    let bench = Bench::new().await;
    let refused = post(&bench, PATH, "application/json", r#"{"text": "from a body template"}"#).await;
    assert_eq!(refused.status.as_u16(), 400);
    let violations = refused.json()["violations"].clone();
    assert_eq!(violations[0]["field"], "body.event");
    assert!(violations[0]["description"].as_str().unwrap().contains("body template"), "{violations}");
    let (_, _, body) = cases().remove(0);
    for (who, status) in [("nobody", 401), ("viewer", 403), ("publisher", 200)] {
        let request = request(&bench, who, http::Method::POST, PATH);
        let answer = send(&bench, request.body(http_body_util::Full::new(body.clone().into())).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{who}");
    }
    let other = post(&bench, "/v1/netbox?namespace=acme", "application/json", body).await;
    assert_eq!(other.json()["result"]["duplicate"], false, "namespaces have ids of their own");
}

#[tokio::test]
async fn who_has_a_secret_must_sign_what_netbox_sends() {
    let bench = Bench::new().await;
    let (ours, other) = (hidden("netbox"), hidden("other"));
    let signed_lines: String = bench
        .ring
        .lines()
        .map(|line| line.replacen(" publisher * ", " publisher * netbox-secret=nb ", 1) + "\n")
        .collect();
    assert_ne!(signed_lines.trim(), bench.ring.trim());
    let (ring, errors) = KeyRing::read(&signed_lines, &mut |_| Ok(Secret::new(ours.clone())));
    assert_eq!(errors, []);
    bench.access.replace(ring);
    let (_, _, body) = cases().remove(0);
    let signature = |secret: &str| {
        let message = Signable { id: "", timestamp: 0, body: body.as_bytes() };
        sign(SignatureScheme::NetBox, &[secret], message).unwrap().remove(0).value.to_string()
    };
    let cases = [
        ("publisher", None, 401, "not signed"),
        ("publisher", Some(signature(&other)), 401, "does not fit"),
        ("viewer", Some(signature(&ours)), 403, "may not do this"),
        ("publisher", Some(signature(&ours)), 200, "\"duplicate\":false"),
        ("admin", None, 200, "\"duplicate\":true"),
    ];
    for (who, signature, status, words) in cases {
        let mut request = request(&bench, who, http::Method::POST, PATH);
        if let Some(signature) = &signature {
            request = request.header("x-hook-signature", signature);
        }
        let answer = send(&bench, request.body(http_body_util::Full::new(body.clone().into())).unwrap()).await;
        let said = String::from_utf8(answer.body.to_vec()).unwrap();
        assert_eq!(answer.status.as_u16(), status, "{who} {said}");
        assert!(said.contains(words), "{who}: {said}");
        if status == 401 {
            assert_eq!(
                (answer.json()["reason"].as_str(), answer.header("www-authenticate")),
                (Some("KEY_INVALID"), "Bearer")
            );
        }
    }
}
