//! Every example of docs/CLI.md, run as it is printed, by a shell, against one server.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;

use super::import_netbox_sources::NetBox;
use super::import_others::Stand;
use super::{Desk, Shown, finish, receiver};
use crate::process::command;
use crate::process::running::Running;

/// The page.
const PAGE: &str = include_str!("../../../docs/CLI.md");
/// Exit codes of examples that do not end with 0; the first that a line begins with.
const CODES: [(&str, &[i32]); 10] = [
    ("tenterhook webhook create --file orders.yaml --dry-run", &[3]),
    ("tenterhook webhook preview orders --event evt_01m8f65h --diff", &[3]),
    ("tenterhook delivery cancel --webhook orders", &[0, 3]),
    ("tenterhook delivery retry --webhook orders", &[0, 3]),
    ("tenterhook event replay orders --since 2h --dry-run", &[0, 3]),
    ("tenterhook import netbox webhooks.json event-rules.json --dry-run", &[3]),
    ("tenterhook import netbox --verify", &[4]),
    ("tenterhook import svix svix.json --dry-run", &[3]),
    ("tenterhook import convoy convoy.json --dry-run", &[3]),
    // One webhook fails, and it says so.
    ("tenterhook doctor", &[4]),
];

/// The page, cut where the server and its tools begin.
fn halves() -> (&'static str, &'static str) {
    PAGE.split_once("\n## The server and its tools\n").expect("the page has both halves")
}

/// The examples, in the order of the page.
fn examples(half: &'static str) -> Vec<&'static str> {
    let mut found: Vec<&str> = Vec::new();
    for block in half.split("\nExamples:\n").skip(1) {
        let lines = block.lines().take_while(|line| !line.starts_with("```"));
        let is_command = |line: &&str| ["tenterhook ", "echo ", "KEY="].iter().any(|begin| line.starts_with(begin));
        found.extend(lines.map(str::trim).filter(is_command));
    }
    found
}

/// A shell at a desk, in its folder.
fn shell(desk: &Desk, line: &str) -> Shown {
    let binary = crate::binary::tenterhook();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binary.parent().unwrap().display());
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(desk.path()).env("PATH", path);
    shell.env("XDG_CONFIG_HOME", desk.path().join("config"));
    finish(shell)
}

#[test]
fn every_example_of_a_client_does_what_it_says() {
    let desk = Desk::new();
    let (_well, well) = receiver(0, "200");
    let (_ill, ill) = receiver(0, "503");
    for context in ["prod", "staging"] {
        shell(&desk, &format!("tenterhook context add {context} --address {}", desk.server.api)).code(0);
    }
    desk.create("shop", ill);
    desk.file("orders.yaml", &format!("display_name: more\nrequest: {{url: \"http://127.0.0.1:{well}/\"}}\n"));
    desk.file("data.json", r#"{"id": 1}"#);
    desk.file("sites.jsonl", "{\"id\": 1}\n{\"id\": 2}\n");
    let netbox = netbox(&desk);
    let (svix, convoy) = (Stand::svix(), Stand::convoy());
    desk.file("svix.token", &svix.token);
    desk.file("svix.json", r#"[{"id": "ep_0", "url": "https://a.example.com"}]"#);
    desk.file("convoy.key", &convoy.token);
    let endpoint = r#"{"uid": "e0", "name": "zero", "url": "https://a.example.com"}"#;
    desk.file("convoy.json", &format!("{endpoint} {{\"name\": \"s\", \"endpoint_metadata\": {endpoint}}}"));
    let (svix, convoy) = (svix.start(), convoy.start());
    let (create, others): (Vec<&str>, Vec<&str>) =
        examples(halves().0).into_iter().partition(|line| line.contains("webhook create orders"));
    assert!(create.len() == 1 && others.len() >= 40, "{create:?} {others:#?}");
    let own = |line: &str| {
        let line = line.replace("https://shop.example.com", &format!("http://127.0.0.1:{well}"));
        let line = line.replace("https://netbox.example.com", &netbox);
        line.replace("https://api.eu.svix.com", &svix).replace("https://convoy.example.com", &convoy)
    };
    shell(&desk, &own(create[0])).code(0);
    let (first, second) = (event(&desk, "1"), event(&desk, "2"));
    let delivery = tried(&desk, &first);
    for example in others {
        let mut line = own(example)
            .replace("evt_01m8f65h", &first)
            .replace("evt_01m8f79j", &second)
            .replace("dlv_01m8f64x", &delivery);
        if line.starts_with("tenterhook watch") {
            line.push_str(if line.contains("--from") { " --limit 1" } else { " --from earliest --limit 1" });
        }
        let codes = CODES.iter().find(|(begin, _)| example.starts_with(begin)).map_or(&[0][..], |(_, codes)| codes);
        let shown = shell(&desk, &line);
        assert!(codes.contains(&shown.code), "{line}: not {codes:?} but {shown:#?}");
    }
}

#[test]
fn every_example_of_the_server_and_its_tools_does_what_it_says() {
    let desk = Desk::new();
    let place = |name: &str| desk.path().join(name).display().to_string();
    for folder in ["etc", "bash_completion.d", ".config/fish/completions"] {
        std::fs::create_dir_all(desk.path().join(folder)).unwrap();
    }
    desk.file("slack.j2", "{{ data.name }}");
    desk.file("event.json", r#"{"data": {"name": "ams1"}}"#);
    desk.file("admin.key", "th_of_nobody");
    let made = shell(&desk, "tenterhook key new --role admin --append etc/keys").code(0);
    assert!(made.out.starts_with("th_"), "{made:?}");
    let address = desk.server.api.trim_start_matches("http://");
    let ops = desk.server.ops.trim_start_matches("http://");
    let settings = format!("listen = \"{address}\"\nops-listen = \"{ops}\"\n");
    desk.file("etc/tenterhook.toml", &settings);
    desk.file("etc/free.toml", "dev = true\nlisten = \"127.0.0.1:0\"\nops-listen = \"off\"\n");
    let own = |line: &str| {
        let is_serve = line.starts_with("tenterhook serve");
        let mut line = line
            .replace("${fpath[1]}", ".")
            .replace("~/", "./")
            .replace("/etc/bash_completion.d", "bash_completion.d")
            .replace("/var/lib/tenterhook", &place("store"))
            .replace("/etc/tenterhook/tenterhook.toml", if is_serve { "etc/free.toml" } else { "etc/tenterhook.toml" })
            .replace("/etc/tenterhook", "etc")
            .replace("https://hooks.example.com", &format!("http://{address}"))
            // Whether it runs, not how fast.
            .replace("tenterhook bench --runs 1", "tenterhook bench")
            .replace("tenterhook bench", "tenterhook bench --runs 1 --length 20ms --warm-up 10ms");
        if is_serve {
            line = format!("TENTERHOOK_LISTEN=127.0.0.1:0 TENTERHOOK_OPS_LISTEN=off {line}");
            if !line.contains("--check") {
                line.push_str(" --check");
            }
        }
        format!(
            "export TENTERHOOK_SERVER=http://{address} TENTERHOOK_LISTEN={address} TENTERHOOK_OPS_LISTEN={ops}; {line}"
        )
    };
    // A backup of the server is the store of the other examples, with its key.
    shell(&desk, &own("tenterhook store backup first.backup")).code(0);
    shell(&desk, &own("tenterhook store restore first.backup --store redb:/var/lib/tenterhook")).code(0);
    std::fs::copy(place("data/sealing.key"), place("store/sealing.key")).unwrap();
    let examples = examples(halves().1);
    assert!(examples.len() >= 18, "{examples:#?}");
    let mut run = HashSet::new();
    for example in examples.into_iter().filter(|example| run.insert(*example)) {
        match example.strip_prefix("tenterhook listen ") {
            Some(flags) => listens(flags),
            None => drop(shell(&desk, &own(example)).code(0)),
        }
    }
}

/// `listen` goes on until somebody ends it.
fn listens(flags: &str) {
    let flags = flags.replace("--port 9000", "");
    let arguments: Vec<&str> = ["listen", "--port", "0"].into_iter().chain(flags.split_whitespace()).collect();
    let mut listener = Running::start(command(&arguments));
    listener.line_with("127.0.0.1:");
    listener.signal("TERM");
    assert!(listener.wait().status.success(), "{arguments:?}");
}

/// A NetBox, with its token in a file, and exports of another; returns its address.
fn netbox(desk: &Desk) -> String {
    desk.file(
        "webhooks.json",
        r#"[{"id": 1, "name": "chat", "payload_url": "https://a.example.com", "body_template": "x"}]"#,
    );
    let rule = r#"[{"name": "r", "action_type": "webhook", "action_object_id": 1, "event_types": ["object_created"], "object_types": ["dcim.site"]}]"#;
    desk.file("event-rules.json", rule);
    std::fs::create_dir(desk.path().join("sent-by-netbox")).unwrap();
    desk.file("sent-by-netbox/0001.http", "POST / HTTP/1.1\r\n\r\nx");
    let netbox = Arc::new(NetBox::new("4.6.2", true));
    desk.file("token", &netbox.token);
    netbox.start()
}

/// Publishes an event of a site.
fn event(desk: &Desk, site: &str) -> String {
    let data = desk.file("event.json", &format!("{{\"id\": {site}}}"));
    let shown = desk.run(&["event", "publish", "--type", "created", &data, "-o", "name"]).code(0);
    shown.out.trim().to_owned()
}

/// The delivery of an event to the webhook that fails, once it was tried.
fn tried(desk: &Desk, event: &str) -> String {
    let list = ["delivery", "list", "--webhook", "shop", "--event", event, "-o", "json"];
    let tried = desk.until(&list, |list| list[0]["attempt_count"].as_u64() >= Some(1));
    tried[0]["id"].as_str().unwrap().to_owned()
}
