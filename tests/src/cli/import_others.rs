//! `tenterhook import svix` and `import convoy`: files of their APIs, and the APIs themselves as stand-ins that page.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::{Desk, Shown};
use crate::canary::mark;

/// An API that returns these documents to whoever shows its token.
pub(super) struct Stand {
    pub(super) token: String,
    /// By path and query.
    pages: BTreeMap<String, Value>,
    asked: Mutex<Vec<String>>,
}

impl Stand {
    fn new(token: &str, pages: impl IntoIterator<Item = (String, Value)>) -> Arc<Self> {
        let token = mark::hidden(token);
        Arc::new(Self { token, pages: pages.into_iter().collect(), asked: Mutex::default() })
    }

    /// A Svix with three endpoints of the application `app_2a`, two on a page.
    pub(super) fn svix() -> Arc<Self> {
        let list = "/api/v1/app/app_2a/endpoint/";
        let endpoint = |id: &str| {
            json!({"id": id, "uid": format!("svix {id}"), "url": "https://a.example.com/x", "version": 1, "description": "d",
                "filterTypes": ["order.paid"], "channels": null, "disabled": false, "rateLimit": null, "throttleRate": 5,
                "metadata": {"team": "shop"}, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"})
        };
        let page = |ids: &[&str], next: &str| {
            let data: Vec<Value> = ids.iter().map(|id| endpoint(id)).collect();
            json!({"data": data, "iterator": next, "prevIterator": null, "done": ids.len() < 2})
        };
        let mut pages = vec![
            (format!("{list}?limit=100"), page(&["ep_1", "ep_2"], "ep_2=")),
            (format!("{list}?limit=100&iterator=ep_2%3D"), page(&["ep_3"], "ep_3=")),
        ];
        for id in ["ep_1", "ep_2", "ep_3"] {
            let headers = json!({"headers": {"X-Site": "a", "X-Api-Key": mark::hidden("key")}, "sensitive": []});
            pages.push((format!("{list}{id}/headers/"), headers));
            pages.push((format!("{list}{id}/secret/"), json!({"key": mark::standard("svix")})));
        }
        Self::new("svix-token", pages)
    }

    /// A Convoy with two endpoints and subscriptions of the project `01H`, one on a page.
    pub(super) fn convoy() -> Arc<Self> {
        let endpoint = |id: u32| {
            let key = json!({"header_name": "X-Key", "header_value": mark::hidden("key")});
            json!({"uid": format!("e{id}"), "name": format!("convoy {id}"), "url": "https://a.example.com/x", "status": "active",
                "http_timeout": 20, "rate_limit": 30, "rate_limit_duration": 60, "advanced_signatures": id == 2,
                "authentication": {"type": "api_key", "api_key": key}, "description": "d",
                "secrets": [{"uid": "s", "value": mark::hidden("convoy-secret"), "expires_at": null}]})
        };
        let subscription = |id: u32| {
            json!({"uid": format!("s{id}"), "name": format!("sub {id}"), "type": "api", "endpoint_metadata": {"uid": format!("e{id}")},
                "filter_config": {"event_types": ["order.paid"], "filter": {"headers": {}, "body": {"shop": {"id": 4}}}},
                "retry_config": {"type": "linear", "duration": 30, "retry_count": 4}})
        };
        let page = |item: Value, next: Option<&str>| {
            let pagination =
                json!({"per_page": 1, "has_next_page": next.is_some(), "next_page_cursor": next.unwrap_or("")});
            json!({"status": true, "message": "ok", "data": {"content": [item], "pagination": pagination}})
        };
        let base = "/api/v1/projects/01H";
        let first = |list: &str| format!("{base}/{list}?perPage=100&direction=next");
        let second = |list: &str| format!("{}&next_page_cursor=c%2F1", first(list));
        let signature = json!({"header": "X-Shop-Signature", "versions": [{"hash": "SHA512", "encoding": "base64"}]});
        let project =
            json!({"status": true, "data": {"uid": "01H", "name": "shop", "config": {"signature": signature}}});
        let pages = [
            (first("endpoints"), page(endpoint(1), Some("c/1"))),
            (second("endpoints"), page(endpoint(2), None)),
            (first("subscriptions"), page(subscription(1), Some("c/1"))),
            (second("subscriptions"), page(subscription(2), None)),
            (base.to_owned(), project),
        ];
        Self::new("convoy-key", pages)
    }

    /// Its documents as files at a desk.
    fn files(&self, desk: &Desk) -> Vec<String> {
        let pages = self.pages.values().enumerate();
        pages.map(|(number, page)| desk.file(&format!("page-{number}.json"), &page.to_string())).collect()
    }

    /// Starts it; returns its address. Its thread ends with the test.
    pub(super) fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stand = Arc::clone(self);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let stand = Arc::clone(&stand);
                thread::spawn(move || stand.serve(connection));
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
            let Some(path) = head.first().and_then(|first| first.split(' ').nth(1)) else { return };
            let wanted = format!("authorization: Bearer {}", self.token);
            let is_let_in = head.iter().any(|line| line.eq_ignore_ascii_case(&wanted));
            self.asked.lock().unwrap().push(path.to_owned());
            let (status, body) = match self.pages.get(path).filter(|_| is_let_in) {
                Some(page) => ("200 OK", page.to_string()),
                None if is_let_in => ("404 Not Found", "{}".to_owned()),
                None => ("401 Unauthorized", "{}".to_owned()),
            };
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
            if connection.write_all(format!("{head}{body}").as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// Runs an import; no secret is ever shown.
fn import(desk: &Desk, system: &str, more: &[&str]) -> Shown {
    let shown = desk.run(&[&["import", system][..], more].concat());
    for secret in [mark::hidden(""), mark::standard("svix")] {
        assert!(!format!("{shown:?}").contains(&secret), "a secret is shown: {shown:?}");
    }
    shown
}

/// The results of a report.
fn results(report: &Value) -> Vec<&str> {
    report["webhooks"].as_array().unwrap().iter().map(|webhook| webhook["result"].as_str().unwrap()).collect()
}

fn stored(desk: &Desk, name: &str) -> Value {
    desk.run(&["webhook", "show", name, "-o", "json"]).code(0).json()
}

#[test]
fn the_endpoints_of_svix_are_read_page_by_page_and_a_second_time_change_nothing() {
    let (desk, svix) = (Desk::new(), Stand::svix());
    let (url, token) = (svix.start(), desk.file("token", &svix.token));
    let flags = ["--url", &url, "--app", "app_2a", "--token-file", &token, "-o", "json"];
    let dry = import(&desk, "svix", &[&flags[..], &["--dry-run"]].concat()).code(3).json();
    assert_eq!((results(&dry), &dry["applied"]), (vec!["new"; 3], &json!(false)), "{dry:#}");
    let first = import(&desk, "svix", &flags).code(0).json();
    assert_eq!(results(&first), ["created"; 3], "{first:#}");
    let asked = svix.asked.lock().unwrap().iter().filter(|path| path.ends_with("iterator=ep_2%3D")).count();
    assert_eq!(asked, 2, "the second page, of each run");
    let webhook = stored(&desk, "svix ep_3");
    assert_eq!(webhook["rules"][0]["event_types"], json!(["order.paid"]));
    assert_eq!(webhook["signing"]["schemes"], json!(["STANDARD_WEBHOOKS"]));
    assert_eq!(
        (webhook["signing_keys"].as_array().unwrap().len(), &webhook["rate_limit"]["requests_per_second"]),
        (1, &json!(5.0))
    );
    let headers = json!([{"name": "X-Site", "value": "a", "sensitive": false}, {"name": "X-Api-Key", "value": "", "sensitive": true}]);
    assert_eq!(webhook["request"]["headers"], headers);
    let again = import(&desk, "svix", &flags).code(0).json();
    assert_eq!(results(&again), ["unchanged"; 3], "{again:#}");
    import(&desk, "svix", &["--url", &url, "--app", "app_x", "--token-file", &token])
        .code(1)
        .warns(&["no application app_x"]);
    let wrong = desk.file("wrong", "x");
    import(&desk, "svix", &["--url", &url, "--app", "app_2a", "--token-file", &wrong])
        .code(1)
        .warns(&["refuses the token"]);
}

#[test]
fn the_endpoints_of_convoy_are_read_page_by_page_or_from_files() {
    let (desk, convoy) = (Desk::new(), Stand::convoy());
    let (url, token) = (convoy.start(), desk.file("token", &convoy.token));
    let flags = ["--url", &url, "--project", "01H", "--token-file", &token, "-o", "json"];
    let first = import(&desk, "convoy", &flags).code(0).json();
    assert_eq!(results(&first), ["created"; 2], "{first:#}");
    let (one, two) = (stored(&desk, "convoy 1"), stored(&desk, "convoy 2"));
    let condition = json!({"and": [{"attr": "shop.id", "value": 4}]});
    assert_eq!(one["rules"][0]["conditions"]["structured"], condition);
    assert_eq!((&one["retry"]["max_attempts"], &one["rate_limit"]["requests_per_second"]), (&json!(4), &json!(0.5)));
    let custom = &one["signing"]["custom"][0];
    assert_eq!(
        (&custom["header"], &custom["algorithm"], &custom["encoding"]),
        (&json!("X-Shop-Signature"), &json!("HMAC_SHA512"), &json!("BASE64"))
    );
    assert_eq!(two["signing"]["custom"][0]["value"], "t={{timestamp}},v1={{signature}}");
    let files = convoy.files(&desk);
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let again = import(&desk, "convoy", &[&files[..], &["-o", "json"]].concat()).code(0).json();
    assert_eq!(results(&again), ["unchanged"; 2], "{again:#}");
    let shown = import(&desk, "convoy", &[&files[..], &["-o", "table"]].concat()).code(0);
    shown.has(&["2 webhooks: 0 new, 2 unchanged, 0 changed in Convoy, 0 refused"]);
}

#[test]
fn files_of_something_else_are_refused_and_nothing_is_created() {
    let desk = Desk::new();
    let other = desk.file("other.json", r#"[{"name": "x"}]"#);
    import(&desk, "svix", &[&other]).code(2).warns(&["other.json#1: is not an endpoint of Svix"]);
    import(&desk, "convoy", &[&other]).code(2).warns(&["neither an endpoint nor a subscription nor a project"]);
    let alone = desk.file("alone.json", r#"[{"uid": "e", "name": "x", "url": "https://a.example.com"}]"#);
    import(&desk, "convoy", &[&alone]).code(2).warns(&["the subscriptions are missing"]);
    assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).out, "");
}

#[test]
fn an_import_can_become_files_that_apply_takes() {
    let (desk, svix) = (Desk::new(), Stand::svix());
    let (url, token) = (svix.start(), desk.file("token", &svix.token));
    let folder = desk.path().join("hooks").display().to_string();
    let flags = ["--url", &url, "--app", "app_2a", "--token-file", &token];
    let written = import(&desk, "svix", &[&flags[..], &["--out", &folder, "-o", "table"]].concat()).code(0);
    written.has(&["written", "tenterhook apply -f"]);
    assert_eq!(desk.run(&["webhook", "list", "-o", "name"]).out, "", "the server is left alone");
    desk.run(&["apply", "-f", &folder, "--yes", "-o", "name"]).code(0).has(&["svix ep_1\nsvix ep_2\nsvix ep_3\n"]);
    let again = import(&desk, "svix", &[&flags[..], &["-o", "json"]].concat()).code(0).json();
    assert_eq!(results(&again), ["unchanged"; 3], "{again:#}");
    let names = import(&desk, "svix", &[&flags[..], &["-o", "name"]].concat()).code(0);
    assert_eq!(names.out, "svix ep_1\nsvix ep_2\nsvix ep_3\n");
    assert_eq!(
        desk.run(&["apply", "-f", &folder, "--yes", "-o", "name"]).code(0).out,
        "",
        "nothing is named by nothing"
    );
}
