//! `tenterhook import netbox` from NetBox itself: its REST API, as a stand-in that pages and throttles, and its export
//! template, rendered by the real Jinja2.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::Desk;
use crate::canary::mark;

/// Objects on a page, whatever was asked for (NetBox's MAX_PAGE_SIZE).
const PAGE: usize = 3;

/// A NetBox that has so many webhooks and rules, and asks to come back before every second response.
pub(super) struct NetBox {
    version: &'static str,
    pub(super) token: String,
    webhooks: Vec<Value>,
    /// `None` up to 3.6.
    rules: Option<Vec<Value>>,
    requests: AtomicUsize,
    paths: Mutex<Vec<String>>,
}

impl NetBox {
    pub(super) fn new(version: &'static str, rules: bool) -> Self {
        let webhook = |id| json!({"id": id, "name": format!("hook {id}"), "payload_url": "https://a.example.com"});
        let rule = |id| {
            json!({"id": id, "name": format!("rule {id}"), "object_types": ["dcim.site"], "event_types": ["object_created"],
                "action_type": {"value": "webhook"}, "action_object_id": id})
        };
        let token = mark::hidden("netbox-token");
        let rules = rules.then(|| (0..7).map(rule).collect());
        Self {
            version,
            token,
            webhooks: (0..7).map(webhook).collect(),
            rules,
            requests: 0.into(),
            paths: Mutex::default(),
        }
    }

    /// Starts it; returns its address. Its thread ends with the test.
    pub(super) fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let netbox = Arc::clone(self);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let netbox = Arc::clone(&netbox);
                thread::spawn(move || netbox.serve(connection));
            }
        });
        format!("http://{address}")
    }

    fn serve(&self, mut connection: TcpStream) {
        let mut lines = BufReader::new(connection.try_clone().unwrap());
        loop {
            let (mut head, mut line) = (Vec::new(), String::new());
            while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                head.push(std::mem::take(&mut line).trim().to_owned());
            }
            let Some(first) = head.first() else { return };
            let path = first.split(' ').nth(1).unwrap().to_owned();
            let (status, body) = self.respond(&path, &head);
            let response = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nretry-after: 0\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            self.paths.lock().unwrap().push(path);
            if connection.write_all(response.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn respond(&self, path: &str, head: &[String]) -> (&'static str, String) {
        let wanted = format!("authorization: Token {}", self.token);
        if !head.iter().any(|line| line.eq_ignore_ascii_case(&wanted)) {
            return ("403 Forbidden", json!({"detail": "Invalid token"}).to_string());
        }
        if self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return ("429 Too Many Requests", json!({"detail": "Request was throttled."}).to_string());
        }
        let list = match path.split('?').next().unwrap() {
            "/api/status/" => return ("200 OK", json!({"netbox-version": self.version}).to_string()),
            "/api/extras/webhooks/" => Some(&self.webhooks),
            "/api/extras/event-rules/" => self.rules.as_ref(),
            _ => None,
        };
        let Some(list) = list else { return ("404 Not Found", "<html>".to_owned()) };
        let offset = path.split("offset=").nth(1).and_then(|rest| rest.split('&').next()).unwrap().parse().unwrap();
        let page: Vec<&Value> = list.iter().skip(offset).take(PAGE).collect();
        // Behind a proxy NetBox may take another scheme and host for its own.
        let page =
            json!({"count": list.len(), "next": "http://elsewhere.example.com/", "previous": null, "results": page});
        ("200 OK", page.to_string())
    }
}

#[test]
fn the_rest_api_is_read_page_by_page_with_its_version() {
    let (desk, netbox) = (Desk::new(), Arc::new(NetBox::new("4.6.2", true)));
    let (url, token) = (netbox.start(), desk.file("token", &format!("{}\n", netbox.token)));
    let arguments = ["import", "netbox", "--url", &url, "--token-file", &token, "--retry", "none", "-o", "json"];
    let shown = desk.run(&arguments).code(0);
    assert!(!format!("{shown:?}").contains(&netbox.token), "the token is shown");
    assert_eq!(shown.json()["webhooks"].as_array().unwrap().len(), 7);
    let webhook = desk.run(&["webhook", "show", "hook 6", "-o", "json"]).code(0).json();
    assert_eq!(webhook["request"]["body_format"], "NETBOX_4_6");
    assert_eq!(webhook["rules"][0]["display_name"], "rule 6");
    let paths = netbox.paths.lock().unwrap();
    let lists = paths.iter().filter(|path| path.contains("limit=")).count();
    assert_eq!(lists, 2 * 2 * 3, "three pages of two lists, each asked for twice: {paths:?}");
}

#[test]
fn a_netbox_without_event_rules_has_none_and_a_wrong_token_is_said() {
    let (desk, netbox) = (
        Desk::new(),
        Arc::new({
            let mut netbox = NetBox::new("3.6.9", false);
            for webhook in &mut netbox.webhooks {
                webhook["content_types"] = json!(["dcim.site"]);
                webhook["type_create"] = json!(true);
            }
            netbox
        }),
    );
    let (url, token) = (netbox.start(), desk.file("token", &netbox.token));
    let run = |token: &str, url: &str| {
        desk.run(&["import", "netbox", "--url", url, "--token-file", token, "--retry", "none"])
    };
    run(&desk.file("wrong", "0123"), &url).code(1).warns(&["refuses the token (403 Forbidden)", "\"view\""]);
    run(&token, "http://127.0.0.1:1").code(1).warns(&["NetBox cannot be reached"]);
    run(&token, "http://netbox.example.com").code(2).warns(&["not sent without TLS"]);
    run(&token, "https://u:p@netbox.example.com").code(2).warns(&["--url must be like"]);
    run(&token, &url).code(0);
    assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).out.lines().count(), 7);
}

#[test]
fn the_export_template_writes_what_the_import_reads() {
    let desk = Desk::new();
    let template = desk.run(&["import", "netbox", "--print-export-template"]).code(0).out;
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join("../.tools/tests-python/bin/python");
    assert!(python.exists(), "Jinja2 is missing: run `make tests-python`");
    let mut python = Command::new(python);
    python.arg(tests.join("python/netbox_export.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    python.stdin.take().unwrap().write_all(template.as_bytes()).unwrap();
    let mut written = String::new();
    python.stdout.take().unwrap().read_to_string(&mut written).unwrap();
    assert!(python.wait().unwrap().success());
    let file = desk.file("export.json", &written);
    desk.run(&["import", "netbox", &file, "--retry", "none"]).code(0);
    let orders = desk.run(&["webhook", "show", "orders \"ü\" <a>", "-o", "json"]).code(0).json();
    assert_eq!(orders["request"]["body"], "{{ data }}\r\n&");
    assert_eq!(orders["request"]["additional_headers"], "X-A: b\r\nX-C: d");
    assert_eq!(orders["rules"][0]["conditions"]["structured"], json!({"attr": "name", "value": "x"}));
    assert_eq!(orders["labels"]["netbox-tag/core"], "true");
    let old = desk.run(&["webhook", "show", "old", "-o", "json"]).code(0).json();
    assert_eq!(
        (&old["rules"][0]["object_types"], &old["rules"][0]["event_types"]),
        (&json!(["dcim.site"]), &json!(["created"]))
    );
}
