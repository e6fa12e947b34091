//! Requests that nobody would write: every field of every message filled at random from values
//! that are at home somewhere else. Each must be answered, or refused with a reason; none may
//! hang, panic or end in an error of the server.

use std::time::Duration;

use prost_types::FieldDescriptorProto;
use prost_types::field_descriptor_proto::{Label, Type};
use tenterhook_model::Next;
use tenterhook_proto::tenterhook::v1;
use tokio::time::timeout;
use tonic::Code;

use super::bench::{Bench, webhook};
use super::proto_json::{Schema, bytes_field, double_field, varint_field};
use super::{raw, reason};
use crate::canary::mark;

/// Requests to each method.
const ROUNDS: usize = 120;
/// Messages within messages.
const DEPTH: usize = 6;
const INTEGERS: [i64; 14] = [0, 0, 1, 2, 3, 5, -1, 99, 100, 101, 410, 65_536, i32::MAX as i64, i32::MIN as i64];
const SECONDS: [i64; 10] = [0, 1, 5, 60, 61, 86_400, -1, 1_700_000_000, i64::MAX, i64::MIN];
const DOUBLES: [f64; 8] = [0.0, 0.2, 1.0, 2.0, -1.0, 1e300, f64::NAN, f64::INFINITY];
const TEXTS: [&str; 30] = [
    "",
    "a",
    "default",
    "other",
    "*",
    "**",
    "job_*",
    "a b",
    "\u{0}",
    "é\u{2028}",
    "X-Header",
    "Host",
    "created",
    "dcim.site",
    "application/json",
    "https://hooks.example.com/in",
    "https://hooks.example.com/{{ data.id }}",
    "https://{{ data.host }}/",
    "http://127.0.0.1/",
    "ftp://x",
    "{{ event }}",
    "{{",
    "{% for x in data %}{{ x }}{% endfor %}",
    "X-A: {{ event }}",
    "{\"and\": [{\"attr\": \"a\", \"value\": 1}]}",
    "{\"id\": 1}",
    "[1e999]",
    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "17af32f0-852a-46ca-a7d4-33ecd0c13de6",
    "description",
];

/// Draws at random, the same from run to run.
struct Draw<'a> {
    schema: &'a Schema,
    state: u64,
    /// Ids of things that exist.
    ids: Vec<String>,
}

impl Draw<'_> {
    /// A number below `bound` (xorshift64*, Vigna 2016).
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn text(&mut self) -> String {
        match self.below(20) {
            0 => "é".repeat([150, 151, 256, 2_001, 9_000][self.below(5)]),
            1..=6 => {
                let place = self.below(self.ids.len());
                self.ids[place].clone()
            }
            _ => TEXTS[self.below(TEXTS.len())].to_owned(),
        }
    }

    fn signing_secret(&mut self) -> String {
        [String::new(), mark::signing("drawn"), mark::standard("drawn")][self.below(3)].clone()
    }

    /// The bytes of a message with some of its fields.
    fn message(&mut self, name: &str, depth: usize) -> Vec<u8> {
        let mut out = Vec::new();
        match name {
            ".google.protobuf.Timestamp" | ".google.protobuf.Duration" => {
                varint_field(&mut out, 1, SECONDS[self.below(SECONDS.len())] as u64);
                varint_field(&mut out, 2, INTEGERS[self.below(INTEGERS.len())] as u64);
            }
            ".google.protobuf.FieldMask" => {
                let path = self.text();
                bytes_field(&mut out, 1, path.as_bytes());
            }
            ".google.protobuf.Value" => double_field(&mut out, 2, DOUBLES[self.below(DOUBLES.len())]),
            _ => {
                for field in &self.schema.message(name).field {
                    let count = if field.label() == Label::Repeated { self.below(4) } else { 1 };
                    let is_left_out = depth == 0 || self.below(3) == 0;
                    (0..if is_left_out { 0 } else { count }).for_each(|_| self.field(&mut out, field, depth));
                }
                if name.ends_with(".HeaderTemplate") && self.below(2) == 0 {
                    // What comes last counts.
                    bytes_field(&mut out, 2, mark::hidden("header").as_bytes());
                    varint_field(&mut out, 3, 1);
                }
            }
        }
        out
    }

    fn field(&mut self, out: &mut Vec<u8>, field: &FieldDescriptorProto, depth: usize) {
        let number = field.number() as u32;
        match field.r#type() {
            Type::Message => {
                let message = self.message(field.type_name(), depth - 1);
                bytes_field(out, number, &message);
            }
            Type::String => {
                let text = match field.name() {
                    "signing_secret" => self.signing_secret(),
                    "client_private_key_pem" | "private_key_pem" | "client_secret" | "password" => mark::hidden("key"),
                    _ => self.text(),
                };
                bytes_field(out, number, text.as_bytes());
            }
            Type::Double => double_field(out, number, DOUBLES[self.below(DOUBLES.len())]),
            Type::Bool => varint_field(out, number, self.below(2) as u64),
            _ => varint_field(out, number, INTEGERS[self.below(INTEGERS.len())] as u64),
        }
    }
}

/// Ids of a webhook, its key, an event and a delivery that exist.
async fn ids(bench: &Bench) -> Vec<String> {
    let signed = v1::CreateWebhookRequest {
        webhook: Some(webhook("stored")),
        signing_secret: mark::signing("secret"),
        ..Default::default()
    };
    let stored = bench.create(signed).await.webhook.unwrap();
    let event = bench.publish("created").await;
    let delivery = bench.attempt(&stored.id, Next::GiveUp).await[0].to_string();
    vec![stored.id, stored.signing_keys[0].id.clone(), event, delivery]
}

#[tokio::test(start_paused = true)]
async fn any_request_is_answered_or_refused_with_a_reason() {
    let bench = Bench::new().await;
    let schema = Schema::new();
    let mut draw = Draw { schema: &schema, state: 0x7e57_ab1e, ids: ids(&bench).await };
    let header = format!("Bearer {}", bench.keys["admin"]);
    let mut methods: Vec<_> = schema.methods.values().cloned().collect();
    methods.sort();
    let (mut answered, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        for (path, input) in &methods {
            let message = draw.message(input, DEPTH);
            // A watch that is let in goes on for ever; all else has its answer by then.
            let call = timeout(Duration::from_secs(5), raw::call(&bench.routes, path, Some(&header), &message));
            let Ok(status) = call.await else {
                assert!(path.ends_with("WatchDeliveries"), "{path} hangs in round {round}");
                continue;
            };
            match status.code() {
                Code::Ok => answered += 1,
                Code::Internal | Code::Unknown | Code::DeadlineExceeded => panic!("{path}, round {round}: {status}"),
                _ => {
                    assert!(!reason(&status).is_empty(), "{path}, round {round}: {status}");
                    refused += 1;
                }
            }
        }
    }
    assert!(answered > 20 && refused > 1_000, "{answered} answered, {refused} refused: too one-sided to tell anything");
}
