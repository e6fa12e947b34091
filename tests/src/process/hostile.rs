//! Hostile templates against one server: it and its render workers stay within their limits, and
//! whoever renders something harmless meanwhile gets it.

use std::time::Duration;

use serde_json::Value;
use tenterhook_proto::tenterhook::v1::render_preview_request::{Source, Target};
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tenterhook_proto::tenterhook::v1::{
    Event, HeaderTemplate, JsonDocument, RenderPreviewRequest, RequestTemplate, Snapshots, Webhook, json_document,
};
use tokio::task::JoinSet;
use tonic::transport::Endpoint;

use super::footprint::Process;
use super::serve::{Channel, connect, start};
use crate::canary::mark;
use crate::conformance::template_bombs::{Bomb, bombs};

/// What one template may take of a process.
const MEMORY_MAX: u64 = 64 << 20;
/// What one template may take of a processor, in the worker and the server together. The limit of
/// 200 ms is for an optimised build.
const CPU_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 200 });

/// The preview of a webhook whose body is the template.
fn request(bomb: &Bomb) -> RenderPreviewRequest {
    let text = |name: &str| bomb.context[name].as_str().unwrap_or_default().to_owned();
    let json = |value: &Value| {
        (!value.is_null()).then(|| JsonDocument { value: Some(json_document::Value::Json(value.to_string())) })
    };
    let snapshots = &bomb.context["snapshots"];
    let secret = HeaderTemplate { name: "X-Secret".to_owned(), value: mark::hidden("header"), sensitive: true };
    let webhook = Webhook {
        request: Some(RequestTemplate {
            url: "http://127.0.0.1:9/".to_owned(),
            headers: vec![secret],
            body: bomb.template.clone(),
            ..RequestTemplate::default()
        }),
        ..Webhook::default()
    };
    let event = Event {
        r#type: text("event"),
        object_type: text("object_type"),
        username: text("username"),
        request_id: text("request_id"),
        data: json(&bomb.context["data"]),
        snapshots: snapshots.is_object().then(|| Snapshots {
            prechange: json(&snapshots["prechange"]),
            postchange: json(&snapshots["postchange"]),
        }),
        ..Event::default()
    };
    RenderPreviewRequest { target: Some(Target::Webhook(webhook)), source: Some(Source::Event(event)) }
}

/// What is wrong with how the server took a template.
async fn complaint(mut client: WebhookServiceClient<Channel>, bomb: Bomb) -> Option<String> {
    let answered = client.render_preview(request(&bomb)).await;
    let outcome = match answered {
        Ok(response) => {
            let response = response.into_inner();
            match (response.request, response.errors.first()) {
                (Some(request), None) => Ok(request.body.len()),
                (_, error) => Err(error.map(|error| error.message.clone()).unwrap_or_default()),
            }
        }
        Err(status) => Err(status.message().to_owned()),
    };
    let unclear = |message: &str| message.is_empty() || message.contains("render worker") || message.contains("memory");
    let fine = match &outcome {
        Ok(bytes) => bomb.may_render && *bytes <= 1 << 20,
        Err(message) => bomb.may_fail && !unclear(message),
    };
    (!fine).then(|| format!("{}: {outcome:?}", bomb.id))
}

/// Runs `work` and tells what the server and its workers took meanwhile.
async fn measured<T>(server: Process, work: impl Future<Output = T>) -> (T, Vec<u64>, Duration) {
    let all = || [server].into_iter().chain(server.children()).collect::<Vec<_>>();
    let before: Vec<_> = all().into_iter().map(|process| (process, process.resident(), process.cpu())).collect();
    before.iter().for_each(|(process, ..)| process.forget_peak());
    let done = work.await;
    assert_eq!(before.iter().map(|(process, ..)| *process).collect::<Vec<_>>(), all(), "no worker was killed");
    let grown = before.iter().map(|(process, resident, _)| process.peak().saturating_sub(*resident)).collect();
    let cpu = before.iter().map(|(process, _, cpu)| process.cpu() - *cpu).sum();
    (done, grown, cpu)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_templates_take_their_limits_of_the_server_at_most_in_order_and_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // What is told of a trace would be measured, too.
    let server = start(folder.path(), &["--dev", "--log-level", "info"]);
    let process = Process(server.running.id());
    let endpoint = Endpoint::from_shared(format!("http://{}", server.api)).unwrap();
    let client = WebhookServiceClient::new(connect(endpoint).await);
    let bombs = bombs();
    // Both workers start, and what is made once is made.
    let controls = bombs.iter().filter(|bomb| !bomb.may_fail).cloned();
    let warm_up: JoinSet<_> =
        controls.clone().chain(controls.clone()).map(|bomb| complaint(client.clone(), bomb)).collect();
    assert_eq!(warm_up.join_all().await.into_iter().flatten().collect::<Vec<_>>(), Vec::<String>::new());

    let mut complaints = Vec::new();
    for bomb in &bombs {
        let (said, grown, cpu) = measured(process, Box::pin(complaint(client.clone(), bomb.clone()))).await;
        complaints.extend(said);
        if grown.iter().any(|bytes| *bytes > MEMORY_MAX) || cpu > CPU_MAX {
            complaints.push(format!("{} took {cpu:?}; memory of server and workers: {grown:?}", bomb.id));
        }
    }
    assert!(complaints.is_empty(), "in order, {}:\n{}", complaints.len(), complaints.join("\n"));

    let all_at_once = async {
        let under_way: JoinSet<_> = bombs.iter().map(|bomb| complaint(client.clone(), bomb.clone())).collect();
        under_way.join_all().await.into_iter().flatten().collect::<Vec<_>>()
    };
    let (complaints, grown, cpu) = measured(process, all_at_once).await;
    assert!(complaints.is_empty(), "all at once, {}:\n{}", complaints.len(), complaints.join("\n"));
    assert!(grown.iter().all(|bytes| *bytes <= MEMORY_MAX), "memory of server and workers: {grown:?}");
    assert!(cpu <= CPU_MAX * u32::try_from(bombs.len()).unwrap(), "{cpu:?}");
}
