//! Which pages may call, and what they are told.

use http::Method;
use http_body_util::Full;

use super::{Answer, PAGE, request, send};
use crate::grpc::bench::Bench;

const PUBLISH: &str = "/tenterhook.v1.EventService/PublishEvent";

async fn from_page(bench: &Bench, origin: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = request(bench, "admin", method, path).header("origin", origin);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(bench, request.body(Full::default()).unwrap()).await
}

#[tokio::test]
async fn a_preflight_of_an_allowed_page_says_what_it_may_send() {
    let bench = Bench::new().await;
    let asked = "authorization,content-type,x-grpc-web,x-user-agent,x-own";
    let headers = [("access-control-request-method", "POST"), ("access-control-request-headers", asked)];
    for path in [PUBLISH, "/v1/events"] {
        let answer = from_page(&bench, PAGE, Method::OPTIONS, path, &headers).await;
        assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (204, PAGE), "{path}");
        assert_eq!(answer.header("access-control-allow-methods"), "POST, OPTIONS");
        assert_eq!(answer.header("access-control-allow-headers"), asked);
        assert_eq!(answer.header("access-control-max-age"), "7200");
        assert!(answer.header("vary").contains("origin"));
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn an_allowed_page_may_read_answers_and_refusals() {
    let bench = Bench::new().await;
    for (path, headers) in
        [(PUBLISH, [("content-type", "application/grpc-web")]), ("/v1/events", [("content-type", "application/json")])]
    {
        let answer = from_page(&bench, PAGE, Method::POST, path, &headers).await;
        assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), (PAGE, "origin"), "{path}");
        let exposed = answer.header("access-control-expose-headers");
        assert!(["grpc-status", "grpc-message", "grpc-status-details-bin"].iter().all(|name| exposed.contains(name)));
    }
}

#[tokio::test]
async fn every_other_page_is_refused_whatever_it_asks_for() {
    let bench = Bench::new().await;
    for origin in ["https://evil.example.com", "http://app.example.com", "https://app.example.com:444", "null"] {
        for (method, path, content_type) in [
            (Method::OPTIONS, PUBLISH, ""),
            (Method::POST, PUBLISH, "application/grpc-web"),
            (Method::POST, PUBLISH, "application/grpc"),
            (Method::POST, "/v1/events", "application/json"),
            (Method::GET, "/v1/openapi.yaml", ""),
        ] {
            let headers = [("content-type", content_type)];
            let answer = from_page(&bench, origin, method, path, &headers).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("access-control-allow-origin")),
                (403, ""),
                "{origin} {path}"
            );
        }
    }
}
