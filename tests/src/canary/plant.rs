//! The proof that the lookout sees: a secret that is shown on purpose ends the run, wherever it is.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tenterhook_proto::tenterhook::v1;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tonic::transport::Endpoint;

use super::lookout::listen_to_the_log;
use super::mark::{hidden, signing};
use crate::grpc::bench::{Bench, event, webhook};
use crate::process::running::Running;
use crate::process::serve::{connect, start};

/// The place where a secret is shown, by its name in the environment.
const PLACE: &str = "TENTERHOOK_SHOW_SECRET_AT";
/// What is said of a secret at each place.
const PLACES: [&str; 8] = [
    "as base64 in the log: ",
    "as it is in the answer of /tenterhook.v1.WebhookService/GetWebhook: ",
    "as it is in the answer of /tenterhook.v1.WebhookService/CreateWebhook: ",
    "as it is in the store: ",
    "as it is in what a process printed: ",
    "as lower hex in the log of a process: ",
    "as it is in the answer of /tenterhook.v1.WebhookService/CreateWebhook: ",
    "/data/tenterhook.",
];

#[tokio::test]
async fn a_secret_that_is_shown_ends_the_run() {
    if let Some(place) = crate::sim::chosen(PLACE) {
        return Box::pin(show_at(place)).await;
    }
    crate::binary::tenterhook();
    let (_, module) = module_path!().split_once("::").unwrap();
    let name = format!("{module}::a_secret_that_is_shown_ends_the_run");
    for (place, said) in PLACES.iter().enumerate() {
        let mut again = Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", &name]).env(PLACE, place.to_string()).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(printed.contains("a secret was seen as ") && printed.contains(said), "{said}\n{printed}");
        assert_eq!(output.status.code(), Some(101), "{said}");
    }
}

#[tokio::test]
async fn servers_of_tests_log_all_that_they_can() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &["--dev"]);
    // A server without calls has nothing to trace.
    connect(Endpoint::from_shared(format!("http://{}", server.api)).unwrap()).await;
    server.running.signal("TERM");
    assert!(server.running.wait().log.contains("TRACE"));
}

async fn show_at(place: u64) {
    match place {
        0 => {
            listen_to_the_log();
            tracing::trace!(header = STANDARD.encode(hidden("shown")), "a secret is shown");
        }
        1..4 => show_in_process(place).await,
        4 => run_shell(&format!("echo {}", hidden("shown")), None),
        5 => {
            let folder = tempfile::tempdir().unwrap();
            let key = folder.path().join("sealing.key");
            std::fs::write(&key, "5a".repeat(32)).unwrap();
            run_shell(&format!("cat {} >&2", key.display()), Some(folder.path()));
        }
        _ => show_in_a_process(place).await,
    }
}

/// A webhook that describes itself with a secret.
fn described(description: String) -> v1::CreateWebhookRequest {
    let webhook = Some(v1::Webhook { description, ..webhook("w") });
    v1::CreateWebhookRequest { webhook, ..Default::default() }
}

/// An event that was caused by a secret, which no answer to its publication tells.
fn caused_by(username: String) -> v1::PublishEventRequest {
    v1::PublishEventRequest { event: Some(v1::Event { username, ..event("created") }) }
}

async fn show_in_process(place: u64) {
    let bench = Bench::new().await;
    match place {
        1 => {
            let webhook_id = bench.create(described(signing("told once"))).await.webhook.unwrap().id;
            let _ = bench.webhooks().get_webhook(v1::GetWebhookRequest { webhook_id, ..Default::default() }).await;
        }
        2 => drop(bench.create(described(hidden("shown"))).await),
        _ => drop(bench.events().publish_event(caused_by(hidden("shown"))).await),
    }
}

async fn show_in_a_process(place: u64) {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &["--dev"]);
    let channel = connect(Endpoint::from_shared(format!("http://{}", server.api)).unwrap()).await;
    match place {
        6 => drop(WebhookServiceClient::new(channel).create_webhook(described(hidden("shown"))).await),
        _ => drop(EventServiceClient::new(channel).publish_event(caused_by(hidden("shown"))).await),
    }
}

fn run_shell(script: &str, data: Option<&Path>) {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]);
    let mut running = Running::start(shell);
    if let Some(data) = data {
        running.stores_in(data);
    }
    running.wait();
}
