//! Who sees what: every method of the descriptor set, in two namespaces, with every kind of
//! credential. A method without a request here fails; streams are in `tokens.rs` and `watch.rs`.

use serde_json::{Value, json};
use tenterhook_api::PeerNames;
use tenterhook_api::access::{METHODS, Method, Pace, Permission, Role};
use tonic::Code;

use super::bench::{Bench, webhook};
use super::proto_json::Schema;
use super::{raw, reason};

/// What the test calls about, in one namespace.
struct Place {
    namespace: &'static str,
    webhook: String,
    delivery: String,
    event: String,
}

impl Place {
    async fn new(bench: &Bench, namespace: &'static str, name: &str) -> Self {
        use tenterhook_proto::tenterhook::v1;
        let hook = v1::Webhook { namespace: namespace.to_owned(), ..webhook(name) };
        let created = v1::CreateWebhookRequest { webhook: Some(hook), ..Default::default() };
        let webhook = bench.create(created).await.webhook.unwrap().id;
        let event = Some(v1::Event { namespace: namespace.to_owned(), ..super::bench::event("created") });
        let published = bench.events().publish_event(v1::PublishEventRequest { event }).await.unwrap().into_inner();
        let filter = v1::DeliveryFilter { webhook_ids: vec![webhook.clone()], ..Default::default() };
        let list =
            v1::ListDeliveriesRequest { namespace: namespace.to_owned(), filter: Some(filter), ..Default::default() };
        let delivery = bench.deliveries().list_deliveries(list).await.unwrap().into_inner().deliveries.remove(0).id;
        Self { namespace, webhook, delivery, event: published.result.unwrap().event_id }
    }

    /// A request of the method that is right but for who sends it, and that leaves all as it was,
    /// or can be repeated.
    fn request(&self, method: &str, token: &str) -> Value {
        let Self { namespace, webhook, delivery, event } = self;
        let draft = json!({ "namespace": namespace, "display_name": "draft", "request": { "url": "https://hooks.example.com/" } });
        let published = json!({ "namespace": namespace, "type": "created" });
        match method {
            "CreateWebhook" => json!({ "webhook": draft, "validate_only": true }),
            "GetWebhook" | "TestWebhook" | "PauseWebhook" | "ResumeWebhook" => json!({ "webhook_id": webhook }),
            "RotateSigningKey" => json!({ "webhook_id": webhook, "grace_period": "0s" }),
            "UpdateWebhook" => json!({ "webhook": { "id": webhook, "etag": "stale" }, "update_mask": "labels" }),
            "DeleteWebhook" => json!({ "webhook_id": webhook, "etag": "stale" }),
            "RevokeSigningKey" => json!({ "webhook_id": webhook, "key_id": "key_00000000000000000000000000" }),
            "RenderPreview" => json!({ "webhook_id": webhook, "event_id": event }),
            "PublishEvent" => json!({ "event": published }),
            "BatchPublishEvents" => json!({ "events": [published] }),
            "GetEvent" | "ExplainEvent" => json!({ "namespace": namespace, "event_id": event }),
            "ReplayEvents" => json!({ "namespace": namespace, "webhook_id": webhook, "validate_only": true,
                "filter": { "event_ids": [event] } }),
            "GetDelivery" | "RetryDelivery" | "CancelDelivery" => json!({ "delivery_id": delivery }),
            "BatchRetryDeliveries" | "BatchCancelDeliveries" => json!({ "namespace": namespace, "validate_only": true,
                "filter": { "webhook_ids": [webhook] } }),
            "ListWebhooks" | "ListEvents" | "ListDeliveries" | "GetDeliveryStats" | "ListTokens" => {
                json!({ "namespace": namespace })
            }
            "CreateToken" => json!({ "namespace": namespace, "role": "viewer", "display_name": "walk" }),
            "RevokeToken" => json!({ "token_id": token }),
            "GetServerInfo" | "ListNamespaces" => json!({}),
            other => panic!("{other} has no request here"),
        }
    }
}

/// What a caller shows.
enum Credential {
    Key(String),
    Token(String),
    /// The name in a client certificate.
    Certificate(String),
}

/// Who calls.
struct Holder {
    name: &'static str,
    credential: Credential,
    role: Role,
    /// `None` for every namespace.
    namespace: Option<&'static str>,
    webhook: Option<String>,
}

/// Methods that show one webhook and its deliveries to who sees no more.
const OF_ONE_WEBHOOK: [&str; 5] = ["GetWebhook", "ListWebhooks", "GetDelivery", "ListDeliveries", "GetDeliveryStats"];

impl Holder {
    /// What it shows: a header, or a certificate.
    fn shows(&self) -> (Option<String>, PeerNames) {
        match &self.credential {
            Credential::Key(secret) | Credential::Token(secret) => {
                (Some(format!("Bearer {secret}")), PeerNames::default())
            }
            Credential::Certificate(name) => (None, PeerNames([name.clone()].into())),
        }
    }

    /// The kind of its credential.
    fn kind(&self) -> &'static str {
        match self.credential {
            Credential::Key(_) => "key",
            Credential::Token(_) => "token",
            Credential::Certificate(_) => "certificate",
        }
    }

    /// Whether the holder is let in with the request about `place`.
    fn may(&self, method: &Method, place: &Place) -> bool {
        let name = method.path.rsplit('/').next().unwrap();
        if !method.permission.is_of(self.role) || (self.kind() == "token" && name == "CreateToken") {
            return false;
        }
        if ["GetServerInfo", "ListNamespaces"].contains(&name) {
            return true;
        }
        if self.namespace.is_some_and(|own| own != place.namespace) {
            return false;
        }
        match &self.webhook {
            None => true,
            // A list shows what the caller sees, so it is not refused.
            Some(_) if name.starts_with("List") || name == "GetDeliveryStats" => OF_ONE_WEBHOOK.contains(&name),
            Some(own) => *own == place.webhook && OF_ONE_WEBHOOK.contains(&name),
        }
    }
}

async fn holders(bench: &Bench, own: &Place) -> Vec<Holder> {
    let roles = [
        ("admin", Role::Admin),
        ("publisher", Role::Publisher),
        ("viewer", Role::Viewer),
        ("operator", Role::Operator),
    ];
    let mut holders = Vec::new();
    let key = |name: &'static str, role, namespace| Holder {
        name,
        credential: Credential::Key(bench.keys[name].clone()),
        role,
        namespace,
        webhook: None,
    };
    let certificate = |name: &str| Credential::Certificate(format!("{name}.example.com"));
    holders.push(key("admin@other", Role::Admin, Some("other")));
    let of_other = certificate("admin.other");
    holders.push(Holder { credential: of_other, ..key("admin@other", Role::Admin, Some("other")) });
    for (name, role) in roles {
        holders.push(key(name, role, None));
        holders.push(Holder { credential: certificate(&format!("{name}.every")), ..key(name, role, None) });
        let credential = Credential::Token(bench.token(name, own.namespace, "").await.secret);
        holders.push(Holder { credential, namespace: Some(own.namespace), ..key(name, role, None) });
    }
    let credential = Credential::Token(bench.token("viewer", own.namespace, &own.webhook).await.secret);
    let webhook = Some(own.webhook.clone());
    let viewer = key("viewer", Role::Viewer, Some(own.namespace));
    holders.push(Holder { name: "viewer of one webhook", credential, webhook, ..viewer });
    holders
}

#[tokio::test]
async fn every_method_shows_each_holder_just_its_role_its_namespace_and_its_webhook() {
    let bench = Bench::new().await;
    let own = Place::new(&bench, "default", "own").await;
    let sibling = Place::new(&bench, "default", "sibling").await;
    let other = Place::new(&bench, "other", "other").await;
    let schema = Schema::new();
    let mut complaints = Vec::new();
    for holder in holders(&bench, &own).await {
        let (header, names) = holder.shows();
        for method in METHODS.iter().filter(|one| one.permission != Permission::Open && one.pace != Pace::Stream) {
            let name = method.path.rsplit('/').next().unwrap();
            for place in [&own, &sibling, &other] {
                // One that may be revoked; each is revoked once.
                let token = bench.token("viewer", place.namespace, "").await.token.unwrap().id;
                let (path, input) = &schema.methods[name];
                let message = schema.encode(input, &place.request(name, &token));
                let status = raw::call_over(&bench.routes, path, header.as_deref(), &names, &message).await;
                let why = reason(&status);
                let hidden = ["WEBHOOK_NOT_FOUND", "DELIVERY_NOT_FOUND", "TOKEN_NOT_FOUND", "KEY_FORBIDDEN"];
                let is_let_in = !hidden.contains(&why.as_str());
                if is_let_in != holder.may(method, place)
                    || ["INVALID_FIELD", "KEY_INVALID", "INTERNAL"].contains(&&*why)
                {
                    let at =
                        format!("{} ({})", place.namespace, if place.webhook == own.webhook { "own" } else { "other" });
                    complaints.push(format!("{name} by the {} {} about {at}: {status:?}", holder.kind(), holder.name));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn a_token_that_is_revoked_or_unknown_is_refused_everywhere() {
    let bench = Bench::new().await;
    let made = bench.token("admin", "default", "").await;
    let revoke = tenterhook_proto::tenterhook::v1::RevokeTokenRequest { token_id: made.token.unwrap().id };
    bench.tokens_as("admin").revoke_token(revoke).await.unwrap();
    let unknown = format!("tht_{}", "0".repeat(64));
    for method in METHODS.iter().filter(|method| method.permission != Permission::Open) {
        for secret in [&made.secret, &unknown] {
            let status = raw::call(&bench.routes, method.path, Some(&format!("Bearer {secret}")), &[]).await;
            assert_eq!((status.code(), &*reason(&status)), (Code::Unauthenticated, "KEY_INVALID"), "{}", method.path);
        }
    }
}
