//! The descriptors tell what they promise, and no `Debug` tells a secret.

use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use crate::tenterhook::v1::authentication::Method;
use crate::tenterhook::v1::{
    Authentication, BasicAuthentication, CreateTokenResponse, CreateWebhookRequest, CreateWebhookResponse,
    HeaderTemplate, OAuth2ClientCredentials, RequestTemplate, RotateSigningKeyRequest, RotateSigningKeyResponse,
    TransportPolicy, Webhook,
};
use crate::{FILE_DESCRIPTOR_SET, REFLECTION_DESCRIPTOR_SET};

const SECRET: &str = "whsec_c2VjcmV0";

fn files(bytes: &[u8]) -> Vec<FileDescriptorProto> {
    FileDescriptorSet::decode(bytes).expect("a descriptor set").file
}

fn services(bytes: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = files(bytes)
        .iter()
        .flat_map(|file| file.service.iter().map(|service| format!("{}.{}", file.package(), service.name())))
        .collect();
    names.sort();
    names
}

#[test]
fn api_descriptors_hold_the_services_of_the_api_and_no_other() {
    assert_eq!(
        services(FILE_DESCRIPTOR_SET),
        [
            "tenterhook.v1.AccessService",
            "tenterhook.v1.DeliveryService",
            "tenterhook.v1.EventService",
            "tenterhook.v1.ServerService",
            "tenterhook.v1.StoreService",
            "tenterhook.v1.WebhookService"
        ]
    );
}

#[test]
fn reflection_knows_health_and_error_details() {
    assert!(services(REFLECTION_DESCRIPTOR_SET).contains(&"grpc.health.v1.Health".to_owned()));
    let messages: Vec<String> = files(REFLECTION_DESCRIPTOR_SET)
        .iter()
        .flat_map(|file| file.message_type.iter().map(|message| format!("{}.{}", file.package(), message.name())))
        .collect();
    for name in ["BadRequest", "ErrorInfo", "QuotaFailure", "RetryInfo", "Status"] {
        assert!(messages.contains(&format!("google.rpc.{name}")), "{name} is missing");
    }
}

#[test]
fn every_import_stands_before_its_user() {
    for bytes in [FILE_DESCRIPTOR_SET, REFLECTION_DESCRIPTOR_SET] {
        let mut seen = Vec::new();
        for file in files(bytes) {
            for import in &file.dependency {
                assert!(seen.contains(import), "{} imports {import}", file.name());
            }
            assert!(!seen.contains(&file.name().to_owned()), "{} stands twice", file.name());
            seen.push(file.name().to_owned());
        }
    }
}

#[test]
fn reflection_keeps_the_comments_of_the_api() {
    let with_comments = files(REFLECTION_DESCRIPTOR_SET)
        .into_iter()
        .filter(|file| file.package() == "tenterhook.v1")
        .all(|file| file.source_code_info.is_some_and(|info| !info.location.is_empty()));
    assert!(with_comments);
}

#[test]
fn debug_never_prints_a_secret() {
    let secret = SECRET.to_owned();
    let header = HeaderTemplate { name: "Authorization".into(), value: secret.clone(), sensitive: true };
    let unmarked = HeaderTemplate { sensitive: false, ..header.clone() };
    let request = RequestTemplate {
        url: format!("https://example.com/?key={SECRET}"),
        additional_headers: format!("Authorization: Bearer {SECRET}"),
        headers: vec![unmarked.clone()],
        ..Default::default()
    };
    let transport = TransportPolicy { client_private_key_pem: secret.clone(), ..Default::default() };
    let basic = BasicAuthentication { password: secret.clone(), ..Default::default() };
    let oauth2 = OAuth2ClientCredentials {
        client_secret: secret.clone(),
        private_key_pem: secret.clone(),
        ..Default::default()
    };
    let authentication = Some(Authentication { method: Some(Method::Oauth2(oauth2.clone())) });
    let webhook = Webhook {
        authentication,
        request: Some(RequestTemplate { headers: vec![header.clone()], ..Default::default() }),
        transport: Some(transport.clone()),
        ..Default::default()
    };
    let webhook = Some(webhook);
    let create =
        CreateWebhookRequest { webhook: webhook.clone(), signing_secret: secret.clone(), ..Default::default() };
    let created = CreateWebhookResponse { webhook: webhook.clone(), signing_secret: secret.clone() };
    let rotate = RotateSigningKeyRequest { signing_secret: secret.clone(), ..Default::default() };
    let issued = CreateTokenResponse { secret: secret.clone(), ..Default::default() };
    let rotated = RotateSigningKeyResponse { webhook, signing_secret: secret };
    for printed in [
        format!("{header:?}"),
        format!("{unmarked:?}"),
        format!("{request:?}"),
        format!("{transport:?}"),
        format!("{basic:?}"),
        format!("{oauth2:?}"),
        format!("{create:?}"),
        format!("{created:#?}"),
        format!("{rotate:?}"),
        format!("{rotated:?}"),
        format!("{issued:?}"),
    ] {
        assert!(!printed.contains(SECRET), "{printed}");
        assert!(printed.contains("***"), "{printed}");
    }
}

#[test]
fn debug_shows_what_is_no_secret() {
    let request = RequestTemplate { body_format: 6, cloudevents_source: "/dcim".into(), ..Default::default() };
    let shown = format!("{request:?}");
    assert!(shown.contains("body_format: 6") && shown.contains("cloudevents_source: \"/dcim\""), "{shown}");
    let rotate = RotateSigningKeyRequest { display_name: "orders".into(), algorithm: 2, ..Default::default() };
    let shown = format!("{rotate:?}");
    assert!(shown.contains("display_name: \"orders\"") && shown.contains("algorithm: 2"), "{shown}");
}

#[test]
fn debug_tells_an_absent_secret_from_a_hidden_one() {
    let empty = format!("{:?}", CreateWebhookResponse::default());
    assert!(empty.contains("signing_secret: \"\""), "{empty}");
    let plain = HeaderTemplate { name: "X-Site".into(), value: "ams".into(), sensitive: false };
    assert!(format!("{plain:?}").contains("X-Site"));
}

#[test]
fn maps_encode_in_the_order_of_their_keys() {
    let labels = ["b", "a", "c"].map(|key| (key.to_owned(), String::new()));
    let webhook = Webhook { labels: labels.into(), ..Default::default() };
    let reversed = Webhook { labels: labels_reversed(), ..Default::default() };
    assert_eq!(webhook.encode_to_vec(), reversed.encode_to_vec());
}

fn labels_reversed() -> std::collections::BTreeMap<String, String> {
    ["c", "b", "a"].map(|key| (key.to_owned(), String::new())).into()
}
