//! Who may call what: every method with every role. `walk.rs` adds namespaces and tokens.

use tenterhook_api::access::{METHODS, Pace, Permission, Role};
use tonic::Code;
use tonic::service::Routes;

use super::bench::Bench;
use super::{raw, reason};

async fn refused(routes: &Routes, path: &str, authorization: Option<&str>) -> Option<String> {
    // An empty message is refused by most methods, but not for who sends it.
    let status = raw::call(routes, path, authorization, &[]).await;
    matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied).then(|| reason(&status))
}

#[tokio::test]
async fn every_method_lets_in_just_the_roles_of_the_table() {
    let bench = Bench::new().await;
    let roles = [
        ("admin", Role::Admin),
        ("publisher", Role::Publisher),
        ("viewer", Role::Viewer),
        ("operator", Role::Operator),
    ];
    for method in METHODS.iter().filter(|method| method.permission != Permission::Open && method.pace != Pace::Stream) {
        for (name, role) in roles {
            let header = format!("Bearer {}", bench.keys[name]);
            let expected = (!method.permission.is_of(role)).then(|| "KEY_FORBIDDEN".to_owned());
            assert_eq!(refused(&bench.routes, method.path, Some(&header)).await, expected, "{name} {}", method.path);
        }
        let nobody = refused(&bench.routes, method.path, None).await;
        assert_eq!(nobody.as_deref(), Some("KEY_INVALID"), "{}", method.path);
    }
}

#[tokio::test]
async fn a_key_of_another_namespace_sees_nothing_of_this_one() {
    use tenterhook_proto::tenterhook::v1;
    let bench = Bench::new().await;
    let id = bench.webhook("here").await;
    let mut other = bench.webhooks_as("admin@other");
    let get =
        other.get_webhook(v1::GetWebhookRequest { webhook_id: id.clone(), ..Default::default() }).await.unwrap_err();
    assert_eq!((get.code(), reason(&get).as_str()), (Code::NotFound, "WEBHOOK_NOT_FOUND"));
    let list = other.list_webhooks(v1::ListWebhooksRequest::default()).await.unwrap_err();
    assert_eq!((list.code(), reason(&list).as_str()), (Code::PermissionDenied, "KEY_FORBIDDEN"));
    let create = v1::CreateWebhookRequest { webhook: Some(super::bench::webhook("mine")), ..Default::default() };
    assert_eq!(other.create_webhook(create).await.unwrap_err().code(), Code::PermissionDenied);
    let own = v1::ListWebhooksRequest { namespace: "other".into(), ..Default::default() };
    assert!(other.list_webhooks(own).await.unwrap().into_inner().webhooks.is_empty());
}

#[tokio::test]
async fn health_and_reflection_answer_anybody() {
    let bench = Bench::new().await;
    let status = raw::call(&bench.routes, "/grpc.health.v1.Health/Check", None, &[]).await;
    assert_eq!(status.code(), Code::Ok);
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        // list_services, field 7, the empty text.
        assert_eq!(raw::call(&bench.routes, &path, None, &[0x3a, 0]).await.code(), Code::Ok, "{version}");
    }
}
