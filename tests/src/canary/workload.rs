//! Everything that callers do with secrets: calls that succeed and calls that fail, deliveries
//! that arrive and that do not, twice over one store.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tenterhook_engine::signature::{Signable, sign};
use tenterhook_model::webhook::SignatureScheme;
use tenterhook_proto::tenterhook::v1::access_service_client::AccessServiceClient;
use tenterhook_proto::tenterhook::v1::authentication::Method;
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::render_preview_request::{Source, Target};
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{self, watch_deliveries_request::Start};
use tonic::Code;
use tonic::body::Body;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tower::ServiceExt as _;

use super::CONTROL;
use super::channel::{Answers, Overheard};
use super::receiver::Receiver;
use super::secrets::{Secrets, plain, signing, standard};
use super::server::Server;

/// The trace that the caller's events are part of.
pub(super) const TRACE_ID: [u8; 16] = [0x4b; 16];
const REQUEST_ID: &str = "17af32f0-852a-46ca-a7d4-33ecd0c13de6";

/// A channel that is listened to, for one caller.
type Caller = InterceptedService<Overheard<Channel>, Headers>;

/// Puts who calls, and the trace that the call is part of, into every request.
#[derive(Clone)]
pub(super) struct Headers([String; 2]);

impl Interceptor for Headers {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        for (name, value) in ["authorization", "traceparent"].into_iter().zip(&self.0) {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        Ok(request)
    }
}

/// One life of the server and its callers.
pub(super) struct Workload<'a> {
    secrets: &'a Secrets,
    channel: Channel,
    answers: Answers,
    receiver: Receiver,
}

impl<'a> Workload<'a> {
    pub(super) async fn new(server: &Server, secrets: &'a Secrets, answers: Answers) -> Self {
        let authority = Certificate::from_pem(&secrets.authority);
        let tls = ClientTlsConfig::new().ca_certificate(authority).domain_name("localhost");
        let endpoint = Endpoint::from_shared(format!("https://{}", server.api())).unwrap().tls_config(tls).unwrap();
        let channel = endpoint.connect().await.unwrap();
        Self { secrets, channel, answers, receiver: Receiver::start().await }
    }

    fn caller(&self, authorization: &str) -> Caller {
        let trace: String = TRACE_ID.iter().map(|byte| format!("{byte:02x}")).collect();
        let trace_parent = format!("00-{trace}-00f067aa0ba902b7-01");
        let channel = Overheard { inner: self.channel.clone(), hear: self.answers.ear() };
        InterceptedService::new(channel, Headers([authorization.to_owned(), trace_parent]))
    }

    fn admin(&self) -> Caller {
        self.caller(&format!("Bearer {}", self.secrets.api_key))
    }

    fn webhooks(&self) -> WebhookServiceClient<Caller> {
        WebhookServiceClient::new(self.admin())
    }

    fn deliveries(&self) -> DeliveryServiceClient<Caller> {
        DeliveryServiceClient::new(self.admin())
    }

    /// A webhook to a path of the receiver, with one attempt and these sensitive headers.
    fn webhook(&self, name: &str, path: &str, headers: &[(&str, &str)]) -> v1::Webhook {
        let header = |(name, value): &(&str, &str)| v1::HeaderTemplate {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
            sensitive: true,
        };
        let request = v1::RequestTemplate {
            url: format!("http://{}{path}", self.receiver.address),
            headers: headers.iter().map(header).collect(),
            ..Default::default()
        };
        v1::Webhook {
            display_name: name.to_owned(),
            request: Some(request),
            retry: Some(v1::RetryPolicy { max_attempts: 1, ..Default::default() }),
            ..Default::default()
        }
    }

    async fn create(&self, webhook: v1::Webhook, signing_secret: &str) -> Result<v1::Webhook, tonic::Status> {
        let request = v1::CreateWebhookRequest {
            webhook: Some(webhook),
            signing_secret: signing_secret.to_owned(),
            ..Default::default()
        };
        Ok(self.webhooks().create_webhook(request).await?.into_inner().webhook.unwrap())
    }

    pub(super) async fn first_life(&self) {
        let mut main = self.webhook(
            CONTROL,
            "/takes",
            &[("X-Api-Token", &plain("header")), ("Authorization", &format!("Bearer {}", plain("bearer")))],
        );
        main.signing = Some(v1::SigningPolicy { schemes: vec![1, 3], ..Default::default() });
        let main = self.create(main, &signing("signing")).await.unwrap();
        self.create(self.webhook("fails", "/fails", &[("X-Api-Token", &plain("header"))]), &standard()).await.unwrap();
        let value = format!("{} {{{{ data.nothing.{} }}}}", plain("render text"), plain("attribute"));
        let broken = self.create(self.webhook("breaks", "/breaks", &[("X-Broken", &value)]), "").await.unwrap();
        self.create(self.with_client_key(&self.secrets.client_key), "").await.unwrap();
        for (name, path, method) in [
            ("basic", "/authenticated", basic(&plain("basic password"))),
            ("oauth2", "/authenticated", self.oauth2("/token", &plain("client secret"))),
            // The token server sends back what it got, and no token.
            ("no token", "/never", self.oauth2("/echoes", &plain("client secret"))),
        ] {
            let authenticated = v1::Webhook { authentication: Some(method), ..self.webhook(name, path, &[]) };
            self.create(authenticated, "").await.unwrap();
        }
        Box::pin(self.refused_saves()).await;
        self.change(&main).await;
        self.preview(&main.id, &broken.id).await;
        self.refused_callers().await;
        self.send_as_netbox().await;
        self.publish_and_watch("first").await;
        self.look_at_all(&main).await;
    }

    pub(super) async fn second_life(&self) {
        let listed = self.webhooks().list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap().into_inner();
        let main = listed.webhooks.iter().find(|webhook| webhook.display_name == CONTROL).unwrap();
        let broken = listed.webhooks.iter().find(|webhook| webhook.display_name == "breaks").unwrap();
        // The receiver has a new port; headers and keys are left out, and so are kept.
        let request = v1::RequestTemplate {
            url: format!("http://{}/takes", self.receiver.address),
            ..main.request.clone().unwrap()
        };
        let update = v1::Webhook { id: main.id.clone(), request: Some(request), ..Default::default() };
        let update = v1::UpdateWebhookRequest { webhook: Some(update), ..Default::default() };
        self.webhooks().update_webhook(update).await.unwrap();
        for name in ["basic", "oauth2"] {
            let webhook = listed.webhooks.iter().find(|webhook| webhook.display_name == name).unwrap();
            let url = format!("http://{}/authenticated", self.receiver.address);
            let mut moved = v1::Webhook {
                id: webhook.id.clone(),
                request: Some(v1::RequestTemplate { url, ..Default::default() }),
                authentication: webhook.authentication.clone(),
                ..Default::default()
            };
            if let Some(Method::Oauth2(oauth2)) = moved.authentication.as_mut().and_then(|way| way.method.as_mut()) {
                oauth2.token_url = format!("http://{}/token", self.receiver.address);
            }
            let update = v1::UpdateWebhookRequest { webhook: Some(moved), ..Default::default() };
            self.webhooks().update_webhook(update).await.unwrap();
        }
        self.preview(&main.id, &broken.id).await;
        self.publish_and_watch("second").await;
        self.look_at_all(main).await;
    }

    /// Issues a token, calls with it, revokes it and is refused; returns its secret.
    pub(super) async fn a_token_from_its_issue_to_its_end(&self) -> String {
        let mut access = AccessServiceClient::new(self.admin());
        let request = v1::CreateTokenRequest {
            role: "viewer".to_owned(),
            display_name: "portal".to_owned(),
            ..Default::default()
        };
        let made = access.create_token(request).await.unwrap().into_inner();
        let mut webhooks = WebhookServiceClient::new(self.caller(&format!("Bearer {}", made.secret)));
        webhooks.list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap();
        let named = v1::ListWebhooksRequest { page_token: made.secret.clone(), ..Default::default() };
        webhooks.list_webhooks(named).await.unwrap_err();
        access.list_tokens(v1::ListTokensRequest::default()).await.unwrap();
        let swapped = v1::RevokeTokenRequest { token_id: made.secret.clone() };
        access.revoke_token(swapped).await.unwrap_err();
        access.revoke_token(v1::RevokeTokenRequest { token_id: made.token.unwrap().id }).await.unwrap();
        let refused = webhooks.list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        made.secret
    }

    /// A webhook that shows a certificate, to a receiver that does not speak TLS.
    fn with_client_key(&self, key: &str) -> v1::Webhook {
        let mut webhook = self.webhook("shows a certificate", "/", &[]);
        webhook.request.as_mut().unwrap().url = format!("https://{}/", self.receiver.address);
        webhook.transport = Some(v1::TransportPolicy {
            client_certificate_pem: self.secrets.client_certificate.clone(),
            client_private_key_pem: key.to_owned(),
            ..Default::default()
        });
        webhook
    }

    /// Authentication by a token of this path of the receiver.
    fn oauth2(&self, path: &str, secret: &str) -> v1::Authentication {
        let oauth2 = v1::OAuth2ClientCredentials {
            token_url: format!("http://{}{path}", self.receiver.address),
            client_id: "client".into(),
            client_authentication: v1::ClientAuthentication::Post.into(),
            client_secret: secret.to_owned(),
            ..Default::default()
        };
        v1::Authentication { method: Some(Method::Oauth2(oauth2)) }
    }

    /// Saves that fail for each field that holds a secret.
    async fn refused_saves(&self) {
        let header = |value: &str| self.webhook("refused", "/", &[("X-Secret", value)]);
        let (syntax, filter, unknown) = (plain("syntax"), plain("filter"), plain("unknown name"));
        let mut userinfo = self.webhook("refused", "/", &[]);
        userinfo.request.as_mut().unwrap().url = format!("https://user:{}@127.0.0.1/", plain("userinfo"));
        let broken_key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", plain("broken key"));
        let mut unfit = self.webhook("refused", "/", &[]);
        unfit.signing = Some(v1::SigningPolicy { schemes: vec![2], ..Default::default() });
        let long = signing("long signing").repeat(20);
        let credential = |method| v1::Webhook { authentication: Some(method), ..self.webhook("refused", "/", &[]) };
        let assertion = v1::OAuth2ClientCredentials {
            client_id: "client".into(),
            token_url: format!("https://user:{}@127.0.0.1/", plain("userinfo")),
            client_authentication: v1::ClientAuthentication::PrivateKeyJwt.into(),
            client_secret: plain("refused credential"),
            private_key_pem: broken_key.clone(),
            ..Default::default()
        };
        let refused = [
            (header(&format!("{{% {syntax} %}} {{{{ {syntax}")), String::new()),
            (header(&format!("{{{{ {syntax} {syntax} }}}}")), String::new()),
            (header(&format!("{{{{ data | {filter} }}}} {{{{ data is {filter} }}}}")), String::new()),
            (header(&format!("{{{{ {unknown}() }}}}")), String::new()),
            (header(&plain("long header").repeat(400)), String::new()),
            (header(&format!("{}\u{1}", plain("control header"))), String::new()),
            (header(&format!("{}é", plain("not ascii"))), String::new()),
            (userinfo, String::new()),
            (self.with_client_key(&broken_key), String::new()),
            (self.with_client_key(&self.secrets.other_key), String::new()),
            (credential(basic(&plain("refused credential").repeat(200))), String::new()),
            (credential(self.oauth2("/token", &format!("{}\n", plain("refused credential")))), String::new()),
            (credential(v1::Authentication { method: Some(Method::Oauth2(assertion)) }), String::new()),
            (unfit.clone(), signing("refused signing")),
            (unfit, format!("whsec_{}", signing("refused signing"))),
            (self.webhook("refused", "/", &[]), long),
            (self.webhook(CONTROL, "/", &[("X-Secret", &plain("failed update"))]), signing("conflicting signing")),
        ];
        for (place, (webhook, secret)) in refused.into_iter().enumerate() {
            let draft = Target::Webhook(webhook.clone());
            let answer = self.create(webhook, &secret).await;
            assert!(answer.is_err(), "the save {place} is refused: {answer:?}");
            // What is refused as a whole is told as the preview's answer, or refused as well.
            let _ = self.preview_of(draft).await;
        }
        for secret in ["conflicting signing", "signing"] {
            let request = v1::CreateWebhookRequest {
                webhook: Some(self.webhook("remembered", "/takes", &[])),
                signing_secret: signing(secret),
                request_id: REQUEST_ID.into(),
                validate_only: false,
            };
            let _ = self.webhooks().create_webhook(request).await;
        }
    }

    /// Updates, rotations and revocations, refused and done.
    async fn change(&self, main: &v1::Webhook) {
        let with = |name: &str, etag: &str| v1::UpdateWebhookRequest {
            webhook: Some(v1::Webhook {
                id: main.id.clone(),
                etag: etag.to_owned(),
                request: self.webhook("", "/takes", &[("X-Api-Token", &plain(name)), ("Authorization", "")]).request,
                ..Default::default()
            }),
            ..Default::default()
        };
        let stale = self.webhooks().update_webhook(with("failed update", "\"99\"")).await.unwrap_err();
        assert_eq!(stale.code(), Code::Aborted);
        self.webhooks().update_webhook(with("changed header", &main.etag)).await.unwrap();
        let rotate = |secret: String| v1::RotateSigningKeyRequest {
            webhook_id: main.id.clone(),
            signing_secret: secret,
            ..Default::default()
        };
        self.webhooks().rotate_signing_key(rotate(signing("long signing").repeat(20))).await.unwrap_err();
        let rotated = self.webhooks().rotate_signing_key(rotate(signing("rotated"))).await.unwrap().into_inner();
        let keys = rotated.webhook.unwrap().signing_keys;
        for key in [&keys[1].id, &keys[1].id, &keys[0].id] {
            let request =
                v1::RevokeSigningKeyRequest { webhook_id: main.id.clone(), key_id: key.clone(), ..Default::default() };
            let _ = self.webhooks().revoke_signing_key(request).await;
        }
    }

    async fn preview_of(&self, target: Target) -> Result<v1::RenderPreviewResponse, tonic::Status> {
        let source = Some(Source::Event(event("preview")));
        let request = v1::RenderPreviewRequest { target: Some(target), source };
        Ok(self.webhooks().render_preview(request).await?.into_inner())
    }

    /// Previews and tests of what is stored, and of a draft.
    async fn preview(&self, main: &str, broken: &str) {
        let shown = self.preview_of(Target::WebhookId(main.to_owned())).await.unwrap().request.unwrap();
        assert!(shown.headers.iter().any(|header| header.name == "X-Api-Token" && header.value == "***"), "{shown:?}");
        assert!(!self.preview_of(Target::WebhookId(broken.to_owned())).await.unwrap().errors.is_empty());
        let draft = self.webhook("draft", "/", &[("X-Secret", &plain("draft header"))]);
        self.preview_of(Target::Webhook(draft)).await.unwrap();
        for webhook in [main, broken] {
            let request = v1::TestWebhookRequest {
                webhook_id: webhook.to_owned(),
                event: Some(event("tried")),
                ..Default::default()
            };
            self.webhooks().test_webhook(request).await.unwrap();
        }
    }

    async fn refused_callers(&self) {
        let unknown = format!("Bearer th_{}", plain("unknown API key"));
        for authorization in [unknown, format!("Basic {}", plain("basic")), format!("Bearer {}", plain("basic"))] {
            let mut webhooks = WebhookServiceClient::new(self.caller(&authorization));
            let refused = webhooks.list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated);
        }
    }

    /// Publishes an event and watches until each of its deliveries has ended.
    async fn publish_and_watch(&self, id: &str) {
        let start = Some(Start::Position(v1::WatchPosition::Now.into()));
        let view = v1::DeliveryView::Full.into();
        let request = v1::WatchDeliveriesRequest { start, view, ..Default::default() };
        let mut watch = self.deliveries().watch_deliveries(request).await.unwrap().into_inner();
        let mut events = EventServiceClient::new(self.admin());
        let request = v1::PublishEventRequest { event: Some(event(id)) };
        let mut open = events.publish_event(request).await.unwrap().into_inner().result.unwrap().delivery_count;
        assert!(open >= 4);
        while open > 0 {
            let Some(Payload::Change(change)) = watch.message().await.unwrap().unwrap().payload else { continue };
            open -= i32::from(change.delivery.unwrap().finish_time.is_some());
        }
    }

    /// What NetBox sends, for a namespace without webhooks: not signed, signed with another secret, and as it must be.
    async fn send_as_netbox(&self) {
        const BODY: &str =
            r#"{"event": "created", "timestamp": "2026-03-06T15:11:23Z", "object_type": "ipam.prefix", "data": {}}"#;
        let signed = |secret: &str| {
            let message = Signable { id: "", timestamp: 0, body: BODY.as_bytes() };
            sign(SignatureScheme::NetBox, &[secret], message).unwrap().remove(0).value.to_string()
        };
        for (signature, status) in
            [(None, 401), (Some(signed(&plain("basic"))), 401), (Some(signed(&plain("NetBox secret"))), 200)]
        {
            let mut request = http::Request::post("https://localhost/v1/netbox?namespace=quiet");
            if let Some(signature) = signature {
                request = request.header("x-hook-signature", signature);
            }
            let request = request.body(Body::new(Full::new(Bytes::from_static(BODY.as_bytes())))).unwrap();
            let response = self.admin().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status);
            response.into_body().collect().await.unwrap();
        }
    }

    /// Reads everything that may be read.
    async fn look_at_all(&self, main: &v1::Webhook) {
        let get = v1::GetWebhookRequest { webhook_id: main.id.clone(), ..Default::default() };
        self.webhooks().get_webhook(get).await.unwrap();
        self.webhooks().list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap();
        let view = v1::DeliveryView::Full.into();
        let list = v1::ListDeliveriesRequest { view, ..Default::default() };
        let listed = self.deliveries().list_deliveries(list).await.unwrap().into_inner().deliveries;
        for delivery in &listed {
            let get = v1::GetDeliveryRequest { delivery_id: delivery.id.clone(), ..Default::default() };
            self.deliveries().get_delivery(get).await.unwrap();
        }
        for outcome in [
            v1::AttemptOutcome::Success,
            v1::AttemptOutcome::HttpStatus,
            v1::AttemptOutcome::Render,
            v1::AttemptOutcome::Tls,
            v1::AttemptOutcome::Authentication,
        ] {
            let has = |delivery: &v1::Delivery| delivery.attempts.iter().any(|attempt| attempt.outcome() == outcome);
            assert!(listed.iter().any(has), "no attempt ended as {outcome:?}: {listed:#?}");
        }
        let stats = v1::GetDeliveryStatsRequest::default();
        self.deliveries().get_delivery_stats(stats).await.unwrap();
    }

    /// The receiver got what nobody else may see, and the caller's trace.
    pub(super) fn assert_receivers_got_the_secrets(&self, life: usize) {
        let arrived = self.receiver.arrived.lock().unwrap();
        let taken: Vec<_> = arrived.iter().filter(|(path, _)| path == "/takes").map(|(_, headers)| headers).collect();
        let (token, bearer) = (plain("changed header"), format!("Bearer {}", plain("bearer")));
        let got =
            |name: &str, value: &str| taken.iter().any(|headers| headers.get(name).is_some_and(|got| got == value));
        assert!(got("x-api-token", &token) && got("authorization", &bearer), "life {life}: {taken:?}");
        let authenticated = arrived.iter().filter(|(path, _)| path == "/authenticated");
        let sent: Vec<_> = authenticated.filter_map(|(_, headers)| headers.get("authorization")).collect();
        let basic = tenterhook_model::Header::basic("user", &plain("basic password"));
        for value in [basic.value.to_string(), format!("Bearer {}", plain("access token"))] {
            assert!(sent.iter().any(|sent| **sent == value), "life {life}: {sent:?}");
        }
        let trace: String = TRACE_ID.iter().map(|byte| format!("{byte:02x}")).collect();
        let traced = |headers: &&http::HeaderMap| {
            headers.get("traceparent").is_some_and(|value| value.to_str().unwrap().contains(&trace))
        };
        assert!(taken.iter().any(traced), "life {life}: {taken:?}");
    }
}

fn basic(password: &str) -> v1::Authentication {
    let basic = v1::BasicAuthentication { username: "user".into(), password: password.to_owned() };
    v1::Authentication { method: Some(Method::Basic(basic)) }
}

fn event(id: &str) -> v1::Event {
    let data = v1::json_document::Value::Json("{\"id\": 1}".into());
    v1::Event {
        id: id.into(),
        r#type: "created".into(),
        object_type: "dcim.site".into(),
        data: Some(v1::JsonDocument { value: Some(data) }),
        ..Default::default()
    }
}
