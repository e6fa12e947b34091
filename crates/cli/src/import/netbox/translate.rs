//! A webhook of NetBox with its event rules as a webhook here, with everything that differs or cannot be.

use std::path::Path;

use tenterhook_client::v1::{
    BodyFormat, HeaderTemplate, HttpMethod, RequestTemplate, RetryPolicy, TransportPolicy, Webhook,
};
use tenterhook_model::{Secret, StandardSecret, system};

use super::choices::NetboxArgs;
use super::rules;
use crate::import::credentials::{split, take_out};
use crate::import::flags::Retry;
use crate::import::object::Record;
use crate::import::origin::NETBOX;
use crate::import::wanted::Wanted;

/// The webhook of `record`, used by `rules`. `body` is the body of webhooks without a template.
pub(super) fn translate(record: &Record, rules: &[&Record], body: BodyFormat, args: &NetboxArgs) -> Wanted {
    let name = format!("{}{}", args.flags.prefix, record.text("name"));
    let mut wanted = Wanted {
        place: record.place.clone(),
        webhook: Webhook { display_name: name, ..Default::default() },
        signing_secret: Secret::new(record.text("secret").to_owned()),
        notes: Vec::new(),
        problems: Vec::new(),
    };
    record.text("description").clone_into(&mut wanted.webhook.description);
    set_labels(&mut wanted, record);
    set_rules(&mut wanted, record, rules);
    set_request(&mut wanted, record, body, args);
    set_transport(&mut wanted, record, args);
    note_environment(&mut wanted);
    if StandardSecret::read(wanted.signing_secret.expose()).is_some_and(|secret| secret.is_fit_to_sign()) {
        wanted.note("its secret has the form of Standard Webhooks: requests also carry webhook-signature");
    }
    wanted.webhook.retry =
        (args.retry == Some(Retry::None)).then(|| RetryPolicy { max_attempts: 1, ..Default::default() });
    wanted
}

/// Whether a webhook is of NetBox up to 3.6, which has no event rules.
pub(super) fn names_its_events(record: &Record) -> bool {
    ["content_types", "type_create", "enabled"].iter().any(|name| record.has(name))
}

/// A flag that is wrong is a problem.
fn flag(wanted: &mut Wanted, record: &Record, name: &str, default: bool) -> bool {
    record
        .flag(name)
        .unwrap_or_else(|why| {
            wanted.problem(name, why);
            None
        })
        .unwrap_or(default)
}

fn set_labels(wanted: &mut Wanted, record: &Record) {
    let labels = &mut wanted.webhook.labels;
    labels.extend([NETBOX.label()]);
    for slug in record.tags() {
        labels.insert(format!("netbox-tag/{slug}"), "true".to_owned());
    }
    if !record.text("owner").is_empty() {
        labels.insert("netbox-owner".to_owned(), record.text("owner").to_owned());
    }
    let fields = record.custom_fields();
    if !fields.is_empty() {
        wanted.note(format!("custom fields are not taken over: {}", fields.join(", ")));
    }
}

fn set_rules(wanted: &mut Wanted, record: &Record, rules: &[&Record]) {
    let is_old = names_its_events(record);
    wanted.webhook.disabled = is_old && !flag(wanted, record, "enabled", true);
    if !is_old && rules.is_empty() {
        // A webhook without rules takes every event here.
        wanted.webhook.disabled = true;
        wanted.note("no event rule uses it: it is created disabled");
    }
    for source in is_old.then_some(record).iter().chain(rules) {
        let done = rules::translate(source);
        let about = |text: String| if is_old { text } else { format!("rule {}: {text}", source.text("name")) };
        wanted.notes.extend(done.notes.into_iter().map(about));
        wanted.problems.extend(done.problems.into_iter().map(|why| ("rules".to_owned(), about(why))));
        wanted.webhook.rules.push(done.rule);
    }
    if wanted.webhook.rules.iter().filter(|rule| !rule.disabled).count() > 1 {
        wanted.note("an event that several of its rules match is sent once; NetBox sends it once for each rule");
    }
}

fn set_request(wanted: &mut Wanted, record: &Record, body: BodyFormat, args: &NetboxArgs) {
    let (additional_headers, mut headers) = take_out(record.text("additional_headers"));
    for header in &headers {
        wanted.notes.push(format!("header {}: kept secret here", header.name));
    }
    let mut url = record.text("payload_url").to_owned();
    match split(&url) {
        Ok(found) => {
            url = found.url;
            if let Some(value) = found.authorization {
                // `requests` lets the URL win over a header.
                headers.retain(|header| !header.name.eq_ignore_ascii_case("authorization"));
                headers.push(HeaderTemplate { name: "Authorization".to_owned(), value, sensitive: true });
                wanted.note("user and password of the URL: now the header Authorization, kept secret");
            } else if found.had_user {
                wanted.note("user of the URL: left out; NetBox sends none without a password either");
            }
        }
        Err(why) => wanted.problem("payload_url", why),
    }
    let source = record.text("body_template");
    let method = record.text("http_method");
    let method = if method.is_empty() { "POST" } else { method };
    let known = HttpMethod::from_str_name(&format!("HTTP_METHOD_{}", method.to_ascii_uppercase()));
    if known.is_none() {
        wanted.problem("http_method", "must be one of GET, POST, PUT, PATCH and DELETE");
    }
    let renders_host = url
        .split("://")
        .nth(1)
        .is_some_and(|rest| rest.split('/').next().is_some_and(|authority| authority.contains("{{")));
    wanted.webhook.request = Some(RequestTemplate {
        url,
        allowed_hosts: if renders_host { args.allow_hosts.clone() } else { Vec::new() },
        method: known.unwrap_or(HttpMethod::Post).into(),
        content_type: record.text("http_content_type").to_owned(),
        additional_headers,
        headers,
        body: source.to_owned(),
        body_format: if source.is_empty() { body.into() } else { BodyFormat::Unspecified.into() },
        ..Default::default()
    });
}

/// Says which variables of the environment its templates read: the server must let them.
fn note_environment(wanted: &mut Wanted) {
    let Some(request) = &wanted.webhook.request else { return };
    let of_headers = request.headers.iter().map(|header| header.value.as_str());
    let templates = [request.url.as_str(), &request.additional_headers, &request.body].into_iter().chain(of_headers);
    let mut names: Vec<String> = templates.flat_map(read_variables).collect();
    names.sort();
    names.dedup();
    if !names.is_empty() {
        let flags: Vec<String> = names.iter().map(|name| format!("--template-env {name}")).collect();
        wanted.note(format!("its templates read the environment: start the server with {}", flags.join(" ")));
    }
}

/// The variables that a template reads by the filter `env`; `NAME` for one whose name is not in the text.
fn read_variables(template: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut names = Vec::new();
    for (at, _) in template.match_indices('|') {
        let behind = template[at + 1..].trim_start().strip_prefix("env");
        if behind.is_none_or(|rest| rest.starts_with(is_part)) {
            continue;
        }
        let before = template[..at].trim_end();
        let quote = before.chars().next_back().filter(|c| matches!(c, '\'' | '"'));
        let name = quote.and_then(|quote| before[..before.len() - 1].rsplit_once(quote)).map(|(_, name)| name);
        names.push(name.filter(|name| name.chars().all(is_part)).unwrap_or("NAME").to_owned());
    }
    names
}

fn set_transport(wanted: &mut Wanted, record: &Record, args: &NetboxArgs) {
    let mut transport = TransportPolicy::default();
    let path = record.text("ca_file_path");
    if path.is_empty() {
        transport.insecure_skip_verify = !flag(wanted, record, "ssl_verification", true);
    } else {
        // In NetBox the file wins over `ssl_verification`.
        let given = args.ca_files.iter().find(|(known, _)| known == path).map_or(path, |(_, file)| file.as_str());
        match std::fs::read_to_string(Path::new(given)) {
            Ok(pem) => transport.ca_certificates_pem = pem,
            Err(error) => {
                let why = system::text_in_words(&error);
                wanted.problem("ca_file_path", format!("cannot read {given}: {why}; give --ca-file '{path}=FILE'"));
            }
        }
    }
    if let Some(asked) = record.number("timeout") {
        transport.attempt_timeout = Some(wanted.attempt_timeout(asked));
    }
    wanted.webhook.transport = (transport != TransportPolicy::default()).then_some(transport);
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::{Value, json};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: NetboxArgs,
    }

    fn record(value: Value) -> Record {
        Record::new("x#1".into(), value.as_object().unwrap().clone())
    }

    fn wanted(webhook: Value, rules: &[Value], flags: &[&str]) -> Wanted {
        let line = Line::parse_from(["import", "x.json"].iter().chain(flags));
        let rules: Vec<Record> = rules.iter().cloned().map(record).collect();
        translate(&record(webhook), &rules.iter().collect::<Vec<_>>(), BodyFormat::Netbox45, &line.args)
    }

    fn rule(name: &str) -> Value {
        json!({"name": name, "action_type": "webhook", "event_types": ["object_created"], "object_types": ["dcim.site"]})
    }

    #[test]
    fn only_a_secret_of_standard_webhooks_signs_in_two_ways() {
        let notes = |secret: &str| {
            let webhook = json!({"name": "a", "payload_url": "https://a.example.com", "secret": secret});
            wanted(webhook, &[rule("r")], &[]).notes
        };
        for other in ["", "plain", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(notes(other).is_empty(), "{other}");
        }
        assert_eq!(notes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").len(), 1);
    }

    #[test]
    fn several_rules_are_kept_and_said_to_send_once() {
        let webhook = json!({"name": "a", "payload_url": "https://a.example.com"});
        let done = wanted(webhook, &[rule("one"), rule("two")], &["--prefix", "nb-"]);
        let names: Vec<&str> = done.webhook.rules.iter().map(|rule| rule.display_name.as_str()).collect();
        assert_eq!((names, done.webhook.display_name.as_str()), (vec!["one", "two"], "nb-a"));
        assert!(done.notes[0].contains("sent once") && !done.webhook.disabled, "{:?}", done.notes);
    }

    #[test]
    fn a_rendered_host_takes_the_hosts_that_are_allowed() {
        let hosts = |url: &str| {
            let webhook = json!({"name": "a", "payload_url": url});
            wanted(webhook, &[rule("r")], &["--allow-host", "*.example.com"]).webhook.request.unwrap().allowed_hosts
        };
        assert_eq!(hosts("https://{{ data.name }}.example.com/x"), ["*.example.com"]);
        assert!(hosts("https://a.example.com/{{ data.name }}").is_empty());
    }

    #[test]
    fn what_cannot_be_moved_is_named() {
        let webhook = json!({"name": "a", "payload_url": "https://u:%E2%82%AC@a.example.com", "http_method": "TRACE",
            "ssl_verification": "maybe", "timeout": 0});
        let done = wanted(webhook, &[rule("r")], &[]);
        let fields: Vec<&str> = done.problems.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["payload_url", "http_method", "ssl_verification"]);
        assert_eq!(done.webhook.transport.unwrap().attempt_timeout.unwrap().seconds, 1);
    }

    #[test]
    fn variables_that_a_template_reads_are_found() {
        for (template, names) in [
            ("Bearer {{ 'HOOK_TOKEN' | env }}", &["HOOK_TOKEN"][..]),
            (r#"{{ "A"|env|urlencode }}/{{ name |env }}"#, &["A", "NAME"]),
            ("{{ 'a' | environment }} {{ env }} | env_x | length", &[]),
        ] {
            assert_eq!(read_variables(template), names, "{template}");
        }
    }

    fn webhook(members: Value) -> Value {
        let mut webhook = json!({"name": "a", "payload_url": "https://a.example.com/x"});
        webhook.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        webhook
    }

    #[test]
    fn a_webhook_without_rules_is_disabled_unless_it_names_its_events_itself() {
        let done = |members: Value| wanted(webhook(members), &[], &[]);
        let unused = done(json!({}));
        assert!(unused.webhook.disabled && unused.notes[0].contains("no event rule uses it"), "{:?}", unused.notes);
        let old = json!({"content_types": ["dcim.site"], "type_create": true, "enabled": true});
        let old = done(old);
        assert_eq!((old.webhook.disabled, old.webhook.rules.len(), old.notes), (false, 1, vec![]));
        let off = done(json!({"content_types": ["dcim.site"], "type_create": true, "enabled": false}));
        assert!(off.webhook.disabled && !off.webhook.rules[0].disabled);
        for name in ["content_types", "type_create", "enabled"] {
            assert!(names_its_events(&record(json!({name: null}))), "{name}");
        }
        assert!(!names_its_events(&record(json!({"name": "a", "type_update": true}))));
    }

    #[test]
    fn a_body_without_a_template_is_that_of_the_version() {
        let request = |members: Value| wanted(webhook(members), &[rule("r")], &[]).webhook.request.unwrap();
        let blank = request(json!({"body_template": ""}));
        assert_eq!((blank.body.as_str(), blank.body_format()), ("", BodyFormat::Netbox45));
        let own = request(json!({"body_template": "{{ data }}"}));
        assert_eq!((own.body.as_str(), own.body_format()), ("{{ data }}", BodyFormat::Unspecified));
    }

    #[test]
    fn methods_are_named_in_any_case_and_post_where_there_is_none() {
        let method = |value: Value| {
            wanted(webhook(json!({"http_method": value})), &[rule("r")], &[]).webhook.request.unwrap().method()
        };
        for (value, method_here) in [
            (json!(null), HttpMethod::Post),
            (json!("PUT"), HttpMethod::Put),
            (json!("patch"), HttpMethod::Patch),
            (json!({"value": "DELETE", "label": "DELETE"}), HttpMethod::Delete),
            (json!("TRACE"), HttpMethod::Post),
        ] {
            assert_eq!(method(value.clone()), method_here, "{value}");
        }
    }

    #[test]
    fn tags_and_owners_are_labels_and_custom_fields_a_note() {
        let done = wanted(
            webhook(
                json!({"tags": [{"slug": "core"}, {"slug": "edge"}], "owner": {"name": "net"}, "custom_fields": {"cost": 5}}),
            ),
            &[rule("r")],
            &[],
        );
        let labels: Vec<(&str, &str)> = done.webhook.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(
            labels,
            [
                ("imported-from", "netbox"),
                ("netbox-owner", "net"),
                ("netbox-tag/core", "true"),
                ("netbox-tag/edge", "true")
            ]
        );
        assert_eq!(done.notes, ["custom fields are not taken over: cost"]);
    }

    #[test]
    fn trust_is_a_file_or_none_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let pem = folder.path().join("ca.pem");
        std::fs::write(&pem, "PEM").unwrap();
        let pem = pem.to_str().unwrap();
        let of = |members: Value, flags: &[&str]| {
            let done = wanted(webhook(members), &[rule("r")], flags);
            (done.webhook.transport, done.problems)
        };
        assert_eq!(of(json!({}), &[]), (None, vec![]));
        assert_eq!(of(json!({"ssl_verification": true}), &[]).0, None);
        assert!(of(json!({"ssl_verification": false}), &[]).0.unwrap().insecure_skip_verify);
        let file = of(json!({"ca_file_path": pem, "ssl_verification": false}), &[]).0.unwrap();
        assert_eq!((file.ca_certificates_pem.as_str(), file.insecure_skip_verify), ("PEM", false), "the file wins");
        let elsewhere = format!("/opt/netbox/ca.pem={pem}");
        assert_eq!(
            of(json!({"ca_file_path": "/opt/netbox/ca.pem"}), &["--ca-file", &elsewhere])
                .0
                .unwrap()
                .ca_certificates_pem,
            "PEM"
        );
        let missing = of(json!({"ca_file_path": "/opt/netbox/none.pem"}), &[]).1;
        assert!(
            missing[0].0 == "ca_file_path" && missing[0].1.ends_with("give --ca-file '/opt/netbox/none.pem=FILE'"),
            "{missing:?}"
        );
    }

    #[test]
    fn retries_are_none_only_when_that_was_said() {
        let retry = |flags: &[&str]| {
            wanted(webhook(json!({})), &[rule("r")], flags).webhook.retry.map(|retry| retry.max_attempts)
        };
        assert_eq!((retry(&[]), retry(&["--retry", "none"]), retry(&["--retry", "default"])), (None, Some(1), None));
    }

    #[test]
    fn the_url_wins_over_a_header_with_credentials() {
        let block = "Authorization: Token old\nX-A: 1\n";
        let done = wanted(
            webhook(json!({"payload_url": "https://u:p@a.example.com", "additional_headers": block})),
            &[rule("r")],
            &[],
        );
        let request = done.webhook.request.unwrap();
        assert_eq!((request.url.as_str(), request.additional_headers.as_str()), ("https://a.example.com", "X-A: 1\n"));
        let headers: Vec<_> = request.headers.iter().map(|one| (&*one.name, &*one.value, one.sensitive)).collect();
        assert_eq!(headers, [("Authorization", "Basic dTpw", true)]);
        let user = wanted(webhook(json!({"payload_url": "https://u@a.example.com"})), &[rule("r")], &[]);
        assert!(user.notes.iter().any(|note| note.starts_with("user of the URL: left out")), "{:?}", user.notes);
    }
}
