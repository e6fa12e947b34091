use super::*;
use crate::access::{Caller, KeyRing, NewKey, Role, Scope};
use crate::audit::AuditEntry;
use crate::meter::Unmetered;
use http_body_util::BodyExt as _;
use tenterhook_model::OsEntropy;
use tonic_types::StatusExt as _;
use tower::{ServiceExt as _, service_fn};

const GET: &str = "/tenterhook.v1.WebhookService/GetWebhook";
const WATCH: &str = "/tenterhook.v1.DeliveryService/WatchDeliveries";

/// A meter that keeps why calls were refused.
#[derive(Debug, Default)]
struct Counted(std::sync::Mutex<Vec<Refused>>, std::sync::Mutex<Vec<String>>);

impl Meter for Counted {
    fn begin(&self, label: &CallLabel<'_>) -> CallSpan {
        Unmetered.begin(label)
    }

    fn published(&self, _: Duration, _: usize) {}

    fn watchers(&self, _: usize) {}

    fn refused(&self, why: Refused) {
        self.0.lock().unwrap().push(why);
    }

    fn panicked(&self, _: &'static str) {}

    fn audited(&self, entry: &AuditEntry<'_>) {
        let AuditEntry { method, caller, role, peer, subject, code, .. } = *entry;
        let method = method.rsplit('/').next().unwrap();
        self.1.lock().unwrap().push(format!("{method} {caller} {role} {peer:?} {subject} {code:?}"));
    }
}

struct Fixture {
    counted: Arc<Counted>,
    state: Arc<GateState>,
    header: String,
    shutdown: CancellationToken,
}

fn fixture(role: Role) -> Fixture {
    let made = NewKey::generate(role, &Scope::Every, "ci", None, &OsEntropy);
    let shutdown = CancellationToken::new();
    let access = Access::keys(KeyRing::parse(&made.line).unwrap());
    let counted = Arc::new(Counted::default());
    let state = Arc::new(GateState::new(access, counted.clone(), shutdown.clone()));
    Fixture { counted, state, header: format!("Bearer {}", made.key.expose()), shutdown }
}

/// A gRPC request to `path`.
fn grpc(path: &str) -> http::request::Builder {
    Request::builder().uri(path).header(CONTENT_TYPE, "application/grpc")
}

impl Fixture {
    fn request(&self, path: &str) -> Request<String> {
        grpc(path).header(AUTHORIZATION, &self.header).body(String::new()).unwrap()
    }

    /// The status of `request` through the gate before a service that answers with `answer`.
    async fn status<F>(&self, request: Request<String>, answer: fn(Request<Intake<String>>) -> F) -> Status
    where
        F: Future<Output = Result<Response<String>, Infallible>> + Send + 'static,
    {
        let gate = GateLayer(Arc::clone(&self.state)).layer(service_fn(answer));
        let response = gate.oneshot(request).await.unwrap();
        Status::from_header_map(response.headers()).unwrap_or_else(|| Status::ok("answered"))
    }
}

async fn answers(request: Request<Intake<String>>) -> Result<Response<String>, Infallible> {
    let has_caller = request.extensions().get::<Caller>().is_some();
    assert_eq!(has_caller, !request.uri().path().starts_with("/grpc."));
    Ok(Response::new(String::new()))
}

async fn hangs(_: Request<Intake<String>>) -> Result<Response<String>, Infallible> {
    std::future::pending().await
}

async fn panics(_: Request<Intake<String>>) -> Result<Response<String>, Infallible> {
    panic!("a fault of the server")
}

async fn refuses_its_length(_: Request<Intake<String>>) -> Result<Response<String>, Infallible> {
    Ok(Status::out_of_range("Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes")
        .into_http())
}

#[tokio::test]
async fn a_known_caller_reaches_the_service_and_an_unknown_one_does_not() {
    let fixture = fixture(Role::Viewer);
    assert_eq!(fixture.status(fixture.request(GET), answers).await.code(), Code::Ok);
    let nobody = grpc(GET).body(String::new()).unwrap();
    let status = fixture.status(nobody, answers).await;
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.get_details_error_info().unwrap().reason, "KEY_INVALID");
}

const PAUSE: &str = "/tenterhook.v1.WebhookService/PauseWebhook";
const LIST_TOKENS: &str = "/tenterhook.v1.AccessService/ListTokens";
const PUBLISH: &str = "/tenterhook.v1.EventService/PublishEvent";

/// A service that says what the call is about, and refuses it.
async fn acts(request: Request<Intake<String>>) -> Result<Response<String>, Infallible> {
    request.extensions().get::<Caller>().unwrap().about(|| "default webhook wh_1 orders".to_owned());
    Ok(Status::not_found("").into_http())
}

/// A service that only checks, and then says what the call is about.
async fn checks(request: Request<Intake<String>>) -> Result<Response<String>, Infallible> {
    let caller = request.extensions().get::<Caller>().unwrap().clone();
    caller.only_checks(true);
    acts(request).await
}

#[tokio::test]
async fn the_audit_trail_has_each_call_that_changes_something_and_no_other() {
    let fixture = fixture(Role::Admin);
    for path in [GET, PUBLISH, LIST_TOKENS] {
        fixture.status(fixture.request(path), answers).await;
    }
    assert_eq!(fixture.counted.1.lock().unwrap().len(), 0);
    fixture.status(fixture.request(PAUSE), checks).await;
    assert_eq!(fixture.counted.1.lock().unwrap().len(), 0);
    fixture.status(fixture.request(PAUSE), answers).await;
    let mut request = fixture.request(PAUSE);
    let connection = Budgets::default().connection().from_peer(([192, 0, 2, 1], 7).into());
    request.extensions_mut().insert(connection);
    fixture.status(request, acts).await;
    let expected = [
        "PauseWebhook ci admin None  Ok",
        "PauseWebhook ci admin Some(192.0.2.1:7) default webhook wh_1 orders NotFound",
    ];
    assert_eq!(*fixture.counted.1.lock().unwrap(), expected);
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
    let request = grpc("/tenterhook.v1.WebhookService/NoSuch").body(String::new()).unwrap();
    let status = fixture.status(request, answers).await;
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.get_details_error_info().is_none());
}

#[tokio::test]
async fn a_refusal_repeats_nothing_of_the_path() {
    let fixture = fixture(Role::Admin);
    let path = format!("/{}", "secret".repeat(1_000));
    let status = fixture.status(fixture.request(&path), answers).await;
    assert!(status.message().len() < 100 && !status.message().contains("secret"), "{}", status.message());
}

#[tokio::test]
async fn what_is_no_grpc_gets_415_and_nothing_else() {
    let fixture = fixture(Role::Admin);
    for (content_type, expected) in [
        (Some("application/grpc"), StatusCode::OK),
        (Some("application/grpc+proto"), StatusCode::OK),
        (Some("application/grpc;charset=utf-8"), StatusCode::OK),
        (Some("Application/gRPC"), StatusCode::OK),
        (Some("application/grpc ; charset=utf-8"), StatusCode::OK),
        (Some("application/grpcx"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("application/json"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("application/grpc-web"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (None, StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let mut request = fixture.request(GET);
        request.headers_mut().remove(CONTENT_TYPE);
        content_type.map(|text| request.headers_mut().insert(CONTENT_TYPE, text.parse().unwrap()));
        let gate = GateLayer(Arc::clone(&fixture.state)).layer(service_fn(answers));
        let response = gate.oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{content_type:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_deadline_holds() {
    let fixture = fixture(Role::Admin);
    for (text, millis) in [("250m", 250), ("2S", 2_000), ("1H", 30_000), ("123456789S", 30_000), ("soon", 30_000)] {
        let mut request = fixture.request(GET);
        request.headers_mut().insert("grpc-timeout", text.parse().unwrap());
        let begun = tokio::time::Instant::now();
        assert_eq!(fixture.status(request, hangs).await.code(), Code::DeadlineExceeded);
        assert_eq!(begun.elapsed().as_millis(), millis, "{text}");
    }
}

#[tokio::test]
async fn open_streams_end_when_the_server_stops_or_the_connection_is_closed() {
    let path = "/grpc.health.v1.Health/Watch";
    for stops in [true, false] {
        let fixture = fixture(Role::Admin);
        let connection = Budgets::default().connection();
        let mut request = grpc(path).body(String::new()).unwrap();
        request.extensions_mut().insert(connection.clone());
        let service = service_fn(|_| async { Ok(Response::new(Silent)) });
        let gate = GateLayer(Arc::clone(&fixture.state)).layer(service);
        let body = gate.oneshot(request).await.unwrap().into_body();
        if stops {
            fixture.shutdown.cancel();
        } else {
            connection.retire();
        }
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap();
        let status = Status::from_header_map(&trailers).unwrap();
        let info = status.get_details_error_info().unwrap();
        assert_eq!((status.code(), info.reason.as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
        assert_eq!(info.metadata.contains_key("cause"), !stops);
    }
}

#[tokio::test]
async fn anybody_may_open_so_many_streams_and_other_connections_still_find_room() {
    let fixture = fixture(Role::Admin);
    let budgets = Budgets::default();
    let connection = budgets.connection();
    let mut open = Vec::new();
    let refused = loop {
        let mut request = grpc("/grpc.health.v1.Health/Watch").body(()).unwrap();
        match fixture.state.admit(&mut request, &connection) {
            Ok(admitted) => open.push(admitted),
            Err(status) => break status,
        }
    };
    assert_eq!((open.len(), refused.code()), (384, Code::ResourceExhausted));
    let mut request = grpc("/grpc.health.v1.Health/Watch").body(()).unwrap();
    assert!(fixture.state.admit(&mut request, &budgets.connection()).is_ok());
}

/// A body that says nothing and does not end.
#[derive(Debug, Default)]
struct Silent;

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn health_is_open_to_anybody_even_while_the_server_stops() {
    let fixture = fixture(Role::Admin);
    fixture.shutdown.cancel();
    let request = grpc("/grpc.health.v1.Health/Check").body(String::new()).unwrap();
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
async fn refusals_are_counted_by_their_status() {
    let fixture = fixture(Role::Publisher);
    fixture.status(fixture.request(GET), answers).await;
    fixture.status(grpc(GET).body(String::new()).unwrap(), answers).await;
    fixture.status(fixture.request("/no.Such/Method"), answers).await;
    let counted: Vec<_> = fixture.counted.0.lock().unwrap().iter().map(|why| why.as_str()).collect();
    assert_eq!(counted, ["permission_denied", "unauthenticated", "unimplemented"]);
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
        let connection = fixture.state.connection(&request);
        assert!(fixture.state.admit(&mut request, &connection).is_ok());
        assert_eq!(request.extensions().get::<TraceParent>().unwrap().0, kept);
    }
}
