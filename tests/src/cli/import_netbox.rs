//! `tenterhook import netbox`: exports of each version of NetBox, and what the server has afterwards.

use serde_json::{Value, json};

use super::{Desk, Shown};
use crate::canary::mark;

/// The versions whose exports are in `tests/fixtures/netbox_exports`, and whether they have event rules.
const VERSIONS: [(&str, bool); 5] = [("3.2", false), ("3.6", false), ("3.7", true), ("4.2", true), ("4.7", true)];
/// The name of the webhook that has every field.
const ORDERS: &str = "Größe \"L\", orders";

/// The exports of a version as files at this desk, with marked secrets.
fn exports(desk: &Desk, version: &str, has_rules: bool, ending: &str) -> Vec<String> {
    let lists: &[&str] = if has_rules { &["webhooks", "event-rules"] } else { &["webhooks"] };
    let export = |list: &&str| {
        let name = format!("{version}-{list}.{ending}");
        let text =
            std::fs::read_to_string(format!("{}/fixtures/netbox_exports/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let marks = [("@SECRET@", "secret"), ("@TOKEN@", "token"), ("@PASS@", "password")];
        desk.file(&name, &marks.iter().fold(text, |text, (place, name)| text.replace(place, &mark::hidden(name))))
    };
    lists.iter().map(export).collect()
}

/// Runs the import; no secret is ever shown.
fn import(desk: &Desk, files: &[String], more: &[&str]) -> Shown {
    let mut arguments = vec!["import", "netbox"];
    arguments.extend(files.iter().map(String::as_str));
    arguments.extend(more);
    let shown = desk.run(&arguments);
    assert!(!format!("{shown:?}").contains(&mark::hidden("")), "a secret is shown");
    shown
}

/// The webhooks of a report whose result is `result`.
fn with_result(report: &Value, result: &str) -> Vec<String> {
    let webhooks = report["webhooks"].as_array().unwrap().iter();
    let names = webhooks.filter(|webhook| webhook["result"] == result);
    names.map(|webhook| webhook["display_name"].as_str().unwrap().to_owned()).collect()
}

/// What people write of a webhook that the server has.
fn stored(desk: &Desk, name: &str) -> Value {
    desk.run(&["webhook", "show", name, "-o", "json"]).code(0).json()
}

/// A certificate that is its own authority.
fn authority(desk: &Desk) -> String {
    let made = rcgen::generate_simple_self_signed(["corp.example.com".to_owned()]).unwrap();
    desk.file("ca.pem", &made.cert.pem())
}

#[test]
fn every_version_is_imported_whole_and_a_second_time_changes_nothing() {
    for (version, has_rules) in VERSIONS {
        let desk = Desk::new();
        let ca = format!("/opt/netbox/ca.pem={}", authority(&desk));
        let flags = ["--netbox-version", version, "--ca-file", &ca, "--retry", "none", "-o", "json"];
        let json = exports(&desk, version, has_rules, "json");
        let dry = import(&desk, &json, &[&flags[..], &["--dry-run"]].concat()).code(3).json();
        assert_eq!((with_result(&dry, "new").len(), dry["applied"] == false), (4, true), "{version}: {dry:#}");
        assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).out, "");
        let first = import(&desk, &json, &flags).code(0).json();
        assert_eq!(with_result(&first, "created").len(), 4, "{version}: {first:#}");
        check_orders(&stored(&desk, ORDERS), version);
        check_others(&desk, has_rules);
        // The files for the bulk import say the same.
        for files in [json, exports(&desk, version, has_rules, "csv")] {
            let again = import(&desk, &files, &flags).code(0).json();
            assert_eq!(with_result(&again, "unchanged").len(), 4, "{version}: {again:#}");
        }
        let skipped = first["skipped"].as_array().unwrap().len();
        assert_eq!(skipped, usize::from(has_rules), "the rule that runs a script");
    }
}

/// The webhook that has every field.
fn check_orders(webhook: &Value, version: &str) {
    let request = &webhook["request"];
    assert_eq!(request["url"], "https://hooks.example.com/orders/{{ data.id }}");
    assert_eq!((&request["method"], &request["content_type"]), (&json!("PUT"), &json!("text/plain; charset=utf-8")));
    assert_eq!(request["additional_headers"], "X-Site: ams\r\nX-Event: {{ event }}\r\n");
    assert_eq!(request["headers"], json!([{"name": "Authorization", "value": "", "sensitive": true}]));
    assert_eq!(request["body"], "{\r\n  \"site\": \"{{ data.name }}\",\r\n  \"say\": '\"grüß\"'\r\n}");
    assert_eq!(webhook["signing_keys"].as_array().unwrap().len(), 1);
    assert_eq!(webhook["retry"]["max_attempts"], 1);
    assert_eq!(webhook["labels"]["netbox-tag/grosse-l"], "true");
    let rules = webhook["rules"].as_array().unwrap();
    let condition = json!({"and": [{"attr": "status.value", "value": "active"}]});
    assert_eq!(rules[0]["conditions"]["structured"], condition);
    assert_eq!(rules[0]["object_types"], json!(["dcim.site", "dcim.region"]));
    let kinds =
        if version == "3.6" { json!(["created", "updated", "job_ended"]) } else { json!(["created", "updated"]) };
    assert_eq!(rules[0]["event_types"], kinds);
    if !version.starts_with("3.2") && version != "3.6" {
        assert_eq!(webhook["description"], "All; of \"it\", ünï");
        assert_eq!(
            (&rules[0]["display_name"], &rules[1]["event_types"]),
            (&json!("sites, \"new\" ☃"), &json!(["job_ended"]))
        );
    }
    if version == "4.7" {
        assert_eq!(webhook["transport"]["attempt_timeout"], "60s");
        assert_eq!(webhook["labels"]["netbox-owner"], "Netzteam");
    }
}

/// A user in the URL, a webhook that is off or unused, and one with an authority.
fn check_others(desk: &Desk, has_rules: bool) {
    let jenkins = stored(desk, "jenkins");
    assert_eq!(jenkins["request"]["url"], "https://ci.example.com/build?x=1");
    assert_eq!(jenkins["request"]["headers"], json!([{"name": "Authorization", "value": "", "sensitive": true}]));
    assert_eq!((&jenkins["signing_keys"], &jenkins["rules"][0]["event_types"]), (&json!([]), &json!(["created"])));
    let legacy = stored(desk, "legacy");
    assert_eq!(legacy["state"], "DISABLED", "without a rule it would take every event");
    assert_eq!(legacy["rules"].as_array().unwrap().is_empty(), has_rules);
    let corp = stored(desk, "corp");
    assert!(corp["transport"]["ca_certificates_pem"].as_str().unwrap().starts_with("-----BEGIN"));
    assert_eq!(corp["transport"]["insecure_skip_verify"], false, "in NetBox the authority wins");
    assert_eq!(corp["rules"][0]["disabled"] == true, has_rules);
}

#[test]
fn a_blank_body_is_that_of_the_version_and_an_unknown_version_is_asked_for() {
    let desk = Desk::new();
    let ca = format!("/opt/netbox/ca.pem={}", authority(&desk));
    let files = exports(&desk, "4.2", true, "json");
    import(&desk, &files, &["--ca-file", &ca, "--retry", "none"]).code(2).warns(&["--netbox-version", "3 webhooks"]);
    import(&desk, &files, &["--ca-file", &ca, "--retry", "none", "--netbox-version", "4.5.2"]).code(0);
    assert_eq!(stored(&desk, "jenkins")["request"]["body_format"], "NETBOX_4_5");
}

#[test]
fn nothing_is_created_while_something_is_refused() {
    let desk = Desk::new();
    let files = exports(&desk, "3.6", false, "json");
    let shown = import(&desk, &files, &["--retry", "none", "-o", "table"]).code(1);
    let shown = shown.has(&["x corp  ca_file_path: ", "--ca-file '/opt/netbox/ca.pem=FILE'", "Nothing was changed."]);
    shown.warns(&["nothing was changed", "--skip-refused"]);
    assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).out, "");
    let hooks = json!([
        {"name": "template", "payload_url": "https://a.example.com", "body_template": "{{ x", "additional_headers": "Host: b"},
        {"name": "condition", "payload_url": "https://a.example.com"},
        {"name": "fine", "payload_url": "https://a.example.com", "body_template": "x"},
        {"name": "r1", "action_type": "webhook", "action_object": "condition", "event_types": ["object_created"],
         "object_types": ["dcim.site"], "conditions": {"attr": "name", "op": "regex", "value": "("}},
        {"name": "r2", "action_type": "webhook", "action_object": "fine", "event_types": ["object_created"], "object_types": ["dcim.site"]},
    ]);
    let file = desk.file("hooks.json", &hooks.to_string());
    let report = import(&desk, std::slice::from_ref(&file), &["--dry-run", "--netbox-version", "4.2", "-o", "json"])
        .code(1)
        .json();
    assert_eq!(with_result(&report, "refused"), ["template", "condition"]);
    let fields = report["webhooks"][0]["problems"].as_array().unwrap();
    for field in ["request.body", "request.additional_headers"] {
        assert!(fields.iter().any(|problem| problem["field"] == field), "{field}: {report:#}");
    }
    let made =
        import(&desk, &[file], &["--skip-refused", "--netbox-version", "4.2", "--retry", "default", "-o", "json"])
            .code(1)
            .json();
    assert_eq!(with_result(&made, "created"), ["fine"]);
    assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).out, "fine\n");
}

#[test]
fn what_changed_in_netbox_is_shown_and_updated_when_asked() {
    let desk = Desk::new();
    let hook = |url: &str| format!("name,payload_url,content_types,type_create\nslack,{url},dcim.site,true\n");
    let file = desk.file("a.csv", &hook("https://a.example.com/1"));
    // Retries are asked for once, when something is created.
    import(&desk, std::slice::from_ref(&file), &[]).code(2).warns(&["--retry none"]);
    import(&desk, std::slice::from_ref(&file), &["--retry", "none", "--prefix", "nb-", "--paused"]).code(0);
    let made = stored(&desk, "nb-slack");
    assert_eq!((&made["state"], &made["state_reason"]), (&json!("PAUSED"), &json!("imported from NetBox")));
    // What was set here stays.
    desk.run(&["apply", "-f", &desk.file("b.yaml", &edited(&made))]).code(0);
    let file = [desk.file("a.csv", &hook("https://a.example.com/2"))];
    let flags = ["--prefix", "nb-", "-o", "table"];
    let differs = "~ nb-slack  request.url  https://a.example.com/1 -> https://a.example.com/2";
    import(&desk, &file, &flags).code(3).has(&[differs, "1 changed in NetBox"]);
    assert_eq!(stored(&desk, "nb-slack")["request"]["url"], "https://a.example.com/1");
    import(&desk, &file, &[&flags[..], &["--update"]].concat()).code(0).has(&["updated"]);
    let after = stored(&desk, "nb-slack");
    assert_eq!(
        (&after["request"]["url"], &after["rate_limit"]["burst"]),
        (&json!("https://a.example.com/2"), &json!(7))
    );
    assert_eq!((&after["retry"]["max_attempts"], &after["state"]), (&json!(1), &json!("PAUSED")));
    import(&desk, &file, &flags).code(0).has(&["1 unchanged"]);
    let signed = hook("https://a.example.com/2").replace(",type_create", ",secret,type_create");
    let signed = signed.replace("dcim.site,", &format!("dcim.site,{},", mark::hidden("new")));
    import(&desk, &[desk.file("a.csv", &signed)], &flags).code(0).has(&["1 unchanged", "rotate-key"]);
}

/// The webhook with a rate limit, as a file.
fn edited(webhook: &Value) -> String {
    let mut webhook = webhook.clone();
    let fields = webhook.as_object_mut().unwrap();
    for name in
        ["id", "state", "state_reason", "signing_keys", "health", "etag", "create_time", "update_time", "warnings"]
    {
        fields.remove(name);
    }
    fields.insert("rate_limit".into(), json!({"requests_per_second": 1, "burst": 7}));
    webhook.to_string()
}

#[test]
fn two_hundred_rules_go_to_the_webhooks_that_they_name() {
    let desk = Desk::new();
    let webhooks: Vec<Value> = (0..20).map(|i| json!({"id": i, "name": format!("hook {i}"), "payload_url": "https://a.example.com", "body_template": "x"})).collect();
    let rules: Vec<Value> = (0..200).map(|i| json!({"id": i, "name": format!("rule {i}"), "object_types": ["dcim.site"], "event_types": ["object_created"],
        "enabled": true, "conditions": null, "action_type": {"value": "webhook"}, "action_object_id": i % 20})).collect();
    let pages = rules.chunks(50).map(|page| json!({"count": 200, "next": null, "results": page}).to_string());
    let mut files = vec![desk.file("webhooks.json", &json!(webhooks).to_string())];
    files.extend(pages.enumerate().map(|(index, page)| desk.file(&format!("rules{index}.json"), &page)));
    import(&desk, &files, &["--retry", "default"]).code(0);
    for number in [0, 19] {
        let webhook = stored(&desk, &format!("hook {number}"));
        assert_eq!(webhook["rules"].as_array().unwrap().len(), 10);
        assert_eq!(webhook["rules"][1]["display_name"], format!("rule {}", number + 20));
    }
}

#[test]
fn sources_that_lack_something_are_refused_with_what_to_give() {
    let desk = Desk::new();
    let webhooks = exports(&desk, "4.7", true, "json");
    import(&desk, &webhooks[..1], &[]).code(2).warns(&["the event rules are missing", "--without-rules"]);
    import(&desk, &webhooks[1..], &[]).code(2).warns(&["4.7-event-rules.json#1: action_object", "extras/webhooks"]);
    let button =
        desk.file("netbox_webhooks.csv", "ID,Name,Payload URL,SSL verification\r\n1,slack,https://a.example.com,\r\n");
    import(&desk, &[button], &[]).code(2).warns(&["\"Export\" button", "--print-export-template"]);
    import(&desk, &[], &[]).code(2);
    desk.run(&["import", "netbox", "--print-export-template", "--address", "127.0.0.1:1"])
        .code(0)
        .has(&["queryset", "ca_file_path"]);
}
