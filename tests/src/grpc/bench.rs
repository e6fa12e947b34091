//! An API in this process, over a store in memory: no sockets, a clock that the test moves, a
//! name resolver and a sender that are tables, and keys of every role.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use tenterhook_api::access::{Access, KeyRing, NewKey, Role, Scope};
use tenterhook_api::{About, Api, ApiState, PublicKeys, Sender, TokenKey, Unmetered, router};
use tenterhook_attempt::PassThrough;
use tenterhook_deliver::CertificateCheck;
use tenterhook_engine::{Compilations, InProcess};
use tenterhook_intake::Intake;
use tenterhook_model::{
    AddressPolicy, Attempt, CapturedResponse, Clock, DeliveryId, Egress, Exchange, FailureSummary, HostName, Next,
    OsEntropy, Outcome, PreparedRequest, Resolve, ResolveError, SentRequest, Timestamp, WebhookHealth,
};
use tenterhook_proto::tenterhook::v1;
use tenterhook_proto::tenterhook::v1::access_service_client::AccessServiceClient;
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::server_service_client::ServerServiceClient;
use tenterhook_proto::tenterhook::v1::store_service_client::StoreServiceClient;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_store::{
    Claim, CommitObserver, EmbeddedStore, MemoryKv, Reads, SealingKey, Settlement, Store, StoreOptions,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::service::{Interceptor, Routes};
use tower::service_fn;

use crate::canary::lookout::{Kept, listen_to_the_log, overheard};
use crate::canary::mark::{self, Marking};

/// The time at which tests begin, in milliseconds since 1970.
const START: i64 = 1_700_000_000_000;

/// A clock that stands still unless it is moved.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Names that lead inside, partly or wholly, names without an address, one that moves inside
/// after its first look-up, and every other name outside.
#[derive(Debug, Default)]
struct Names {
    has_moved: AtomicBool,
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &HostName) -> Result<Vec<IpAddr>, ResolveError> {
        let (outside, inside) = (IpAddr::from([93, 184, 216, 34]), IpAddr::from([10, 0, 0, 7]));
        match host.as_str() {
            "inside.example.com" => Ok(vec![inside, IpAddr::from([10, 0, 0, 8])]),
            "mixed.example.com" => Ok(vec![inside, outside]),
            "moves.example.com" if self.has_moved.swap(true, Ordering::SeqCst) => Ok(vec![inside]),
            "nowhere.example.com" => Err(ResolveError::not_found(host)),
            "slow.example.com" => std::future::pending().await,
            _ => Ok(vec![outside]),
        }
    }
}

/// Puts a key into every request.
#[derive(Debug, Clone)]
pub(crate) struct Bearer(Option<String>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(header) = &self.0 {
            request.metadata_mut().insert(AUTHORIZATION.as_str(), header.parse().unwrap());
        }
        Ok(request)
    }
}

pub(crate) type Channel = InterceptedService<Routes, Bearer>;

/// The size of each commit of the store.
#[derive(Debug, Default)]
pub(crate) struct Commits(Mutex<Vec<usize>>);

impl Commits {
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }
}

impl CommitObserver for Commits {
    fn committed(&self, items: usize, _: Duration) {
        self.0.lock().unwrap().push(items);
    }
}

/// The API under test.
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) commits: Arc<Commits>,
    pub(crate) access: Access,
    pub(crate) shutdown: CancellationToken,
    pub(crate) routes: Routes,
    /// What the front shows without a key, once the API has been made.
    pub(crate) public_keys: Option<PublicKeys>,
    /// What was sent by TestWebhook.
    pub(crate) sent: Arc<Mutex<Vec<PreparedRequest>>>,
    egress: Egress,
    /// Keys by the name of their role, as `admin` or `admin@other`.
    pub(crate) keys: BTreeMap<&'static str, String>,
    pub(crate) ring: String,
    _writer: JoinSet<()>,
    _kept: Kept,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::behind(Egress::default()).await
    }

    /// As [`Bench::new`], of a server whose requests leave by this way.
    pub(crate) async fn behind(egress: Egress) -> Self {
        listen_to_the_log();
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let commits = Arc::new(Commits::default());
        let options = StoreOptions {
            clock: clock.clone(),
            entropy: Arc::new(OsEntropy),
            sealing_key: SealingKey::new(mark::key()),
            reads: Reads::Inline,
            operational_events: true,
            node: Default::default(),
            observer: Some(commits.clone()),
        };
        let kept = Kept(MemoryKv::default());
        let (store, writer) = EmbeddedStore::open(kept.0.clone(), options).unwrap();
        let mut writers = JoinSet::new();
        writers.spawn(writer.run_inline());
        let (keys, ring) = keys();
        let mut bench = Self {
            store,
            clock: clock.clone(),
            commits,
            access: Access::by_clock(KeyRing::parse(&ring).unwrap(), clock.clone()),
            shutdown: CancellationToken::new(),
            routes: Routes::default(),
            public_keys: None,
            sent: Arc::default(),
            egress,
            keys,
            ring,
            _writer: writers,
            _kept: kept,
        };
        let api = bench.api(bench.shutdown.clone()).await;
        (bench.routes, bench.public_keys) = (api.routes, Some(api.public_keys));
        bench
    }

    /// Another API over the same store, as after a restart.
    pub(crate) async fn api(&self, shutdown: CancellationToken) -> Api {
        let compilations = Arc::new(Compilations::new());
        let intake = Intake::new(tenterhook_intake::Parts {
            store: self.store.clone(),
            render: Arc::new(InProcess),
            compilations: Arc::clone(&compilations),
            contexts: Arc::default(),
            meter: Arc::new(tenterhook_intake::Unmetered),
        });
        let api = router(ApiState {
            store: self.store.clone(),
            intake: Arc::new(intake),
            render: Arc::new(InProcess),
            compilations,
            resolver: Arc::new(Names::default()),
            addresses: Arc::new(AddressPolicy::public()),
            egress: Arc::new(self.egress.clone()),
            transport_check: Arc::new(CertificateCheck::new(self.clock.clone(), false)),
            sender: sender(Arc::clone(&self.sent)),
            trace: Arc::new(PassThrough),
            clock: self.clock.clone(),
            entropy: Arc::new(Marking::Once),
            access: self.access.clone(),
            token_key: TokenKey::new(mark::key()),
            meter: Arc::new(Unmetered),
            shutdown,
            reflection: true,
            about: about(),
        });
        let mut api = api.await;
        api.routes = overheard(api.routes);
        api.ready().await;
        api
    }

    fn channel(&self, who: &str) -> Channel {
        self.channel_with(self.keys.get(who).map(String::as_str))
    }

    /// A channel for the holder of a key or a token's secret.
    pub(crate) fn channel_with(&self, secret: Option<&str>) -> Channel {
        InterceptedService::new(self.routes.clone(), Bearer(secret.map(|secret| format!("Bearer {secret}"))))
    }

    pub(crate) fn tokens_as(&self, who: &str) -> AccessServiceClient<Channel> {
        AccessServiceClient::new(self.channel(who))
    }

    /// Issues a token with this role in a namespace, for one webhook if one is named.
    pub(crate) async fn token(&self, role: &str, namespace: &str, webhook_id: &str) -> v1::CreateTokenResponse {
        let request = v1::CreateTokenRequest {
            namespace: namespace.to_owned(),
            role: role.to_owned(),
            display_name: "portal".to_owned(),
            webhook_id: webhook_id.to_owned(),
            ..Default::default()
        };
        self.tokens_as("admin").create_token(request).await.unwrap().into_inner()
    }

    pub(crate) fn webhooks_as(&self, who: &str) -> WebhookServiceClient<Channel> {
        WebhookServiceClient::new(self.channel(who))
    }

    pub(crate) fn webhooks(&self) -> WebhookServiceClient<Channel> {
        self.webhooks_as("admin")
    }

    pub(crate) fn events(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channel("admin"))
    }

    pub(crate) fn info_as(&self, who: &str) -> ServerServiceClient<Channel> {
        ServerServiceClient::new(self.channel(who))
    }

    pub(crate) fn stores_as(&self, who: &str) -> StoreServiceClient<Channel> {
        StoreServiceClient::new(self.channel(who))
    }

    pub(crate) fn deliveries(&self) -> DeliveryServiceClient<Channel> {
        DeliveryServiceClient::new(self.channel("admin"))
    }

    /// Makes the webhook of `request`.
    pub(crate) async fn create(&self, request: v1::CreateWebhookRequest) -> v1::CreateWebhookResponse {
        self.webhooks().create_webhook(request).await.unwrap().into_inner()
    }

    /// Makes an unsigned webhook that takes every event; gives its id.
    pub(crate) async fn webhook(&self, name: &str) -> String {
        let webhook = Some(webhook(name));
        self.create(v1::CreateWebhookRequest { webhook, ..Default::default() }).await.webhook.unwrap().id
    }

    /// Publishes an event of a type; gives its id.
    pub(crate) async fn publish(&self, event_type: &str) -> String {
        let event = Some(event(event_type));
        let response = self.events().publish_event(v1::PublishEventRequest { event }).await.unwrap();
        response.into_inner().result.unwrap().event_id
    }

    /// Claims what is due of a webhook, as a dispatcher does.
    pub(crate) async fn claim(&self, webhook: &str) -> Vec<Claim> {
        self.store.take_ready(self.clock.now());
        self.store.claim(webhook.parse().unwrap(), 100, self.clock.now()).await.unwrap()
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What a dispatcher settles after the attempt with this number.
    pub(crate) fn settlement(&self, delivery_id: DeliveryId, number: u32, next: Next) -> Settlement {
        let outcome = if next == Next::Succeed { Outcome::Success } else { Outcome::HttpStatus };
        let attempt = Some(Arc::new(attempt(number, outcome, self.clock.now())));
        Settlement { delivery_id, attempt, counts: true, next, health: None, suspend: None }
    }

    /// Claims what is due of a webhook and settles all of it with `next`; gives the deliveries.
    pub(crate) async fn attempt(&self, webhook: &str, next: Next) -> Vec<DeliveryId> {
        let claims = self.claim(webhook).await;
        let settlement = |claim: &Claim| self.settlement(claim.delivery.id, claim.delivery.attempt_count + 1, next);
        self.store.settle(claims.iter().map(settlement).collect()).await.unwrap();
        claims.iter().map(|claim| claim.delivery.id).collect()
    }

    /// As [`Self::attempt`], with this health, whose last failure is the first of them, and with the
    /// reason why the webhook is stopped, if it is.
    pub(crate) async fn fail(
        &self,
        webhook: &str,
        next: Next,
        health: WebhookHealth,
        suspend: Option<String>,
    ) -> Vec<DeliveryId> {
        let claims = self.claim(webhook).await;
        let first = &claims[0].delivery;
        let failed = attempt(first.attempt_count + 1, Outcome::HttpStatus, self.clock.now());
        let health = WebhookHealth { last_error: Some(FailureSummary::of(first, &failed)), ..health };
        let settlement = |claim: &Claim| Settlement {
            health: Some(health.clone()),
            suspend: suspend.clone(),
            ..self.settlement(claim.delivery.id, claim.delivery.attempt_count + 1, next)
        };
        self.store.settle(claims.iter().map(settlement).collect()).await.unwrap();
        claims.iter().map(|claim| claim.delivery.id).collect()
    }
}

/// A webhook that takes every event and has a secret.
pub(crate) fn webhook(name: &str) -> v1::Webhook {
    let secret = v1::HeaderTemplate { name: "X-Secret".into(), value: mark::hidden("header"), sensitive: true };
    let url = "https://hooks.example.com/in".into();
    let request = v1::RequestTemplate { url, headers: vec![secret], ..Default::default() };
    v1::Webhook { display_name: name.into(), request: Some(request), ..Default::default() }
}

/// An event without id.
pub(crate) fn event(event_type: &str) -> v1::Event {
    let data = v1::json_document::Value::Json("{\"id\":1}".into());
    v1::Event {
        r#type: event_type.into(),
        object_type: "dcim.site".into(),
        data: Some(v1::JsonDocument { value: Some(data) }),
        ..Default::default()
    }
}

fn attempt(number: u32, outcome: Outcome, now: Timestamp) -> Attempt {
    let response =
        tenterhook_fixtures::response(if outcome == Outcome::Success { 200 } else { 500 }, &[("server", "test")]);
    let request = SentRequest {
        method: tenterhook_model::HttpMethod::Post,
        url: "https://hooks.example.com/in".into(),
        headers: Vec::new(),
        body: "body".into(),
        body_truncated: false,
    };
    Attempt {
        start_time: now,
        duration: Duration::from_millis(12),
        error: if outcome == Outcome::Success { String::new() } else { "answered 500".into() },
        request: Some(request),
        response: Some(CapturedResponse { body: "answer".into(), ..response }),
        ..tenterhook_fixtures::attempt(number, outcome)
    }
}

/// A server on a store in memory that keeps things for a minute.
fn about() -> About {
    About {
        store_engine: "memory".to_owned(),
        start_time: Timestamp::default(),
        settings: BTreeMap::from([("retention", 60_000)]),
    }
}

/// A sender that notes what it is given and answers 200; the body `panic` makes it panic.
fn sender(sent: Arc<Mutex<Vec<PreparedRequest>>>) -> Sender {
    Sender::new(service_fn(move |request: PreparedRequest| {
        let panics = request.body.as_ref() == b"panic";
        sent.lock().unwrap().push(request);
        let response = CapturedResponse {
            status: 200,
            headers: Vec::new(),
            body: "ok".into(),
            body_truncated: false,
            note: String::new(),
        };
        let exchange = Exchange { response: Some(response), ..Exchange::failed(Outcome::Success, "") };
        async move {
            assert!(!panics, "the sender panics as it is told");
            Ok::<_, Infallible>(exchange)
        }
    }))
}

/// What the names of certificates say of a scope.
fn scope_word(scope: &Scope) -> &'static str {
    if *scope == Scope::Every { "every" } else { "other" }
}

/// A key for each role, and the key file that knows them.
fn keys() -> (BTreeMap<&'static str, String>, String) {
    let other = || Scope::One("other".parse().unwrap());
    let holders = [
        ("admin", Role::Admin, Scope::Every),
        ("publisher", Role::Publisher, Scope::Every),
        ("viewer", Role::Viewer, Scope::Every),
        ("operator", Role::Operator, Scope::Every),
        ("admin@other", Role::Admin, other()),
    ];
    let (mut keys, mut ring) = (BTreeMap::new(), String::new());
    for (name, role, scope) in holders {
        let made = NewKey::generate(role, &scope, name, None, &Marking::Never);
        keys.insert(name, made.key.expose().to_owned());
        ring.push_str(&made.line);
        ring.push('\n');
        // The same for a client certificate with the name `ROLE.NAMESPACE.example.com`.
        let namespace = if scope == Scope::Every { "*" } else { "other" };
        let (label, word) = (name.split('@').next().unwrap_or(name), scope_word(&scope));
        ring.push_str(&format!("san:{label}.{word}.example.com {label} {namespace} certificate\n"));
    }
    (keys, ring)
}
