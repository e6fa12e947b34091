//! A secret that was given to the server is never seen again: a real process at its most
//! talkative, a wide workload with a known string in every secret field, and a search for those
//! strings in whatever the process tells or keeps. It is also the proof that spans and figures
//! reach a collector. The secrets of all other tests bear a [`mark`], which a [`lookout`] looks
//! for in whatever their servers log, answer and store.

pub(crate) mod channel;
mod collector;
mod forms;
pub(crate) mod lookout;
pub(crate) mod mark;
mod plant;
mod receiver;
pub(crate) mod secrets;
mod server;
mod workload;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use channel::Answers;
use collector::Collector;
use forms::{Search, finds};
use secrets::Secrets;
use server::Server;
use workload::Workload;

/// Time for all of it; it takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// The name of a webhook: no secret, and so it must be found.
const CONTROL: &str = "ControlDisplayNameThatIsNoSecret";

/// A place where no secret may be, and what is in it.
type Sink = (String, Vec<u8>);

#[tokio::test]
async fn a_secret_is_never_seen_again_and_telemetry_reaches_its_collector() {
    crate::binary::tenterhook();
    tokio::time::timeout(PATIENCE, Box::pin(play())).await.expect("everything happens in time");
}

async fn play() {
    let folder = tempfile::tempdir().unwrap();
    let mut secrets = Secrets::make(folder.path());
    let collector = Collector::start().await;
    let answers = Answers::default();
    let mut sinks = Vec::new();
    for life in 0..2 {
        let server = Server::start(folder.path(), &secrets, &collector.url(), life);
        let workload = Workload::new(&server, &secrets, answers.clone()).await;
        if life == 0 {
            Box::pin(workload.first_life()).await;
        } else {
            workload.second_life().await;
        }
        sinks.push((format!("metrics of life {life}"), server.metrics()));
        workload.assert_receivers_got_the_secrets(life);
        let token = workload.a_token_from_its_issue_to_its_end().await;
        drop(workload);
        secrets.add_token(&token);
        sinks.extend(server.stop().await);
    }
    sinks.extend(server::care(folder.path()));
    let kept = files(&folder.path().join("data"));
    let exported = collector.received();
    assert_control(&sinks, &answers, &kept, &exported);
    sinks.extend(kept);
    sinks.extend(exported);
    let search = Search::new(secrets.canaries.iter().map(|canary| &*canary.bytes));
    let told = answers.all();
    let told = told.iter().map(|(path, bytes)| (path, bytes, true));
    let places = sinks.iter().map(|(sink, bytes)| (sink, bytes, false)).chain(told);
    let mut found = BTreeMap::new();
    for (place, bytes, is_answer) in places {
        for one in search.all(bytes) {
            let canary = &secrets.canaries[one.secret];
            if !(is_answer && canary.may_be_told_by(place)) {
                let around = &bytes[one.at.saturating_sub(150)..bytes.len().min(one.at + 150)];
                let around = String::from_utf8_lossy(around).into_owned();
                found.entry((canary.name.as_str(), one.form, place)).or_insert(around);
            }
        }
    }
    let found: Vec<String> =
        found.iter().map(|((name, form, place), around)| format!("{name} as {form} in {place}: …{around}…")).collect();
    assert!(found.is_empty(), "{} secrets were seen:\n{}", found.len(), found.join("\n"));
}

/// What is no secret must be found by the same search, or the search proves nothing.
fn assert_control(sinks: &[Sink], answers: &Answers, kept: &[Sink], exported: &[Sink]) {
    let has = |sinks: &[Sink], text: &str| sinks.iter().any(|(_, bytes)| finds(text.as_bytes(), bytes).is_some());
    let told = answers.all();
    for service in ["WebhookService/GetWebhook", "WebhookService/ListWebhooks", "WebhookService/UpdateWebhook"] {
        let found =
            told.iter().any(|(path, bytes)| path.ends_with(service) && finds(CONTROL.as_bytes(), bytes).is_some());
        assert!(found, "{service} does not tell the control");
    }
    assert!(has(kept, CONTROL), "the store does not keep the control");
    let logs: Vec<Sink> = sinks.iter().filter(|(name, _)| name.starts_with("log")).cloned().collect();
    assert_eq!(logs.len(), 2);
    for log in logs {
        assert!(has(std::slice::from_ref(&log), "TRACE") && log.1.len() > 10_000, "{} has no traces", log.0);
    }
    for (path, part) in [
        (collector::TRACES, "tenterhook.v1.EventService/PublishEvent"),
        (collector::TRACES, "tenterhook.outcome"),
        (collector::METRICS, "tenterhook.attempts"),
        (collector::METRICS, "tenterhook.publish.duration"),
        (collector::METRICS, "tenterhook.store.size"),
    ] {
        let sent: Vec<Sink> = exported.iter().filter(|(name, _)| name == path).cloned().collect();
        assert!(has(&sent, part), "no {part} reached {path}");
    }
    let trace = exported.iter().filter(|(name, _)| name == collector::TRACES);
    let joined = trace.filter(|(_, bytes)| bytes.windows(16).any(|window| window == workload::TRACE_ID)).count();
    assert!(joined > 0, "no span joins the caller's trace");
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}
