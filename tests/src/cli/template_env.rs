//! Templates that read the server's environment: the receiver gets the value, and nobody sees it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::{Desk, Shown};
use crate::process::serve::{Log, start_in};

/// The value of a variable, as it is and as it stands in a URL.
const TOKEN: &str = "env-s3cr3t/of the server";
const IN_URL: &str = "env-s3cr3t/of%20the%20server";

/// Answers `requests` requests with themselves; gives its port and what it got.
fn echo(requests: usize) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = sync_channel(requests);
    thread::spawn(move || {
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            let text = loop {
                let mut part = [0; 4096];
                let read = stream.read(&mut part).unwrap();
                bytes.extend_from_slice(&part[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    break text;
                }
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
            stream.write_all(format!("{head}{text}").as_bytes()).unwrap();
            sender.send(text).unwrap();
        }
    });
    (port, received)
}

/// A desk whose server has variables and lets templates read those of hooks.
fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("HOOK_TOKEN", TOKEN), ("OTHER_TOKEN", "other-s3cr3t")];
    let mut server = start_in(Log::Json, folder.path(), &["--dev", "--template-env", "HOOK_*"], &environment);
    // The log and the store are searched for it at the end.
    server.running.hides(TOKEN);
    server.running.hides(IN_URL);
    Desk { server, folder }
}

#[track_caller]
fn hides(shown: &Shown) {
    for value in [TOKEN, IN_URL, "other-s3cr3t"] {
        assert!(!shown.out.contains(value) && !shown.err.contains(value), "{shown:#?}");
    }
}

#[test]
fn a_variable_of_the_environment_reaches_the_receiver_and_is_shown_to_nobody() {
    let desk = desk();
    let (port, received) = echo(2);
    let file = desk.file(
        "hooks.yaml",
        &format!(
            "display_name: orders
request:
  url: \"http://127.0.0.1:{port}/{{{{ 'HOOK_TOKEN' | env | urlencode }}}}\"
  additional_headers: \"X-Line: t={{{{ 'HOOK_TOKEN' | env }}}}\"
  headers: [{{name: X-Upper, value: \"{{{{ 'HOOK_TOKEN' | env | upper }}}}\"}}]
  body: \"{{% macro read(n) %}}{{{{ n | env | tojson }}}}{{% endmacro %}}{{{{ read('HOOK_TOKEN') }}}} {{{{ event }}}}\"
"
        ),
    );
    desk.run(&["apply", "-f", &file]).code(0);
    let preview = desk.run(&["webhook", "preview", "orders", "--type", "created"]).code(0);
    let tested = desk.run(&["webhook", "test", "orders", "--type", "created"]).code(0);
    desk.publish("created");
    let listed = desk.until(&["delivery", "list"], |delivery| delivery["state"] == "SUCCEEDED");
    let delivery = desk.run(&["delivery", "show", listed["id"].as_str().unwrap()]).code(0);
    for _ in 0..2 {
        let request = received.recv().unwrap();
        assert!(request.starts_with(&format!("POST /{IN_URL} ")), "{request}");
        assert!(request.contains(&format!("X-Line: t={TOKEN}")), "{request}");
        assert!(request.contains(&format!("X-Upper: {}", TOKEN.to_uppercase())), "{request}");
        assert!(request.ends_with(&format!("\"{TOKEN}\" created")), "{request}");
    }
    for shown in [&preview, &tested, &delivery] {
        hides(shown);
        for part in [&format!("http://127.0.0.1:{port}/***"), r#"\"***\" created"#] {
            assert!(shown.out.contains(part), "no {part} in {shown:#?}");
        }
    }
    // The receiver sent everything back.
    assert!(delivery.out.contains(r"X-Line: ***\r\n"), "{delivery:#?}");
}

#[test]
fn a_variable_that_is_not_listed_is_named_and_not_read() {
    let desk = desk();
    desk.create("orders", super::NOWHERE);
    for name in ["OTHER_TOKEN", "HOOK_UNSET", "TENTERHOOK_LOG_LEVEL"] {
        let body = desk.file(
            "hooks.yaml",
            &format!(
                "display_name: orders\nrequest: {{url: 'http://127.0.0.1:1/', body: \"{{{{ '{name}' | env }}}}\"}}\n"
            ),
        );
        desk.run(&["apply", "-f", &body, "--yes"]).code(0);
        let shown = desk.run(&["webhook", "preview", "orders", "--type", "created"]).code(4);
        hides(&shown);
        let said = format!("the environment variable '{name}' is not set, or no pattern of --template-env allows it");
        assert!(format!("{}{}", shown.out, shown.err).contains(&said), "{shown:#?}");
    }
}
