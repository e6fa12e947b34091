//! Messages that are small on the wire and large in memory: each is refused before it is decoded,
//! by whatever way it comes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use prost::encoding::encode_varint;
use tenterhook_model::limits::GRPC_MESSAGE_BYTES;

use super::frames::{DATA, END_STREAM, HEADERS, WINDOW_UPDATE, call, frame, open};
use super::small::next;
use super::{Target, target};

/// The frame with which a server ends a call early (RFC 9113 section 6.4).
const RST_STREAM: u8 = 3;
/// Bytes of a frame, and those that a client may send before it is told that it may send more
/// (RFC 9113 sections 4.2 and 6.9.2).
const FRAME_BYTES: usize = 16 * 1024;
const WINDOW_BYTES: usize = 65_535;

/// What is repeated within fields of messages, and the status of the refusal.
struct Kind {
    path: &'static str,
    fields: &'static [u32],
    element: &'static [u8],
    status: &'static str,
}

const KINDS: [Kind; 6] = [
    Kind {
        path: "/tenterhook.v1.EventService/BatchPublishEvents",
        fields: &[],
        element: b"\x0a\x00",
        status: "invalid_argument",
    },
    // The attributes of an event.
    Kind {
        path: "/tenterhook.v1.EventService/PublishEvent",
        fields: &[1],
        element: b"\x52\x00",
        status: "invalid_argument",
    },
    // The same in a stream.
    Kind {
        path: "/tenterhook.v1.EventService/StreamPublishEvents",
        fields: &[2],
        element: b"\x52\x00",
        status: "invalid_argument",
    },
    // The values of a list in its data, which have no number of their own.
    Kind {
        path: "/tenterhook.v1.EventService/PublishEvent",
        fields: &[1, 8, 2, 6],
        element: b"\x0a\x00",
        status: "resource_exhausted",
    },
    // The rules of a webhook.
    Kind {
        path: "/tenterhook.v1.WebhookService/CreateWebhook",
        fields: &[1],
        element: b"\x42\x00",
        status: "invalid_argument",
    },
    // The states in a filter.
    Kind {
        path: "/tenterhook.v1.DeliveryService/ListDeliveries",
        fields: &[4],
        element: b"\x20\x02",
        status: "invalid_argument",
    },
];

/// A message of almost as many bytes as one may have, as gRPC frames it.
fn message(kind: &Kind) -> Vec<u8> {
    let count = (GRPC_MESSAGE_BYTES - 64) / kind.element.len();
    let content = kind.fields.iter().rev().fold(kind.element.repeat(count), |inner, field| {
        let mut outer = Vec::new();
        encode_varint(u64::from(field << 3 | 2), &mut outer);
        encode_varint(inner.len() as u64, &mut outer);
        outer.extend(inner);
        outer
    });
    [&[0], &u32::try_from(content.len()).unwrap().to_be_bytes()[..], &content].concat()
}

/// Sends a call as fast as the server takes it, until it is answered.
fn over_http2(api: &str, path: &str, message: &[u8]) {
    let mut stream = open(api);
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(&call(1, path, 0)).unwrap();
    let (mut left, mut of_call, mut of_connection) = (message, WINDOW_BYTES, WINDOW_BYTES);
    loop {
        let step = left.len().min(of_call).min(of_connection).min(FRAME_BYTES);
        if step > 0 {
            let (piece, rest) = left.split_at(step);
            let flags = if rest.is_empty() { END_STREAM } else { 0 };
            stream.write_all(&frame(DATA, flags, 1, piece)).unwrap();
            (left, of_call, of_connection) = (rest, of_call - step, of_connection - step);
            continue;
        }
        let (kind, flags, on, payload) = next(&mut stream);
        match kind {
            WINDOW_UPDATE => {
                let more = u32::from_be_bytes(payload[..4].try_into().unwrap()) as usize;
                if on == 1 { of_call += more } else { of_connection += more }
            }
            HEADERS if flags & END_STREAM != 0 => return,
            RST_STREAM => return,
            _ => {}
        }
    }
}

/// The answer to a POST over HTTP/1.1, which may come before all was read.
fn over_http1(api: &str, path: &str, content_type: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(api).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // What the server does not take it has no need of.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        answer.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a message of each kind.
pub(super) fn one_of_each(api: &str) {
    for kind in KINDS {
        over_http2(api, kind.path, &message(&kind));
    }
}

fn refused(target: &Target) -> u64 {
    ["invalid_argument", "resource_exhausted"]
        .map(|status| target.counted(&format!("tenterhook_refusals_total{{status=\"{status}\"}}")))
        .iter()
        .sum()
}

#[test]
fn messages_that_grow_in_memory_are_refused_over_grpc_and_grpc_web() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    for kind in KINDS {
        let message = message(&kind);
        let metric = format!("tenterhook_refusals_total{{status=\"{}\"}}", kind.status);
        let before = target.counted(&metric);
        over_http2(&target.server.api, kind.path, &message);
        target.is_well();
        let is_stream = kind.path.contains("Stream");
        assert_eq!(target.counted(&metric) - before, u64::from(!is_stream), "{} {:?}", kind.path, kind.fields);
        let answer = over_http1(&target.server.api, kind.path, "application/grpc-web+proto", &message);
        assert!(!answer.contains("grpc-status: 0") && !answer.contains("grpc-status:0"), "{answer}");
        target.is_well();
    }
}

#[test]
fn bodies_that_grow_in_memory_are_refused_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let many = |element: &str| vec![element; (GRPC_MESSAGE_BYTES - 100) / (element.len() + 1)].join(",");
    for (content_type, body) in [
        ("application/json", format!("[{}]", many("1"))),
        ("application/json", format!("[{}]", many("{}"))),
        ("application/json", format!("{{{}}}", many("\"\":1"))),
        ("application/json", format!("{{\"type\":\"a\",\"attributes\":{{{}}}}}", many("\"\":\"\""))),
        ("application/cloudevents+json", format!("{{{}}}", many("\"A\":1"))),
        ("application/cloudevents-batch+json", format!("[{}]", many("{\"A\":1}"))),
        ("application/x-ndjson", format!("{{{}}}\n", many("\"\":1"))),
    ] {
        let answer = over_http1(&target.server.api, "/v1/events", content_type, body.as_bytes());
        assert!(answer.contains("INVALID_FIELD"), "{content_type} {}: {answer}", &body[..20]);
        target.is_well();
    }
    let before = refused(&target);
    let body = format!("{{{}}}", many("\"\":1"));
    let answer = over_http1(&target.server.api, "/v1/netbox", "application/json", body.as_bytes());
    assert!(answer.contains("at most 128 members") && refused(&target) > before, "{answer}");
    target.is_well();
}
