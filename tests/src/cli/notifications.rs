//! The recipes of docs/NOTIFICATIONS.md, applied as they stand, but for the receiver's address.

use serde_json::Value;
use tenterhook_model::NoticeKind;

use super::{Desk, NOWHERE, receiver};

/// The display name and the YAML of each recipe of the page.
fn recipes() -> Vec<(String, String)> {
    let page = include_str!("../../../docs/NOTIFICATIONS.md");
    let blocks = page.split("<!-- recipe -->\n```yaml\n").skip(1);
    let texts = blocks.map(|block| block.split("```").next().unwrap().to_owned());
    let name = |text: &str| text.lines().next().unwrap().strip_prefix("display_name: ").unwrap().to_owned();
    texts.map(|text| (name(&text), text)).collect()
}

/// The recipe, sent to this port.
fn sent_to(port: u16, recipe: &str) -> String {
    let (before, url) = recipe.split_once("  url: ").unwrap();
    let (_, after) = url.split_once('\n').unwrap();
    format!("{before}  url: http://127.0.0.1:{port}/\n{after}")
}

/// The body that the webhook was sent for an event of this type.
fn body(desk: &Desk, webhook: &str, event_type: &str) -> Value {
    let id = desk.run(&["webhook", "show", webhook]).code(0).json()["id"].clone();
    let is_wanted = |delivery: &Value| {
        delivery["webhook_id"] == id && delivery["event_type"] == event_type && delivery["state"] == "SUCCEEDED"
    };
    let list = ["delivery", "list", "-o", "json"];
    let found = desk.until(&list, |deliveries| deliveries.as_array().unwrap().iter().any(is_wanted));
    let delivery = found.as_array().unwrap().iter().find(|delivery| is_wanted(delivery)).unwrap();
    let shown = desk.run(&["delivery", "show", delivery["id"].as_str().unwrap()]).code(0).json();
    let body = shown["attempts"][0]["request"]["body"].as_str().unwrap_or_else(|| panic!("{shown}"));
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

#[test]
fn each_recipe_sends_what_its_receiver_takes() {
    let desk = Desk::with(&["--dev", "--public-url", "https://hooks.example.com/"]);
    let (_receiver, port) = receiver(0, "200");
    let recipes = recipes();
    let names: Vec<&str> = recipes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["notify-slack", "notify-teams", "notify-pagerduty"]);
    for (name, recipe) in &recipes {
        let file = desk.file(&format!("{name}.yaml"), &sent_to(port, recipe));
        desk.run(&["apply", "-f", &file]).code(0);
    }
    let orders =
        format!("display_name: a<b>&c\nrequest: {{url: 'http://127.0.0.1:{NOWHERE}/'}}\nretry: {{max_attempts: 1}}\n");
    let file = desk.file("orders.yaml", &orders);
    desk.run(&["apply", "-f", &file]).code(0);
    desk.publish("created");
    let failing = "tenterhook.webhook.failing";
    let slack = body(&desk, "notify-slack", failing);
    let text = slack["text"].as_str().unwrap();
    assert!(text.starts_with("Webhook \"a&lt;b&gt;&amp;c\" in namespace default is failing"), "{text}");
    assert!(text.contains(" <https://hooks.example.com/console/webhooks/wh_"), "{text}");
    let teams = body(&desk, "notify-teams", failing);
    let card = &teams["attachments"][0]["content"];
    assert_eq!(card["body"][1]["facts"][0]["value"], "a<b>&c");
    assert_eq!(card["actions"][0]["type"], "Action.OpenUrl");
    let pager = body(&desk, "notify-pagerduty", failing);
    assert_eq!((&pager["event_action"], &pager["payload"]["component"]), (&"trigger".into(), &"a<b>&c".into()));
    assert_eq!(pager["payload"]["custom_details"]["event_type"], "created");
    // A receiver that is there again.
    let mended = desk.file("orders.yaml", &orders.replace(&format!(":{NOWHERE}/"), &format!(":{port}/")));
    desk.run(&["apply", "-f", &mended]).code(0);
    desk.publish("created");
    let resolved = body(&desk, "notify-pagerduty", "tenterhook.webhook.recovered");
    assert_eq!(resolved["event_action"], "resolve");
    assert_eq!(resolved["dedup_key"], pager["dedup_key"]);
}

#[test]
fn the_page_lists_every_type_and_no_other() {
    let page = include_str!("../../../docs/NOTIFICATIONS.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `tenterhook."));
    let listed: Vec<String> = rows.map(|row| format!("tenterhook.{}", row.split('`').next().unwrap())).collect();
    let mut types: Vec<&str> = NoticeKind::ALL.map(NoticeKind::event_type).to_vec();
    let mut found: Vec<&str> = listed.iter().map(String::as_str).collect();
    types.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, types);
}

#[test]
fn a_server_without_operational_events_publishes_nothing_about_itself() {
    let desk = Desk::with(&["--dev", "--operational-events", "off"]);
    let (_receiver, port) = receiver(0, "200");
    for (name, recipe) in recipes() {
        let file = desk.file(&format!("{name}.yaml"), &sent_to(port, &recipe));
        desk.run(&["apply", "-f", &file]).code(0);
    }
    desk.run(&["webhook", "pause", "notify-slack"]).code(0);
    desk.run(&["webhook", "resume", "notify-slack"]).code(0);
    desk.publish("created");
    let events = desk.run(&["event", "list", "-o", "json"]).code(0).json();
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
}
