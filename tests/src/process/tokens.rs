//! Access tokens of a real server: over a restart, until they are revoked, and in the audit trail.

use std::path::Path;
use std::time::Duration;

use tenterhook_proto::tenterhook::v1::access_service_client::AccessServiceClient;
use tenterhook_proto::tenterhook::v1::delivery_service_client::DeliveryServiceClient;
use tenterhook_proto::tenterhook::v1::watch_deliveries_response::Payload;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    CreateTokenRequest, CreateTokenResponse, ListTokensRequest, PauseWebhookRequest, RevokeTokenRequest,
    WatchDeliveriesRequest,
};
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;

use super::serve::{Log, Server, connect, start_logging};
use super::{run, stderr, stdout};

/// Time for anything in these tests; it takes less than a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// Within which the stream of a revoked token ends.
const REVOKED: Duration = Duration::from_secs(5);

fn server(folder: &Path, keys: &str, audit: &str) -> Server {
    start_logging(Log::Json, folder, &["--api-keys", keys, "--audit-log", audit])
}

/// A channel of the holder of a key or a token.
macro_rules! channel {
    ($server:expr, $secret:expr) => {{
        let bearer: tonic::metadata::MetadataValue<tonic::metadata::Ascii> =
            format!("Bearer {}", $secret).parse().unwrap();
        let channel = connect(Endpoint::from_shared(format!("http://{}", $server.api)).unwrap()).await;
        InterceptedService::new(channel, move |mut request: tonic::Request<()>| {
            request.metadata_mut().insert("authorization", bearer.clone());
            Ok(request)
        })
    }};
}

#[tokio::test]
async fn a_token_outlives_a_restart_and_ends_when_it_is_revoked() {
    crate::binary::tenterhook();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (keys, audit) = (path("keys"), path("audit.jsonl"));
    let made = run(&["key", "new", "--role", "admin", "--name", "platform"]);
    let key = stderr(&made).lines().find(|line| line.starts_with("th_")).unwrap().to_owned();
    std::fs::write(&keys, stdout(&made)).unwrap();
    let play = async {
        let mut first = server(folder.path(), &keys, &audit);
        first.running.hides(key.as_bytes());
        let request = CreateTokenRequest {
            role: "operator".to_owned(),
            display_name: "portal of acme".to_owned(),
            ..Default::default()
        };
        let created = AccessServiceClient::new(channel!(first, key)).create_token(request).await.unwrap();
        let CreateTokenResponse { token, secret } = created.into_inner();
        let id = token.unwrap().id;
        first.running.hides(secret.as_bytes());
        first.running.signal("TERM");
        first.running.wait();

        let mut second = server(folder.path(), &keys, &audit);
        second.running.hides(secret.as_bytes());
        let mut deliveries = DeliveryServiceClient::new(channel!(second, secret));
        let mut watch = deliveries.watch_deliveries(WatchDeliveriesRequest::default()).await.unwrap().into_inner();
        assert!(matches!(watch.message().await.unwrap().unwrap().payload, Some(Payload::Bookmark(_))));
        let pause =
            PauseWebhookRequest { webhook_id: "wh_00000000000000000000000000".to_owned(), ..Default::default() };
        let refused = WebhookServiceClient::new(channel!(second, secret)).pause_webhook(pause).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let revoke = RevokeTokenRequest { token_id: id.clone() };
        AccessServiceClient::new(channel!(second, key)).revoke_token(revoke).await.unwrap();
        let end = tokio::time::timeout(REVOKED, watch.message()).await.expect("the stream ends in time");
        assert_eq!(end.unwrap_err().code(), Code::Unauthenticated);
        AccessServiceClient::new(channel!(second, key)).list_tokens(ListTokensRequest::default()).await.unwrap();
        second.running.signal("TERM");
        second.running.wait();

        let trail = std::fs::read_to_string(&audit).unwrap();
        let name = format!("{id} portal of acme");
        let changes: Vec<&str> = trail.lines().filter(|line| line.contains(&name)).collect();
        assert!(
            changes.len() == 2 && changes[0].contains("CreateToken") && changes[1].contains("RevokeToken"),
            "{trail}"
        );
        assert!(changes.iter().all(|line| line.contains("platform")), "{trail}");
        let caller = format!("portal of acme ({id})");
        assert!(trail.lines().any(|line| line.contains("PauseWebhook") && line.contains(&caller)), "{trail}");
        assert!(!trail.contains("ListTokens"), "who only looks leaves no entry: {trail}");
        assert!(!trail.contains(&secret) && !trail.contains(&key), "{trail}");
    };
    tokio::time::timeout(PATIENCE * 2, Box::pin(play)).await.expect("everything happens in time");
}
