use super::*;
use crate::access::{Caller, KeyRing, NewKey, Role, Scope};
use crate::meter::Unmetered;
use tenterhook_model::OsEntropy;
use tonic_types::StatusExt as _;
use tower::{ServiceExt as _, service_fn};

const GET: &str = "/tenterhook.v1.WebhookService/GetWebhook";
const WATCH: &str = "/tenterhook.v1.DeliveryService/WatchDeliveries";

struct Fixture {
    state: Arc<GateState>,
    header: String,
    shutdown: CancellationToken,
}

fn fixture(role: Role) -> Fixture {
    let made = NewKey::generate(role, &Scope::Every, "", &OsEntropy);
    let shutdown = CancellationToken::new();
    let access = Access::keys(KeyRing::parse(&made.line).unwrap());
    let state = Arc::new(GateState::new(access, Arc::new(Unmetered), shutdown.clone()));
    Fixture { state, header: format!("Bearer {}", made.key.expose()), shutdown }
}

impl Fixture {
    fn request(&self, path: &str) -> Request<String> {
        Request::builder().uri(path).header(AUTHORIZATION, &self.header).body(String::new()).unwrap()
    }

    /// The status of `request` through the gate before a service that answers with `answer`.
    async fn status<F>(&self, request: Request<String>, answer: fn(Request<String>) -> F) -> Status
    where
        F: Future<Output = Result<Response<String>, Infallible>> + Send + 'static,
    {
        let gate = GateLayer(Arc::clone(&self.state)).layer(service_fn(answer));
        let response = gate.oneshot(request).await.unwrap();
        Status::from_header_map(response.headers()).unwrap_or_else(|| Status::ok("answered"))
    }
}

async fn answers(request: Request<String>) -> Result<Response<String>, Infallible> {
    let has_caller = request.extensions().get::<Caller>().is_some();
    assert_eq!(has_caller, !request.uri().path().starts_with("/grpc."));
    Ok(Response::new(String::new()))
}

async fn hangs(_: Request<String>) -> Result<Response<String>, Infallible> {
    std::future::pending().await
}

async fn panics(_: Request<String>) -> Result<Response<String>, Infallible> {
    panic!("a fault of the server")
}

async fn refuses_its_length(_: Request<String>) -> Result<Response<String>, Infallible> {
    Ok(Status::out_of_range(format!("{TOO_LARGE}: found 5 bytes, the limit is: 4 bytes")).into_http())
}

#[tokio::test]
async fn a_known_caller_reaches_the_service_and_an_unknown_one_does_not() {
    let fixture = fixture(Role::Viewer);
    assert_eq!(fixture.status(fixture.request(GET), answers).await.code(), Code::Ok);
    let nobody = Request::builder().uri(GET).body(String::new()).unwrap();
    let status = fixture.status(nobody, answers).await;
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.get_details_error_info().unwrap().reason, "KEY_INVALID");
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused_with_its_name() {
    let fixture = fixture(Role::Publisher);
    let status = fixture.status(fixture.request(GET), answers).await;
    let info = status.get_details_error_info().unwrap();
    assert_eq!((status.code(), info.reason.as_str()), (Code::PermissionDenied, "KEY_FORBIDDEN"));
    assert_eq!((&*info.metadata["role"], &*info.metadata["namespace"]), ("publisher", "*"));
}

#[tokio::test]
async fn a_method_without_an_entry_is_unknown_even_to_nobody() {
    let fixture = fixture(Role::Admin);
    let request = Request::builder().uri("/tenterhook.v1.WebhookService/NoSuch").body(String::new()).unwrap();
    let status = fixture.status(request, answers).await;
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.get_details_error_info().is_none());
}

#[tokio::test]
async fn health_is_open_to_anybody_even_while_the_server_stops() {
    let fixture = fixture(Role::Admin);
    fixture.shutdown.cancel();
    let request = Request::builder().uri("/grpc.health.v1.Health/Check").body(String::new()).unwrap();
    assert_eq!(fixture.status(request, answers).await.code(), Code::Ok);
}

#[tokio::test]
async fn a_stopping_server_takes_no_new_call() {
    let fixture = fixture(Role::Admin);
    fixture.shutdown.cancel();
    let status = fixture.status(fixture.request(GET), answers).await;
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_error_info().unwrap().reason, "SHUTTING_DOWN");
    assert!(status.get_details_retry_info().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_call_has_a_deadline_and_a_stream_has_none() {
    let fixture = fixture(Role::Admin);
    let started = tokio::time::Instant::now();
    assert_eq!(fixture.status(fixture.request(GET), hangs).await.code(), Code::DeadlineExceeded);
    assert!(started.elapsed() >= CALL_TIMEOUT && started.elapsed() < CALL_TIMEOUT * 2);
    let stream = fixture.status(fixture.request(WATCH), hangs);
    assert!(tokio::time::timeout(Duration::from_secs(86_400), stream).await.is_err());
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_next_call_works() {
    let fixture = fixture(Role::Admin);
    assert_eq!(fixture.status(fixture.request(GET), panics).await.code(), Code::Internal);
    assert_eq!(fixture.status(fixture.request(GET), answers).await.code(), Code::Ok);
}

#[tokio::test]
async fn a_message_over_its_limit_gets_a_reason_and_names_the_limit() {
    let fixture = fixture(Role::Admin);
    let status = fixture.status(fixture.request(GET), refuses_its_length).await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.get_details_error_info().unwrap().reason, "LIMIT_EXCEEDED");
    let violations = status.get_details_quota_failure().unwrap().violations;
    assert_eq!(violations[0].description, "at most 4,194,304 bytes");
}

#[tokio::test]
async fn calls_under_way_are_bounded() {
    let fixture = fixture(Role::Admin);
    let _all = Arc::clone(&fixture.state.calls).acquire_many_owned(CALLS as u32).await.unwrap();
    let status = fixture.status(fixture.request(GET), answers).await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.get_details_error_info().unwrap().reason, "RATE_LIMITED");
    assert!(status.get_details_retry_info().is_some());
}

#[tokio::test]
async fn the_traceparent_of_the_caller_goes_with_the_call() {
    let fixture = fixture(Role::Admin);
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (sent, kept) in [(header, Some(header.to_owned())), ("junk", None)] {
        let mut request = fixture.request(GET);
        request.headers_mut().insert("traceparent", sent.parse().unwrap());
        assert!(fixture.state.admit(&mut request).is_ok());
        assert_eq!(request.extensions().get::<TraceParent>().unwrap().0, kept);
    }
}
