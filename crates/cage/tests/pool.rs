//! The cage with real worker processes.

#![expect(clippy::unwrap_used, reason = "the functions beside the tests serve them alone")]

use std::path::PathBuf;
use std::sync::Arc;

use tenterhook_cage::{Cage, WorkerCommand};
use tenterhook_engine::{AttemptFacts, EventContext, InProcess, Render};
use tenterhook_model::webhook::{EventRule, HeaderTemplate, HeaderValue};
use tenterhook_model::{DeliveryId, Event, JsonText, Lane, Snapshots, Timestamp, Webhook, limits};

/// A template that belongs into a worker, because macros may call themselves.
const CAGED: &str = "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice(data.name) }}!";

fn worker() -> WorkerCommand {
    let test = std::env::current_exe().unwrap();
    let target: PathBuf = test.ancestors().nth(2).unwrap().into();
    WorkerCommand { program: target.join("examples/worker"), args: Vec::new(), environment: Vec::new() }
}

fn program(path: &str, args: &[&str]) -> WorkerCommand {
    WorkerCommand { program: path.into(), args: args.iter().map(Into::into).collect(), environment: Vec::new() }
}

fn webhook(body: &str) -> Webhook {
    let mut webhook = tenterhook_fixtures::webhook(1);
    webhook.spec.request.url = "https://hooks.example.com/in".to_owned();
    webhook.spec.request.body = body.to_owned();
    webhook
}

fn event() -> Arc<EventContext> {
    event_with(r#"{"name":"AMS","big":123456789012345678901234567890,"f":1.50}"#)
}

fn event_with(data: &str) -> Arc<EventContext> {
    let json = JsonText::parse(data).unwrap();
    Arc::new(EventContext::new(Arc::new(Event {
        object_type: "dcim.site".to_owned(),
        username: "admin".to_owned(),
        data: Some(json.clone()),
        snapshots: Some(Snapshots { prechange: Some(json), postchange: None }),
        ..tenterhook_fixtures::event("evt-1")
    })))
}

fn facts() -> AttemptFacts {
    let now = Timestamp::new(1_772_809_900, 0).unwrap();
    AttemptFacts { delivery_id: DeliveryId::new(now, 1, Lane(1)), attempt: 1, now, trace_parent: None }
}

async fn body(cage: &impl Render, body: &str) -> Result<String, String> {
    let compiled = cage.compile(&webhook(body)).await.map_err(|faults| format!("{faults:?}"))?;
    let request = cage.prepare(&compiled, &event(), &facts()).await.map_err(|fault| fault.to_string())?;
    Ok(String::from_utf8(request.body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_worker_renders_what_this_process_renders() {
    let cage = Cage::new(worker(), 1);
    for template in [CAGED, "{% macro m() %}{{ data }} {{ data.f * 3 }}{% endmacro %}{{ m() }}", "{{ 'x' * 70000 }}"] {
        let caged = body(&cage, template).await;
        assert!(caged.is_ok(), "{caged:?}");
        assert_eq!(caged, body(&InProcess, template).await, "{template}");
    }
    assert_eq!(body(&cage, CAGED).await.unwrap(), "AMSAMS!");
}

#[tokio::test]
async fn templates_that_end_their_workers_do_not_fill_the_log() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt().with_writer(log.reopen().unwrap()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let cage = Cage::new(program("/bin/false", &[]), 1);
    for _ in 0..30 {
        assert!(body(&cage, CAGED).await.is_err());
    }
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(log.matches("a template ended its render worker").count(), 10, "{log}");
}

#[tokio::test]
async fn a_fault_of_a_worker_names_field_and_place() {
    let cage = Cage::new(worker(), 1);
    let template = "{% macro m() %}\n{{ data + 1 }}{% endmacro %}{{ m() }}";
    let compiled = cage.compile(&webhook(template)).await.unwrap();
    let fault = cage.prepare(&compiled, &event(), &facts()).await.unwrap_err();
    assert_eq!((fault.field.as_str(), fault.line, fault.column), ("request.body", 2, 4));
    assert_eq!(fault.excerpt, "{{ data + 1 }}{% endmacro %}{{ m() }}\n   ^");
}

#[tokio::test]
async fn plain_templates_need_no_worker() {
    let cage = Cage::new(program("/nonexistent", &[]), 1);
    assert_eq!(body(&cage, "{{ data.name }}").await.unwrap(), "AMS");
    let error = body(&cage, CAGED).await.unwrap_err();
    assert!(error.contains("could not be started"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_answer_is_killed_at_the_deadline() {
    let cage = Cage::new(program("/bin/sleep", &["1000"]), 1);
    for _ in 0..3 {
        let error = body(&cage, CAGED).await.unwrap_err();
        assert!(error.contains("takes too long"), "{error}");
    }
}

#[tokio::test]
async fn a_worker_that_dies_fails_its_own_template_only() {
    let cage = Cage::new(program("/bin/true", &[]), 1);
    for _ in 0..3 {
        let error = body(&cage, CAGED).await.unwrap_err();
        assert!(error.contains("too much memory"), "{error}");
    }
}

#[tokio::test]
async fn more_requests_than_workers_are_all_answered() {
    let cage = Arc::new(Cage::new(worker(), 2));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40 {
        let cage = Arc::clone(&cage);
        tasks.spawn(async move {
            let template = format!("{{% macro m(n) %}}{{{{ n * 2 }}}}{{% endmacro %}}{{{{ m({number}) }}}}");
            (number, body(&*cage, &template).await)
        });
    }
    while let Some(done) = tasks.join_next().await {
        let (number, body) = done.unwrap();
        assert_eq!(body.unwrap(), (number * 2).to_string());
    }
}

#[tokio::test]
async fn a_large_source_is_compiled_in_a_worker_before_this_process_does() {
    let source = format!("{{{{ data.name }}}}{}", "{{ 1 }}".repeat(1_000));
    let cage = Cage::new(program("/nonexistent", &[]), 1);
    let faults = cage.compile(&webhook(&source)).await.unwrap_err();
    assert_eq!(faults[0].field, "request.body");
    assert!(Cage::new(worker(), 1).compile(&webhook(&source)).await.is_ok());
}

#[tokio::test]
async fn a_preview_shows_what_a_worker_made_and_what_it_could_not() {
    let cage = Cage::new(worker(), 1);
    let preview = cage.preview(&webhook(CAGED), &event(), &facts()).await.unwrap();
    assert_eq!(preview.request.unwrap().body, "AMSAMS!");
    let bomb = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    let preview = cage.preview(&webhook(bomb), &event(), &facts()).await.unwrap();
    assert!(preview.request.unwrap().body.is_empty() && preview.matching.matched);
    assert!(preview.errors[0].message.contains("recursion"), "{:?}", preview.errors);
}

#[tokio::test]
async fn expressions_that_are_not_plain_still_decide() {
    let cage = Cage::new(worker(), 1);
    let mut webhook = webhook("");
    webhook.spec.rules = vec![EventRule { expression: "range(3)|sum == 3".to_owned(), ..EventRule::default() }];
    let rules = cage.compile_rules(&webhook).await.unwrap();
    assert!(!rules.is_plain());
    assert!(cage.accepts(&rules, &event()).await.matched);
}

#[tokio::test]
async fn warming_up_starts_a_worker_or_tells_why_not() {
    assert!(Cage::new(worker(), 1).warm_up().await.is_ok());
    assert!(Cage::new(program("/nonexistent", &[]), 1).warm_up().await.is_err());
}

#[tokio::test]
async fn an_event_as_deep_as_events_may_be_renders_in_a_worker_as_in_this_process() {
    let (open, close) = ("[".repeat(limits::JSON_DEPTH), "]".repeat(limits::JSON_DEPTH));
    let deepest = event_with(&format!("{open}{close}"));
    let template = "{% macro m() %}{{ data }} {{ snapshots.prechange }}{% endmacro %}{{ m() }}";
    let cage = Cage::new(worker(), 1);
    let compiled = cage.compile(&webhook(template)).await.unwrap();
    let request = cage.prepare(&compiled, &deepest, &facts()).await.unwrap();
    assert_eq!(request.body, format!("{open}{close} {open}{close}"));
}

#[tokio::test]
async fn a_preview_tells_every_template_that_a_worker_could_not_render() {
    let cage = Cage::new(worker(), 1);
    let mut webhook = webhook("{% macro m() %}{{ data + 1 }}{% endmacro %}{{ m() }}");
    webhook.spec.request.additional_headers = "X-A: {{ range(3) + 1 }}".to_owned();
    webhook.spec.disabled = true;
    let preview = cage.preview(&webhook, &event(), &facts()).await.unwrap();
    let fields: Vec<_> = preview.errors.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["request.additional_headers", "request.body"]);
    assert!(!preview.matching.matched, "a webhook that is disabled gets nothing, whatever its templates do");
}

#[tokio::test]
async fn a_preview_renders_in_the_worker_alone_what_is_not_plain() {
    let cage = Cage::new(program("/bin/true", &[]), 1);
    let preview = cage.preview(&webhook(CAGED), &event(), &facts()).await.unwrap();
    assert!(preview.request.unwrap().body.is_empty());
    assert!(preview.errors[0].message.contains("too much memory"), "{:?}", preview.errors);
}

#[tokio::test]
async fn a_header_that_renders_to_more_than_headers_may_have_fails_at_once() {
    let cage = Cage::new(worker(), 1);
    let mut webhook = webhook("");
    let value = HeaderValue::Plain(format!("{{{{ 'x' * {} }}}}", limits::HEADER_TEXT_BYTES + 1));
    webhook.spec.request.headers = vec![HeaderTemplate { name: "X-Large".to_owned(), value }];
    let compiled = cage.compile(&webhook).await.unwrap();
    for render in [&cage as &dyn Render, &InProcess] {
        let fault = render.prepare(&compiled, &event(), &facts()).await.unwrap_err();
        assert_eq!(fault.field, "request.headers[0].value");
        assert!(fault.message.contains("65537 bytes"), "{}", fault.message);
    }
}

#[tokio::test]
async fn a_worker_reads_the_variables_that_it_is_handed_and_no_others() {
    let variables = [("HOOK_TOKEN".to_owned(), "hunter22".to_owned())].into_iter().collect();
    let cage = Cage::new(worker(), 1).with_variables(variables);
    let macros = |name: &str| format!("{{% macro read(n) %}}{{{{ n | env }}}}{{% endmacro %}}{{{{ read('{name}') }}}}");
    for template in [macros("HOOK_TOKEN").as_str(), "{{ 'HOOK_TOKEN' | env }}"] {
        assert_eq!(body(&cage, template).await.as_deref(), Ok("hunter22"), "{template}");
        let trial = cage.preview(&webhook(template), &event(), &facts()).await.unwrap();
        assert_eq!(&*trial.request.unwrap().body, b"***", "{template}");
    }
    let error = body(&cage, &macros("PATH")).await.unwrap_err();
    assert!(error.contains("the environment variable 'PATH' is not set"), "{error}");
}
