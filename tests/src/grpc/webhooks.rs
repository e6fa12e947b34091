//! CRUD of webhooks: what is stored, what is told, what is kept.

use std::time::Duration;

use tenterhook_model::Next;
use tenterhook_proto::tenterhook::v1;
use tenterhook_store::Settlement;
use tonic::{Code, Status};

use super::bench::{Bench, webhook};
use super::{fields, metadata, reason};
use crate::canary::mark;

fn create(webhook: v1::Webhook) -> v1::CreateWebhookRequest {
    v1::CreateWebhookRequest { webhook: Some(webhook), ..Default::default() }
}

fn update(webhook: v1::Webhook, paths: &[&str]) -> v1::UpdateWebhookRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    v1::UpdateWebhookRequest {
        webhook: Some(webhook),
        update_mask: Some(prost_types::FieldMask { paths }),
        validate_only: false,
    }
}

async fn get(bench: &Bench, id: &str) -> Result<v1::Webhook, Status> {
    let request = v1::GetWebhookRequest { webhook_id: id.to_owned(), ..Default::default() };
    bench.webhooks().get_webhook(request).await.map(|response| response.into_inner().webhook.unwrap())
}

async fn updated(bench: &Bench, request: v1::UpdateWebhookRequest) -> Result<v1::Webhook, Status> {
    bench.webhooks().update_webhook(request).await.map(|response| response.into_inner().webhook.unwrap())
}

#[tokio::test]
async fn a_webhook_is_told_as_it_was_made() {
    let bench = Bench::new().await;
    let made = bench.create(create(webhook("w"))).await;
    let told = made.webhook.unwrap();
    assert_eq!(get(&bench, &told.id).await.unwrap(), told);
    assert!(told.id.starts_with("wh_") && !told.etag.is_empty() && told.create_time.is_some());
    assert_eq!((told.namespace.as_str(), told.state()), ("default", v1::WebhookState::Active));
    assert_eq!(made.signing_secret, "", "neither a secret nor `signing` was given");
}

#[tokio::test]
async fn a_secret_is_told_once_and_made_when_signing_is_set() {
    let bench = Bench::new().await;
    let signing = Some(v1::SigningPolicy::default());
    let made = bench.create(create(v1::Webhook { signing, ..webhook("made") })).await;
    assert!(made.signing_secret.starts_with("whsec_"));
    let given = v1::CreateWebhookRequest { signing_secret: mark::signing("given"), ..create(webhook("given")) };
    let given = bench.create(given).await;
    assert_eq!(given.signing_secret, mark::signing("given"));
    let told = get(&bench, &given.webhook.unwrap().id).await.unwrap();
    assert_eq!(told.signing_keys.len(), 1);
}

#[tokio::test]
async fn a_repeat_under_a_request_id_gets_the_first_answer_for_24_hours() {
    let bench = Bench::new().await;
    let request = v1::CreateWebhookRequest {
        signing_secret: mark::signing("s"),
        request_id: "17af32f0-852a-46ca-a7d4-33ecd0c13de6".into(),
        ..create(webhook("w"))
    };
    let first = bench.create(request.clone()).await;
    bench.clock.advance(Duration::from_secs(86_399));
    assert_eq!(bench.create(request.clone()).await, first);
    let other = v1::CreateWebhookRequest { webhook: Some(webhook("x")), ..request.clone() };
    let conflict = bench.webhooks().create_webhook(other.clone()).await.unwrap_err();
    assert_eq!((conflict.code(), reason(&conflict).as_str()), (Code::AlreadyExists, "REQUEST_ID_CONFLICT"));
    bench.clock.advance(Duration::from_secs(1));
    assert!(bench.webhooks().create_webhook(other).await.is_ok(), "forgotten after a day");
}

#[tokio::test]
async fn a_name_is_unique_in_its_namespace() {
    let bench = Bench::new().await;
    let id = bench.webhook("w").await;
    let taken = bench.webhooks().create_webhook(create(webhook("w"))).await.unwrap_err();
    assert_eq!((taken.code(), metadata(&taken, "webhook_id")), (Code::AlreadyExists, id));
    let elsewhere = v1::Webhook { namespace: "other".into(), ..webhook("w") };
    assert!(bench.webhooks().create_webhook(create(elsewhere)).await.is_ok());
}

#[tokio::test]
async fn validate_only_checks_everything_and_stores_nothing() {
    let bench = Bench::new().await;
    bench.webhook("taken").await;
    let dry = |webhook| v1::CreateWebhookRequest { validate_only: true, ..create(webhook) };
    let answer = bench.create(dry(webhook("w"))).await;
    assert_eq!(answer.webhook.unwrap().id, "");
    assert_eq!(bench.webhooks().create_webhook(dry(webhook("taken"))).await.unwrap_err().code(), Code::AlreadyExists);
    let list = bench.webhooks().list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.webhooks.len(), 1);
    let stored = &list.webhooks[0];
    let change = v1::Webhook { id: stored.id.clone(), description: "new".into(), ..Default::default() };
    let dry = v1::UpdateWebhookRequest { validate_only: true, ..update(change, &["description"]) };
    assert_eq!(updated(&bench, dry).await.unwrap().description, "new");
    assert_eq!(get(&bench, &stored.id).await.unwrap(), *stored);
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names_and_the_etag() {
    let bench = Bench::new().await;
    let before = bench.create(create(v1::Webhook { description: "old".into(), ..webhook("w") })).await.webhook.unwrap();
    let change = v1::Webhook {
        id: before.id.clone(),
        display_name: "ignored".into(),
        description: "new".into(),
        request: Some(v1::RequestTemplate { body: "{{ event }}".into(), ..Default::default() }),
        ..Default::default()
    };
    let after = updated(&bench, update(change, &["description", "request.body"])).await.unwrap();
    assert_eq!((after.display_name.as_str(), after.description.as_str()), ("w", "new"));
    let request = after.request.as_ref().unwrap();
    assert_eq!((request.url.as_str(), request.body.as_str()), ("https://hooks.example.com/in", "{{ event }}"));
    assert_ne!(after.etag, before.etag);
}

#[tokio::test]
async fn an_update_without_a_mask_changes_every_field_that_is_set() {
    let bench = Bench::new().await;
    let id = bench.webhook("w").await;
    let change = v1::Webhook { id, description: "new".into(), ..Default::default() };
    let request = v1::UpdateWebhookRequest { webhook: Some(change), ..Default::default() };
    let after = updated(&bench, request).await.unwrap();
    assert_eq!((after.display_name.as_str(), after.description.as_str()), ("w", "new"));
}

#[tokio::test]
async fn a_namespace_never_changes() {
    let bench = Bench::new().await;
    let id = bench.webhook("w").await;
    let moved = |namespace: &str| v1::Webhook { id: id.clone(), namespace: namespace.into(), ..webhook("w") };
    assert!(updated(&bench, update(moved("default"), &["*"])).await.is_ok());
    assert_eq!(fields(&updated(&bench, update(moved("other"), &["*"])).await.unwrap_err()), ["webhook.namespace"]);
    let named = updated(&bench, update(moved("other"), &["namespace"])).await.unwrap_err();
    assert_eq!(fields(&named), ["update_mask", "webhook.namespace"]);
}

#[tokio::test]
async fn an_update_that_changes_nothing_keeps_the_etag() {
    let bench = Bench::new().await;
    let before = bench.create(create(webhook("w"))).await.webhook.unwrap();
    assert_eq!(updated(&bench, update(before.clone(), &["*"])).await.unwrap(), before);
}

#[tokio::test]
async fn a_stale_etag_is_refused_with_the_current_one() {
    let bench = Bench::new().await;
    let before = bench.create(create(webhook("w"))).await.webhook.unwrap();
    let change = |text: &str, etag: &str| {
        let webhook =
            v1::Webhook { id: before.id.clone(), description: text.into(), etag: etag.into(), ..Default::default() };
        update(webhook, &["description"])
    };
    let after = updated(&bench, change("one", &before.etag)).await.unwrap();
    let stale = updated(&bench, change("two", &before.etag)).await.unwrap_err();
    assert_eq!((stale.code(), metadata(&stale, "etag")), (Code::Aborted, after.etag.clone()));
    let delete = |etag: &str| v1::DeleteWebhookRequest {
        webhook_id: before.id.clone(),
        etag: etag.into(),
        allow_missing: false,
    };
    assert_eq!(bench.webhooks().delete_webhook(delete(&before.etag)).await.unwrap_err().code(), Code::Aborted);
    assert!(bench.webhooks().delete_webhook(delete(&after.etag)).await.is_ok());
}

#[tokio::test]
async fn sensitive_headers_are_kept_when_an_update_leaves_them_empty() {
    let bench = Bench::new().await;
    let mut secret = webhook("w");
    let header = v1::HeaderTemplate { name: "X-Key".into(), value: mark::hidden("key"), sensitive: true };
    secret.request.as_mut().unwrap().headers = vec![header];
    let told = bench.create(create(secret)).await.webhook.unwrap();
    assert_eq!(told.request.as_ref().unwrap().headers[0].value, "");
    let again = v1::Webhook { description: "new".into(), ..told.clone() };
    updated(&bench, update(again, &["*"])).await.unwrap();
    let test = v1::TestWebhookRequest { webhook_id: told.id, ..Default::default() };
    bench.webhooks().test_webhook(test).await.unwrap();
    let sent = bench.sent.lock().unwrap()[0].headers.clone();
    assert!(sent.iter().any(|header| header.name == "X-Key" && *header.value == *mark::hidden("key")));
}

#[tokio::test]
async fn where_a_url_leads_is_checked_at_save() {
    let bench = Bench::new().await;
    let of = |url: &str| {
        let request = v1::RequestTemplate { url: url.into(), ..Default::default() };
        create(v1::Webhook { request: Some(request), ..webhook(url) })
    };
    for (url, host) in [
        ("http://10.0.0.1/", "10.0.0.1"),
        ("https://inside.example.com/{{ event }}", "inside.example.com"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
    ] {
        let refused = bench.webhooks().create_webhook(of(url)).await.unwrap_err();
        assert_eq!(
            (reason(&refused).as_str(), fields(&refused)),
            ("URL_FORBIDDEN", vec!["webhook.request.url".into()])
        );
        assert!(refused.message().contains("--allow-network"), "{}", refused.message());
        assert_eq!(metadata(&refused, "host"), host);
    }
    for url in ["https://nowhere.example.com/", "https://mixed.example.com/"] {
        assert!(bench.webhooks().create_webhook(of(url)).await.is_ok(), "{url}");
    }
}

#[tokio::test]
async fn hosts_that_nobody_can_look_up_or_certify_are_refused_at_save() {
    let bench = Bench::new().await;
    let long = ["a".repeat(60).as_str(); 4].join(".") + ".example.test";
    for (host, why) in [
        ("hooks..example.test", "empty label"),
        (".example.test", "empty label"),
        ("hooks.example.test..", "empty label"),
        ("dash-.example.test", "begins or ends with `-`"),
        ("-dash.example.test", "begins or ends with `-`"),
        (&*"a".repeat(64), "a label of 64 bytes"),
        (&*long, "is 256 bytes long"),
    ] {
        for scheme in ["http", "https"] {
            let request = v1::RequestTemplate { url: format!("{scheme}://{host}/in"), ..Default::default() };
            let draft = create(v1::Webhook { request: Some(request), ..webhook("w") });
            let refused = bench.webhooks().create_webhook(draft).await.unwrap_err();
            assert_eq!(fields(&refused), ["webhook.request.url"], "{host}");
            assert!(refused.message().contains(why) && refused.message().len() < 300, "{}", refused.message());
        }
    }
}

#[tokio::test]
async fn an_update_that_leaves_the_url_alone_does_not_ask_where_it_leads() {
    let bench = Bench::new().await;
    let request = v1::RequestTemplate { url: "https://moves.example.com/".into(), ..Default::default() };
    let saved = bench.create(create(v1::Webhook { request: Some(request.clone()), ..webhook("w") })).await;
    let id = saved.webhook.unwrap().id;
    let described = v1::Webhook { id: id.clone(), description: "moved inside".into(), ..Default::default() };
    let updated = bench.webhooks().update_webhook(update(described, &["description"])).await.unwrap().into_inner();
    assert_eq!(updated.webhook.unwrap().description, "moved inside");
    let moved = v1::RequestTemplate { url: "https://moves.example.com/new".into(), ..request };
    let moved = v1::Webhook { id, request: Some(moved), ..Default::default() };
    let refused = bench.webhooks().update_webhook(update(moved, &["request.url"])).await.unwrap_err();
    assert_eq!((reason(&refused).as_str(), fields(&refused)), ("URL_FORBIDDEN", vec!["webhook.request.url".into()]));
}

#[tokio::test]
async fn an_update_of_what_no_longer_compiles_is_refused_for_new_faults_only() {
    let bench = Bench::new().await;
    let id = bench.webhook("w").await;
    let mut stored = tenterhook_model::Webhook::clone(&bench.store.webhooks().by_id[&id.parse().unwrap()]);
    stored.spec.request.body = "{% taken_by_another_version %}".into();
    let (webhook, expect) = (Box::new(stored), tenterhook_store::Expect::Present);
    bench.store.save_webhook(tenterhook_store::WebhookChange::Put { webhook, expect, request: None }).await.unwrap();
    let off = v1::Webhook { id: id.clone(), disabled: true, ..Default::default() };
    let updated = bench.webhooks().update_webhook(update(off, &["disabled"])).await.unwrap().into_inner();
    assert!(updated.webhook.unwrap().disabled);
    let with =
        |request: v1::RequestTemplate| v1::Webhook { id: id.clone(), request: Some(request), ..Default::default() };
    for (mask, request) in [
        ("request.url", v1::RequestTemplate { url: "https://a.example.com/{{".into(), ..Default::default() }),
        ("request.url", v1::RequestTemplate { url: "http://169.254.169.254/".into(), ..Default::default() }),
        ("request.url", v1::RequestTemplate { url: "https://10.0.0.7/{{ event }}".into(), ..Default::default() }),
        ("request.body", v1::RequestTemplate { body: "{% also_unknown %}".into(), ..Default::default() }),
    ] {
        let refused = bench.webhooks().update_webhook(update(with(request), &[mask])).await.unwrap_err();
        assert_eq!(fields(&refused), [format!("webhook.{mask}")]);
    }
    let mended = v1::RequestTemplate { body: "{{ event }}".into(), ..Default::default() };
    bench.webhooks().update_webhook(update(with(mended), &["request.body"])).await.unwrap();
}

#[tokio::test]
async fn what_was_taken_once_and_would_be_refused_today_is_a_warning() {
    let bench = Bench::new().await;
    let id = bench.webhook("w").await;
    let warnings = async || {
        let get = v1::GetWebhookRequest { webhook_id: id.clone(), ..Default::default() };
        bench.webhooks().get_webhook(get).await.unwrap().into_inner().webhook.unwrap().warnings
    };
    assert_eq!(warnings().await, [""; 0]);
    let mut stored = tenterhook_model::Webhook::clone(&bench.store.webhooks().by_id[&id.parse().unwrap()]);
    stored.spec.request.body = "{% taken_by_another_version %}".into();
    stored.spec.request.url = "https://10.0.0.7/hook".into();
    let (webhook, expect) = (Box::new(stored), tenterhook_store::Expect::Present);
    bench.store.save_webhook(tenterhook_store::WebhookChange::Put { webhook, expect, request: None }).await.unwrap();
    let told = warnings().await;
    let begins: Vec<&str> = told.iter().map(|warning| warning.split(": ").next().unwrap()).collect();
    assert_eq!(begins, ["request.body", "request.url"], "{told:?}");
    assert!(told[1].contains("10.0.0.7 is not public"), "{told:?}");
}

#[tokio::test]
async fn an_update_of_credentials_does_not_ask_where_their_token_server_has_moved() {
    let bench = Bench::new().await;
    let oauth2 = v1::OAuth2ClientCredentials {
        token_url: "https://moves.example.com/token".into(),
        client_id: "c".into(),
        client_secret: "s3cr3t".into(),
        ..Default::default()
    };
    let with = |id: &str, oauth2: v1::OAuth2ClientCredentials| v1::Webhook {
        id: id.into(),
        authentication: Some(v1::Authentication { method: Some(v1::authentication::Method::Oauth2(oauth2)) }),
        ..webhook("w")
    };
    let id = bench.create(create(with("", oauth2.clone()))).await.webhook.unwrap().id;
    let scoped = v1::OAuth2ClientCredentials { scopes: vec!["hooks".into()], ..oauth2.clone() };
    bench.webhooks().update_webhook(update(with(&id, scoped), &["authentication"])).await.unwrap();
    let moved = v1::OAuth2ClientCredentials { token_url: "https://moves.example.com/new".into(), ..oauth2 };
    let refused = bench.webhooks().update_webhook(update(with(&id, moved), &["authentication"])).await.unwrap_err();
    assert_eq!(fields(&refused), ["webhook.authentication.oauth2.token_url"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nobody_answers_for_is_accepted_after_two_seconds() {
    let bench = Bench::new().await;
    let request = v1::RequestTemplate { url: "https://slow.example.com/".into(), ..Default::default() };
    let started = tokio::time::Instant::now();
    bench.create(create(v1::Webhook { request: Some(request), ..webhook("slow") })).await;
    assert!(started.elapsed() >= Duration::from_secs(2) && started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn pausing_and_resuming_may_be_repeated_and_tell_the_reason() {
    let bench = Bench::new().await;
    let id = bench.webhook("w").await;
    let pause = v1::PauseWebhookRequest { webhook_id: id.clone(), reason: "maintenance".into(), ..Default::default() };
    let paused = bench.webhooks().pause_webhook(pause.clone()).await.unwrap().into_inner().webhook.unwrap();
    assert_eq!((paused.state(), paused.state_reason.as_str()), (v1::WebhookState::Paused, "maintenance"));
    let again = bench.webhooks().pause_webhook(pause).await.unwrap().into_inner().webhook.unwrap();
    assert_eq!(again, paused);
    for _ in 0..2 {
        let resume = v1::ResumeWebhookRequest { webhook_id: id.clone(), ..Default::default() };
        let resumed = bench.webhooks().resume_webhook(resume).await.unwrap().into_inner().webhook.unwrap();
        assert_eq!((resumed.state(), resumed.state_reason.as_str()), (v1::WebhookState::Active, ""));
    }
}

#[tokio::test]
async fn an_update_does_not_undo_a_suspension() {
    let bench = Bench::new().await;
    let id = bench.webhook("w").await;
    let read = get(&bench, &id).await.unwrap();
    bench.publish("created").await;
    let claim = bench.claim(&id).await.remove(0);
    let gone = Settlement {
        delivery_id: claim.delivery.id,
        attempt: None,
        counts: false,
        next: Next::GiveUp,
        health: None,
        suspend: Some("answered 410".into()),
    };
    bench.store.settle(vec![gone]).await.unwrap();
    let change = |etag: &str| {
        let webhook =
            v1::Webhook { id: id.clone(), etag: etag.into(), description: format!("new {etag}"), ..Default::default() };
        update(webhook, &["description"])
    };
    let refused = updated(&bench, change(&read.etag)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    for etag in [metadata(&refused, "etag"), String::new()] {
        let saved = updated(&bench, change(&etag)).await.unwrap();
        assert_eq!((saved.state(), saved.state_reason.as_str()), (v1::WebhookState::Suspended, "answered 410"));
    }
}

#[tokio::test]
async fn a_paused_webhook_gets_deliveries_and_a_disabled_one_does_not() {
    let bench = Bench::new().await;
    let paused = bench.webhook("paused").await;
    let pause = v1::PauseWebhookRequest { webhook_id: paused, ..Default::default() };
    bench.webhooks().pause_webhook(pause).await.unwrap();
    bench.create(create(v1::Webhook { disabled: true, ..webhook("disabled") })).await;
    let request = v1::PublishEventRequest { event: Some(super::bench::event("created")) };
    let result = bench.events().publish_event(request).await.unwrap().into_inner().result.unwrap();
    assert_eq!(result.delivery_count, 1);
}

#[tokio::test]
async fn a_rotation_lets_the_old_key_sign_until_its_grace_ends() {
    let bench = Bench::new().await;
    let signed = v1::CreateWebhookRequest { signing_secret: mark::signing("old"), ..create(webhook("w")) };
    let made = bench.create(signed).await.webhook.unwrap();
    let rotate = v1::RotateSigningKeyRequest {
        webhook_id: made.id.clone(),
        grace_period: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        request_id: "17af32f0-852a-46ca-a7d4-33ecd0c13de6".into(),
        ..Default::default()
    };
    let rotated = bench.webhooks().rotate_signing_key(rotate.clone()).await.unwrap().into_inner();
    let keys = rotated.webhook.as_ref().unwrap().signing_keys.clone();
    assert_eq!(
        (keys.len(), keys[0].expire_time.is_none(), keys[1].id.clone()),
        (2, true, made.signing_keys[0].id.clone())
    );
    assert!(rotated.signing_secret.starts_with("whsec_"));
    let repeat = bench.webhooks().rotate_signing_key(rotate).await.unwrap().into_inner();
    assert_eq!(repeat.signing_secret, rotated.signing_secret);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(get(&bench, &made.id).await.unwrap().signing_keys.len(), 1);
}

#[tokio::test]
async fn an_old_key_can_be_revoked_and_the_current_one_cannot() {
    let bench = Bench::new().await;
    let signed = v1::CreateWebhookRequest { signing_secret: mark::signing("old"), ..create(webhook("w")) };
    let id = bench.create(signed).await.webhook.unwrap().id;
    let rotate = v1::RotateSigningKeyRequest { webhook_id: id.clone(), ..Default::default() };
    let keys = bench.webhooks().rotate_signing_key(rotate).await.unwrap().into_inner().webhook.unwrap().signing_keys;
    let revoke = |key: &str| v1::RevokeSigningKeyRequest {
        webhook_id: id.clone(),
        key_id: key.to_owned(),
        ..Default::default()
    };
    let current = bench.webhooks().revoke_signing_key(revoke(&keys[0].id)).await.unwrap_err();
    assert_eq!((current.code(), reason(&current).as_str()), (Code::FailedPrecondition, "STATE_FORBIDS"));
    let left = bench.webhooks().revoke_signing_key(revoke(&keys[1].id)).await.unwrap().into_inner().webhook.unwrap();
    assert_eq!(left.signing_keys.len(), 1);
    let gone = bench.webhooks().revoke_signing_key(revoke(&keys[1].id)).await.unwrap_err();
    assert_eq!((gone.code(), metadata(&gone, "key_id")), (Code::NotFound, keys[1].id.clone()));
}

#[tokio::test]
async fn keys_that_sign_at_once_are_bounded() {
    let bench = Bench::new().await;
    let signed = v1::CreateWebhookRequest { signing_secret: mark::signing("old"), ..create(webhook("w")) };
    let webhook_id = bench.create(signed).await.webhook.unwrap().id;
    let rotate = || v1::RotateSigningKeyRequest { webhook_id: webhook_id.clone(), ..Default::default() };
    for _ in 1..8 {
        bench.webhooks().rotate_signing_key(rotate()).await.unwrap();
    }
    let refused = bench.webhooks().rotate_signing_key(rotate()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "LIMIT_EXCEEDED"));
}

#[tokio::test]
async fn an_unsigned_webhook_needs_a_key_before_it_can_sign() {
    let bench = Bench::new().await;
    let id = bench.webhook("w").await;
    let signing = || Some(v1::SigningPolicy { schemes: vec![2], ..Default::default() });
    let change = || update(v1::Webhook { id: id.clone(), signing: signing(), ..Default::default() }, &["signing"]);
    assert_eq!(fields(&updated(&bench, change()).await.unwrap_err()), ["webhook.signing"]);
    let plain = v1::RotateSigningKeyRequest {
        webhook_id: id.clone(),
        signing_secret: mark::signing("plain"),
        ..Default::default()
    };
    bench.webhooks().rotate_signing_key(plain).await.unwrap();
    let unfit = updated(&bench, change()).await.unwrap_err();
    assert_eq!(fields(&unfit), ["webhook.signing.schemes"], "{}", unfit.message());
    let fresh = v1::RotateSigningKeyRequest { webhook_id: id.clone(), ..Default::default() };
    bench.webhooks().rotate_signing_key(fresh).await.unwrap();
    assert!(updated(&bench, change()).await.is_ok());
}

#[tokio::test]
async fn key_pairs_are_made_rotated_and_shown_by_their_public_keys_alone() {
    let bench = Bench::new().await;
    let signing = |schemes| Some(v1::SigningPolicy { schemes, ..Default::default() });
    let made = bench.create(create(v1::Webhook { signing: signing(vec![4]), ..webhook("pair") })).await;
    let first = made.webhook.unwrap();
    assert_eq!(made.signing_secret, "", "the private key stays in the server");
    assert_eq!(first.signing_keys.len(), 1);
    assert_eq!(first.signing_keys[0].algorithm(), v1::SigningKeyAlgorithm::Ed25519);
    assert!(first.signing_keys[0].public_key.starts_with("whpk_"));
    let rotate = |algorithm: v1::SigningKeyAlgorithm| v1::RotateSigningKeyRequest {
        webhook_id: first.id.clone(),
        algorithm: algorithm.into(),
        ..Default::default()
    };
    let rotated = bench.webhooks().rotate_signing_key(rotate(v1::SigningKeyAlgorithm::Unspecified)).await.unwrap();
    let rotated = rotated.into_inner();
    assert_eq!(rotated.signing_secret, "");
    let keys = rotated.webhook.unwrap().signing_keys;
    assert_eq!((keys.len(), keys[1].expire_time.is_some()), (2, true));
    assert_ne!(keys[0].public_key, keys[1].public_key);
    let hmac = bench.webhooks().rotate_signing_key(rotate(v1::SigningKeyAlgorithm::Hmac)).await.unwrap().into_inner();
    assert!(hmac.signing_secret.starts_with("whsec_"));
    let keys = hmac.webhook.unwrap().signing_keys;
    assert_eq!(keys.iter().filter(|key| key.expire_time.is_none()).count(), 2, "each algorithm has its current key");
    assert_eq!(keys[0].public_key, "");

    let plain = v1::CreateWebhookRequest { signing_secret: mark::standard("both"), ..create(webhook("both")) };
    let id = bench.create(plain).await.webhook.unwrap().id;
    let both = v1::Webhook { id, signing: signing(vec![2, 4]), ..Default::default() };
    let changed = updated(&bench, update(both, &["signing"])).await.unwrap();
    let kinds: Vec<_> = changed.signing_keys.iter().map(v1::SigningKey::algorithm).collect();
    assert_eq!(kinds, [v1::SigningKeyAlgorithm::Ed25519, v1::SigningKeyAlgorithm::Hmac]);
}

#[tokio::test]
async fn a_private_key_is_taken_where_it_signs_and_refused_elsewhere() {
    let bench = Bench::new().await;
    let private = tenterhook_engine::signature::private_key(&[9; 32]).expose().to_owned();
    let public = tenterhook_engine::signature::public_key(&private).unwrap();
    let with = |name: &str, schemes| {
        let signing = Some(v1::SigningPolicy { schemes, ..Default::default() });
        v1::CreateWebhookRequest { signing_secret: private.clone(), ..create(v1::Webhook { signing, ..webhook(name) }) }
    };
    let made = bench.create(with("mine", vec![4])).await;
    assert_eq!(
        (made.signing_secret, made.webhook.unwrap().signing_keys[0].public_key.clone()),
        (String::new(), public)
    );
    for (name, schemes) in [("netbox", vec![1]), ("default", vec![])] {
        let refused = bench.webhooks().create_webhook(with(name, schemes)).await.unwrap_err();
        assert_eq!(fields(&refused), ["signing_secret"], "{name}");
        assert!(!refused.message().contains(&private));
    }
}

#[tokio::test]
async fn every_recipe_of_the_page_on_signatures_is_taken() {
    let bench = Bench::new().await;
    let page = include_str!("../../../docs/SIGNATURES.md");
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    // One block is a key set that a receiver fetches.
    let recipes: Vec<&str> = blocks.filter(|block| block.contains("\"signing\"")).collect();
    assert!(recipes.len() >= 4, "{} recipes", recipes.len());
    for recipe in recipes {
        let signing: serde_json::Value = serde_json::from_str(recipe).unwrap();
        assert_taken(&bench, "signing", &signing["signing"]).await;
    }
}

#[tokio::test]
async fn every_example_of_the_page_on_authentication_is_taken() {
    let bench = Bench::new().await;
    let page = include_str!("../../../docs/AUTHENTICATION.md");
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let examples: Vec<String> = blocks.map(|block| block.replace('…', &mark::hidden("example"))).collect();
    assert!(examples.len() >= 3, "{} examples", examples.len());
    for example in examples {
        let mut authentication: serde_json::Value = serde_json::from_str(&example).unwrap();
        if let Some(pem) = authentication.pointer_mut("/oauth2/private_key_pem") {
            *pem = key.as_str().into();
        }
        assert_taken(&bench, "authentication", &authentication).await;
    }
}

/// Checks that a webhook with this field could be created.
async fn assert_taken(bench: &Bench, field: &str, value: &serde_json::Value) {
    let schema = super::proto_json::Schema::new();
    let header = format!("Bearer {}", bench.keys["admin"]);
    let webhook =
        serde_json::json!({ "display_name": "w", "request": { "url": "https://hooks.example.com/" }, field: value });
    let request = serde_json::json!({ "webhook": webhook, "validate_only": true });
    let (path, input) = &schema.methods["CreateWebhook"];
    let status = super::raw::call(&bench.routes, path, Some(&header), &schema.encode(input, &request)).await;
    assert_eq!(status.code(), Code::Ok, "{value}: {}", status.message());
}

#[tokio::test]
async fn deleting_cancels_open_deliveries_and_may_be_repeated() {
    let bench = Bench::new().await;
    let id = bench.webhook("w").await;
    bench.publish("created").await;
    let delete =
        |allow_missing| v1::DeleteWebhookRequest { webhook_id: id.clone(), etag: String::new(), allow_missing };
    let deleted = bench.webhooks().delete_webhook(delete(false)).await.unwrap().into_inner();
    assert_eq!(deleted.cancelled_deliveries, 1);
    assert_eq!(bench.webhooks().delete_webhook(delete(false)).await.unwrap_err().code(), Code::NotFound);
    assert!(bench.webhooks().delete_webhook(delete(true)).await.is_ok());
}

#[tokio::test]
async fn an_output_only_field_of_a_new_webhook_is_ignored() {
    let bench = Bench::new().await;
    let wrong = v1::Webhook {
        id: "junk".into(),
        etag: "junk".into(),
        state: 3,
        state_reason: "junk".into(),
        signing_keys: vec![v1::SigningKey::default()],
        ..webhook("w")
    };
    let made = bench.create(create(wrong)).await.webhook.unwrap();
    assert!(made.id.starts_with("wh_") && made.signing_keys.is_empty());
    assert_eq!(made.state(), v1::WebhookState::Active);
}

#[tokio::test]
async fn a_rule_that_could_not_be_evaluated_is_a_warning_until_the_webhook_changes() {
    let bench = Bench::new().await;
    let text = r#"{"attr": "site.name", "op": "gt", "value": 1}"#.to_owned();
    let conditions = Some(v1::JsonDocument { value: Some(v1::json_document::Value::Json(text)) });
    let rules = [v1::EventRule::default(), v1::EventRule { conditions, ..Default::default() }];
    let draft = v1::Webhook { rules: vec![rules[1].clone()], ..webhook("w") };
    let id = bench.create(create(draft)).await.webhook.unwrap().id;
    assert!(get(&bench, &id).await.unwrap().warnings.is_empty());
    bench.publish("created").await;
    let warnings = get(&bench, &id).await.unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].starts_with("rules[0]: could not be evaluated at "), "{warnings:?}");
    assert!(warnings[0].contains("site"), "it says why: {warnings:?}");
    bench.clock.advance(Duration::from_secs(1));
    let fixed = v1::Webhook { id: id.clone(), rules: vec![rules[0].clone()], ..Default::default() };
    assert!(updated(&bench, update(fixed, &["rules"])).await.unwrap().warnings.is_empty());
}

/// What nginx takes of the headers and trailers of a response (`grpc_buffer_size`, one page of memory).
const PROXY_BYTES: usize = 4_096;

#[tokio::test]
async fn however_many_fields_are_wrong_the_refusal_passes_a_proxy_and_counts_them() {
    let bench = Bench::new().await;
    let rules = (0..60).map(|_| v1::EventRule { event_types: vec!["a b".into()], ..Default::default() }).collect();
    let header = |number| v1::HeaderTemplate { name: format!("bad name {number}"), ..Default::default() };
    let mut draft = v1::Webhook { rules, ..webhook("w") };
    draft.request.as_mut().unwrap().headers = (0..64).map(header).collect();
    let refused = bench.webhooks().create_webhook(create(draft)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(metadata(&refused, "violations"), "124");
    let named = fields(&refused);
    assert!(named.len() > 5 && named[0].starts_with("webhook."), "the first are named: {named:?}");
    let head = refused.into_http::<()>().into_parts().0.headers;
    // As HTTP/1 writes them, which is more than HPACK takes.
    let bytes: usize = head.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    assert!(bytes <= PROXY_BYTES, "{bytes}");
}

#[tokio::test]
async fn a_secret_that_only_begins_like_a_standard_one_signs_as_netbox_does() {
    let bench = Bench::new().await;
    // Not base64, and a key that is too short for Standard Webhooks.
    for (name, secret) in
        [("a", format!("whsec_{}!", mark::signing("odd"))), ("b", mark::standard("b")[..22].to_owned())]
    {
        let request = v1::CreateWebhookRequest { signing_secret: secret, ..create(webhook(name)) };
        let id = bench.create(request).await.webhook.unwrap().id;
        let request = v1::RenderPreviewRequest {
            target: Some(v1::render_preview_request::Target::WebhookId(id)),
            source: Some(v1::render_preview_request::Source::Event(super::bench::event("created"))),
        };
        let shown = bench.webhooks().render_preview(request).await.unwrap().into_inner().request.unwrap();
        let signs = |header: &str| shown.headers.iter().any(|one| one.name.eq_ignore_ascii_case(header));
        assert!(signs("X-Hook-Signature") && !signs("webhook-signature"), "{:?}", shown.headers);
    }
}
