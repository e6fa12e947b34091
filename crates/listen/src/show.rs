//! A request on the screen: method, path, headers, body, signatures, answer.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde_json::{Value, json};
use tenterhook_model::Timestamp;

use crate::Verdict;
use crate::receiver::Received;
use crate::spelling::Spelled;
use tenterhook_terminal::{Style, Terminal, harmless};

/// Bytes of a body that is no text which are shown, as hexadecimal.
const HEX_BYTES: usize = 256;
/// Bytes in one line of hexadecimal.
const HEX_LINE: usize = 16;

/// A request and what was made of it.
#[derive(Debug)]
pub struct Shown<'a> {
    /// 1 for the first.
    pub number: u64,
    /// When it arrived.
    pub now: Timestamp,
    /// The request.
    pub request: &'a Received,
    /// Its headers, with their names as they came.
    pub headers: &'a [Spelled],
    /// What its signatures are worth.
    pub verdicts: &'a [Verdict],
    /// What is answered.
    pub status: StatusCode,
    /// What else was done with it, each by a word.
    pub notes: Vec<(&'static str, String)>,
    /// Whether the body is shown as it came.
    pub raw: bool,
}

impl Shown<'_> {
    /// For people.
    pub fn text(&self, terminal: Terminal) -> String {
        let Received { peer, method, path, .. } = self.request;
        let dim = |text: &str| terminal.paint(Style::Dim, text);
        let head = terminal.paint(Style::Bold, format!("{method} {}", harmless(path)));
        let mut lines = vec![format!(
            "{} {head} {}",
            dim(&format!("── {} ── {} ──", self.number, time_of_day(self.now))),
            dim(&format!("── from {peer}"))
        )];
        for (name, value) in self.headers {
            let value = harmless(&String::from_utf8_lossy(value.as_bytes()));
            lines.push(format!("{} {value}", terminal.paint(Style::Cyan, format!("{name}:"))));
        }
        lines.push(String::new());
        let as_it_came = || harmless(&String::from_utf8_lossy(&self.request.body));
        lines.push(if self.raw { as_it_came() } else { body(self.request) });
        lines.push(String::new());
        for verdict in self.verdicts {
            let style = if verdict.is_good() { Style::Green } else { Style::Red };
            lines.push(format!("{} {}", dim("signature"), terminal.paint(style, verdict)));
        }
        for (name, said) in &self.notes {
            lines.push(format!("{} {}", dim(&format!("{name:<9}")), harmless(said)));
        }
        let style = if self.status.is_success() { Style::Green } else { Style::Red };
        lines.push(format!("{}    {}", dim("answer"), terminal.paint(style, self.status)));
        lines.push(String::new());
        lines.join("\n")
    }

    /// For programs: one line.
    pub fn json(&self) -> String {
        let headers: Vec<[String; 2]> = self
            .headers
            .iter()
            .map(|(name, value)| [name.clone(), String::from_utf8_lossy(value.as_bytes()).into_owned()])
            .collect();
        let body = String::from_utf8_lossy(&self.request.body);
        let verdicts: Vec<Value> = self
            .verdicts
            .iter()
            .map(|verdict| json!({"scheme": verdict.scheme, "verified": verdict.is_good(), "reason": verdict.fault}))
            .collect();
        json!({
            "number": self.number,
            "method": self.request.method.as_str(),
            "path": self.request.path,
            "headers": headers,
            "body": body,
            "signatures": verdicts,
            "status": self.status.as_u16(),
            "notes": self.notes.iter().map(|(name, said)| (*name, said.as_str())).collect::<BTreeMap<_, _>>(),
        })
        .to_string()
    }
}

/// The time of day in UTC: `12:31:07.042`.
pub fn time_of_day(time: Timestamp) -> String {
    let seconds = time.seconds().rem_euclid(86_400);
    let millis = time.subsec_nanos() / 1_000_000;
    format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// The body as a person reads it: JSON indented, a form one field a line, other text as it is,
/// anything else as hexadecimal.
pub fn body(request: &Received) -> String {
    let bytes = &request.body;
    if bytes.is_empty() {
        return "(no body)".to_owned();
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return hexadecimal(bytes) };
    if request.header("content-type").starts_with("application/x-www-form-urlencoded") {
        return form(text);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => {
            harmless(&serde_json::to_string_pretty(&value).unwrap_or_else(|_| text.to_owned()))
        }
        _ => harmless(text),
    }
}

fn form(text: &str) -> String {
    let fields = url::form_urlencoded::parse(text.as_bytes());
    harmless(&fields.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join("\n"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut lines: Vec<String> = bytes[..bytes.len().min(HEX_BYTES)]
        .chunks(HEX_LINE)
        .map(|chunk| chunk.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect();
    if bytes.len() > HEX_BYTES {
        lines.push(format!("… {} bytes in all", bytes.len()));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::{HeaderMap, Method};

    fn request(content_type: &'static str, body: &'static [u8]) -> Received {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", content_type.parse().unwrap());
        Received {
            peer: "127.0.0.1:4000".parse().unwrap(),
            method: Method::POST,
            path: "/hook?a=1".to_owned(),
            headers,
            spelling: Default::default(),
            body: Bytes::from_static(body),
        }
    }

    #[test]
    fn bodies_are_shown_by_what_they_are() {
        let table: [(&str, &[u8], &str); 7] = [
            (
                "application/json",
                br#"{"b":123456789012345678901,"a":[1]}"#,
                "{\n  \"b\": 123456789012345678901,\n  \"a\": [\n    1\n  ]\n}",
            ),
            ("application/json", b"{broken", "{broken"),
            ("text/plain", b"42", "42"),
            ("text/plain", b"a\x1b[31m", "a\\u{1b}[31m"),
            ("application/x-www-form-urlencoded", b"a=1+2&b=%C3%A9", "a = 1 2\nb = \u{e9}"),
            ("application/octet-stream", b"\xff\x00", "ff 00"),
            ("text/plain", b"", "(no body)"),
        ];
        for (content_type, bytes, expected) in table {
            assert_eq!(body(&request(content_type, bytes)), expected, "{content_type}");
        }
    }

    #[test]
    fn long_binary_bodies_are_cut_and_say_so() {
        let text = hexadecimal(&[0xab; 1_000]);
        assert_eq!(text.lines().count(), HEX_BYTES / HEX_LINE + 1);
        assert!(text.ends_with("… 1000 bytes in all"));
    }

    #[test]
    fn a_request_is_shown_whole() {
        let request = request("application/json", b"{}");
        let verdicts = [Verdict { scheme: Some("NETBOX"), fault: None }];
        let headers = [("Content-Type".to_owned(), "application/json".parse().unwrap())];
        let shown = Shown {
            number: 3,
            now: Timestamp::from_millis(45_067_042),
            request: &request,
            headers: &headers,
            verdicts: &verdicts,
            status: StatusCode::OK,
            notes: vec![("saved", "a/0001.http".to_owned())],
            raw: false,
        };
        let expected = "── 3 ── 12:31:07.042 ── POST /hook?a=1 ── from 127.0.0.1:4000\n\
                        Content-Type: application/json\n\n{}\n\nsignature NETBOX verified\nsaved     a/0001.http\nanswer    200 OK\n";
        assert_eq!(shown.text(Terminal::plain()), expected);
        let json: Value = serde_json::from_str(&shown.json()).unwrap();
        assert_eq!((json["status"].as_u64(), json["body"].as_str()), (Some(200), Some("{}")));
        assert_eq!(json["signatures"][0]["verified"], true);
    }

    #[test]
    fn times_of_day_are_those_of_utc_before_and_after_1970() {
        let at = |seconds, nanos| time_of_day(Timestamp::new(seconds, nanos).unwrap());
        assert_eq!(at(0, 0), "00:00:00.000");
        assert_eq!(at(86_399, 999_999_999), "23:59:59.999");
        assert_eq!(at(86_400, 1_000_000), "00:00:00.001");
        assert_eq!(at(-1, 0), "23:59:59.000");
        assert_eq!(at(3_661, 42_000_000), "01:01:01.042");
    }

    #[test]
    fn hexadecimal_is_cut_only_where_there_is_more() {
        assert_eq!(hexadecimal(&[0; HEX_LINE]), "00 ".repeat(HEX_LINE).trim_end());
        assert_eq!(hexadecimal(&[0xff; HEX_LINE + 1]).lines().last(), Some("ff"));
        assert!(!hexadecimal(&[0; HEX_BYTES]).contains('…'));
        assert!(hexadecimal(&[0; HEX_BYTES + 1]).ends_with("… 257 bytes in all"));
    }

    #[test]
    fn forms_and_json_are_shown_without_what_a_terminal_obeys() {
        for (content_type, bytes, expected) in [
            ("application/x-www-form-urlencoded; charset=utf-8", &b"a=%1b%5b2J&b"[..], "a = \\u{1b}[2J\nb = "),
            ("application/x-www-form-urlencoded", b"\xff", "ff"),
            ("application/json", br#"["\u001b[2J"]"#, "[\n  \"\\u001b[2J\"\n]"),
            ("application/json", b"\"text\"", "\"text\""),
            ("application/json", b"[]", "[]"),
            ("", b"a\tb\nc\r", "a\tb\nc\\u{d}"),
        ] {
            assert_eq!(
                body(&request(content_type, bytes)),
                expected,
                "{content_type} {}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn a_body_as_it_came_and_a_bad_signature_are_shown() {
        let request = request("application/json", b"{\"a\":1}");
        let verdicts = [
            Verdict { scheme: Some("NETBOX"), fault: Some("no signature matches".to_owned()) },
            Verdict { scheme: None, fault: Some("the request carries no signature header".to_owned()) },
        ];
        let shown = Shown {
            number: 1,
            now: Timestamp::from_millis(0),
            request: &request,
            headers: &[],
            verdicts: &verdicts,
            status: StatusCode::SERVICE_UNAVAILABLE,
            notes: vec![("forward", "a\u{1b}b".to_owned())],
            raw: true,
        };
        let text = shown.text(Terminal::plain());
        let end = "\n\n{\"a\":1}\n\nsignature NETBOX NOT verified: no signature matches\nsignature NOT verified: the request carries no signature \
                   header\nforward   a\\u{1b}b\nanswer    503 Service Unavailable\n";
        assert!(text.ends_with(end), "{text}");
        let json: Value = serde_json::from_str(&shown.json()).unwrap();
        assert_eq!(
            json["signatures"][0],
            json!({"scheme": "NETBOX", "verified": false, "reason": "no signature matches"})
        );
        assert_eq!(json["signatures"][1]["scheme"], Value::Null);
        assert_eq!(
            (&json["notes"]["forward"], &json["headers"], &json["number"]),
            (&json!("a\u{1b}b"), &json!([]), &json!(1))
        );
    }
}
