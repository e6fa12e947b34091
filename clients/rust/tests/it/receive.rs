//! The layer in axum, given requests as the server signs them, and a real delivery.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::routing::post;
use axum::{Extension, Router};
use http::{HeaderMap, Request, StatusCode};
use serde_json::json;
use tenterhook_client::v1::{Event, RequestTemplate, SignatureScheme, SigningPolicy, Webhook};
use tenterhook_client::{Client, InvalidSignature, Verifier, WebhookEvent, WebhookLayer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &str = r#"{"event": "created", "timestamp": "2026-03-06T15:11:23.503186+00:00", "model": "site", "username": null,
    "request_id": "r", "data": {"name": "Zürich"}, "snapshots": {"prechange": null, "postchange": {"id": 1}}}"#;

/// What a receiver does: it notes events, after it has failed as often as it is to.
#[derive(Clone, Default)]
struct Handled(Arc<Mutex<(usize, Vec<WebhookEvent>)>>);

impl Handled {
    fn router(&self, layer: WebhookLayer) -> Router {
        let handled = self.0.clone();
        let hook = move |Extension(event): Extension<WebhookEvent>| async move {
            let mut handled = handled.lock().unwrap();
            if handled.0 > 0 {
                handled.0 -= 1;
                return StatusCode::INTERNAL_SERVER_ERROR;
            }
            handled.1.push(event);
            StatusCode::NO_CONTENT
        };
        Router::new().route("/hook", post(hook)).layer(layer)
    }
}

async fn send(router: &Router, body: &str, headers: HeaderMap) -> StatusCode {
    let mut request = Request::post("/hook").body(Body::from(body.to_owned())).unwrap();
    *request.headers_mut() = headers;
    router.clone().oneshot(request).await.unwrap().status()
}

fn sign(id: &str, body: &str) -> HeaderMap {
    Verifier::default().sign_for_test(id, body.as_bytes(), SECRET).unwrap()
}

#[tokio::test]
async fn an_event_reaches_its_handler_once_and_again_when_that_failed() {
    let handled = Handled::default();
    handled.0.lock().unwrap().0 = 1;
    let router = handled.router(WebhookLayer::new([SECRET]));
    for status in [500, 204, 204] {
        assert_eq!(send(&router, BODY, sign("e1", BODY)).await, status);
    }
    let (_, events) = &*handled.0.lock().unwrap();
    let [event] = &events[..] else { panic!("{} events", events.len()) };
    assert_eq!((event.id.as_str(), event.event_type.as_str(), event.model.as_deref()), ("e1", "created", Some("site")));
    assert_eq!((event.username.as_deref(), event.request_id.as_deref()), (None, Some("r")));
    assert_eq!(event.time.duration_since(UNIX_EPOCH).unwrap().as_micros(), 1_772_809_883_503_186);
    assert_eq!(
        (&event.data, &event.prechange, &event.postchange),
        (&json!({"name": "Zürich"}), &json!(null), &json!({"id": 1}))
    );
    assert_eq!(event.raw, BODY);
}

#[tokio::test]
async fn what_is_not_to_be_trusted_is_refused() {
    let handled = Handled::default();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&reasons);
    let layer = WebhookLayer::new([SECRET]).on_refused(move |reason| noted.lock().unwrap().push(reason));
    let router = handled.router(layer);
    let large = "x".repeat((1 << 20) + 1);
    let early = Verifier { now: Some(UNIX_EPOCH), ..Default::default() };
    let old = early.sign_for_test("e", BODY.as_bytes(), SECRET).unwrap();
    for (status, body, headers) in [
        (401, BODY, HeaderMap::new()),
        (401, "{}", sign("e", BODY)),
        (401, BODY, old),
        (413, large.as_str(), sign("e", &large)),
        (500, "no event", sign("e", "no event")),
    ] {
        assert_eq!(send(&router, body, headers).await, status, "{status}");
    }
    use InvalidSignature::{Header, Mismatch, Time};
    assert_eq!(*reasons.lock().unwrap(), [Header("webhook-id"), Mismatch, Time, InvalidSignature::Body]);
    assert!(handled.0.lock().unwrap().1.is_empty());
}

#[tokio::test]
async fn a_wrong_secret_of_the_receiver_is_no_401() {
    let router = Handled::default().router(WebhookLayer::new([""]));
    assert_eq!(send(&router, BODY, sign("e", BODY)).await, 500);
}

#[tokio::test]
async fn a_real_delivery_arrives() {
    let target = std::env::var("TENTERHOOK_TARGET").expect("needs the harness: make test-clients");
    let (sender, mut arrived) = mpsc::channel(1);
    let hook = |Extension(event): Extension<WebhookEvent>| async move {
        sender.send(event).await.unwrap();
        StatusCode::NO_CONTENT
    };
    let router = Router::new().route("/hook", post(hook)).layer(WebhookLayer::new([SECRET]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let namespace = format!("receive-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
    let client = Client::builder(&target).namespace(namespace).build().unwrap();
    let webhook = Webhook {
        display_name: "hook".into(),
        request: Some(RequestTemplate { url, ..Default::default() }),
        signing: Some(SigningPolicy { schemes: vec![SignatureScheme::StandardWebhooks.into()], ..Default::default() }),
        ..Default::default()
    };
    client.create_webhook(webhook, SECRET).await.unwrap();
    let data = Some(tenterhook_client::json(&json!({"name": "Zürich"})).unwrap());
    let event = Event {
        id: "e1".into(),
        r#type: "created".into(),
        object_type: "dcim.site".into(),
        data,
        ..Default::default()
    };
    client.publish(event).await.unwrap();
    let event = tokio::time::timeout(Duration::from_secs(20), arrived.recv()).await.unwrap().unwrap();
    assert_eq!((event.id.as_str(), event.model.as_deref()), ("e1", Some("site")));
    assert_eq!(event.data, json!({"name": "Zürich"}));
    serving.abort();
}
