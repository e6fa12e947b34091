//! The console as the front asks it.

use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use tenterhook_model::{OsEntropy, SystemClock};

use super::*;

const ORIGIN: [(&str, &str); 3] =
    [("host", "127.0.0.1:50051"), ("origin", "http://127.0.0.1:50051"), ("sec-fetch-site", "same-origin")];

fn console() -> Console {
    Console::new(ConsoleSettings {
        hosts: KnownHosts::default(),
        knows_key: Arc::new(|key| key.expose() == "th_known"),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    })
}

fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn get(path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let all: Vec<_> = [ORIGIN[0]].iter().chain(headers).copied().collect();
    console().answer(&request(Method::GET, path, &all), &[])
}

/// The cookie of a new session.
fn sign_in(console: &Console) -> String {
    let response = console.answer(&request(Method::POST, "/console/session", &ORIGIN), br#"{"key": "th_known"}"#);
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=28800; HttpOnly; Secure; SameSite=Strict"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

/// What becomes of a call with these headers.
fn authorized(console: &Console, headers: &[(&str, &str)]) -> HeaderMap {
    let parts = request(Method::POST, "/tenterhook.v1.WebhookService/ListWebhooks", headers);
    let mut sent = parts.headers.clone();
    console.authorize(&parts.uri, &mut sent);
    sent
}

#[test]
fn every_response_carries_the_policy() {
    let refused = console().answer(&request(Method::PUT, "/console/", &ORIGIN), &[]);
    for response in [get("/console/", &[]), get("/console/console.js", &[]), get("/console", &[]), refused] {
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.ends_with("trusted-types 'none'"), "{policy}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["cross-origin-opener-policy"], "same-origin");
    }
}

#[test]
fn files_are_compressed_for_those_who_take_it() {
    let compressed = get("/console/console.js", &[(ACCEPT_ENCODING.as_str(), "br, gzip;q=0.5")]);
    assert_eq!(compressed.headers()[CONTENT_ENCODING], "gzip");
    let plain = get("/console/console.js", &[(ACCEPT_ENCODING.as_str(), "br, gzip;q=0")]);
    assert!(!plain.headers().contains_key(CONTENT_ENCODING));
    assert!(plain.body().len() > 2 * compressed.body().len());
}

#[test]
fn a_client_that_has_this_version_is_sent_none() {
    let version = get("/console/", &[]).headers()[ETAG].to_str().unwrap().to_owned();
    let response = get("/console/style.css", &[(IF_NONE_MATCH.as_str(), &version)]);
    assert_eq!((response.status(), response.body().len()), (StatusCode::NOT_MODIFIED, 0));
}

#[test]
fn another_host_is_not_answered_for() {
    let response = console().answer(&request(Method::GET, "/console/", &[("host", "evil.example")]), &[]);
    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    assert!(response.body().len() < 100);
}

#[test]
fn a_key_becomes_a_session_and_the_session_a_key() {
    let console = console();
    let cookie = sign_in(&console);
    let call = [ORIGIN.as_slice(), &[("content-type", "application/grpc-web+proto"), ("cookie", &cookie)]].concat();
    assert_eq!(authorized(&console, &call)["authorization"], "Bearer th_known");
    let out = console.answer(&request(Method::DELETE, "/console/session", &call), &[]);
    assert!(out.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert!(!authorized(&console, &call).contains_key("authorization"));
}

#[test]
fn a_cookie_counts_only_for_calls_of_the_consoles_own_pages() {
    let console = console();
    let cookie = sign_in(&console);
    let whole =
        [ORIGIN.as_slice(), &[("content-type", "application/grpc-web+proto"), ("cookie", cookie.as_str())]].concat();
    let with = |name: &str, value: &str| {
        let mut call: Vec<(&str, &str)> = whole.iter().filter(|(other, _)| *other != name).copied().collect();
        if !value.is_empty() {
            call.push((name, value));
        }
        authorized(&console, &call).contains_key("authorization")
    };
    assert!(with("x-other", "1"));
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", ""),
        ("origin", "http://evil.example"),
        ("origin", ""),
        ("host", "evil.example"),
        ("content-type", "text/plain"),
        ("content-type", "application/grpc"),
        ("cookie", "__Host-tenterhook=guess"),
        ("cookie", ""),
    ] {
        assert!(!with(name, value), "{name}: {value}");
    }
}

#[test]
fn a_key_that_is_sent_wins_over_a_cookie() {
    let console = console();
    let cookie = sign_in(&console);
    let sent =
        [("content-type", "application/grpc-web+proto"), ("cookie", &cookie), ("authorization", "Bearer th_own")];
    let call = [ORIGIN.as_slice(), &sent].concat();
    assert_eq!(authorized(&console, &call)["authorization"], "Bearer th_own");
}

#[test]
fn what_is_no_sign_in_is_refused() {
    let console = console();
    let status = |headers: &[(&str, &str)], body: &[u8]| {
        let response = console.answer(&request(Method::POST, "/console/session", headers), body);
        assert!(!response.headers().contains_key(SET_COOKIE));
        response.status()
    };
    assert_eq!(status(&ORIGIN, br#"{"key": "th_other"}"#), StatusCode::UNAUTHORIZED);
    assert_eq!(status(&ORIGIN, b"key=th_known"), StatusCode::BAD_REQUEST);
    assert_eq!(status(&ORIGIN, &[b' '; SIGN_IN_BYTES_MAX + 1]), StatusCode::BAD_REQUEST);
    assert_eq!(status(&ORIGIN[..2], br#"{"key": "th_known"}"#), StatusCode::FORBIDDEN);
}
