//! What the descriptors say about the methods, and the ids that make a repeat recognisable.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message;
use prost::bytes::{BufMut as _, Bytes, BytesMut};
use prost_types::FileDescriptorSet;
use prost_types::method_options::IdempotencyLevel;
use uuid::Uuid;

use crate::v1::{
    BatchPublishEventsRequest, CreateWebhookRequest, Event, PublishEventRequest, ReplayEventsRequest,
    RotateSigningKeyRequest,
};

/// The API's descriptors, generated with the code: a serialized `google.protobuf.FileDescriptorSet`
/// with the comments left out.
pub const DESCRIPTORS: &[u8] = include_bytes!("gen/tenterhook.v1.bin");
/// A gRPC frame's head: one byte for compression, four for the length.
const FRAME_HEAD_BYTES: usize = 5;

/// One method of the API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    /// Whether the proto marks it as idempotent or free of side effects.
    pub(crate) idempotent: bool,
    /// Whether it is a stream in either direction.
    pub(crate) streaming: bool,
}

/// Path of the method, such as `/tenterhook.v1.EventService/GetEvent`, to the method.
pub(crate) static METHODS: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    let set = FileDescriptorSet::decode(DESCRIPTORS).expect("the generator wrote a descriptor set");
    let mut methods = HashMap::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let level = method.options.as_ref().map(|o| o.idempotency_level()).unwrap_or_default();
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let streaming = method.client_streaming() || method.server_streaming();
                let idempotent = level != IdempotencyLevel::IdempotencyUnknown;
                methods.insert(path, Method { idempotent, streaming });
            }
        }
    }
    methods
});

/// Gives an event an id if it has none.
pub(crate) fn identify_event(event: &mut Event) {
    identify(&mut event.id);
}

/// Gives the request in `frame` what ids it lacks, so that the server recognises a repeat.
pub(crate) fn identify_request(path: &str, frame: Bytes) -> Bytes {
    let rewritten = match path {
        "/tenterhook.v1.EventService/PublishEvent" => rewrite(&frame, |request: &mut PublishEventRequest| {
            request.event.iter_mut().for_each(identify_event);
        }),
        "/tenterhook.v1.EventService/BatchPublishEvents" => {
            rewrite(&frame, |request: &mut BatchPublishEventsRequest| {
                request.events.iter_mut().for_each(identify_event);
            })
        }
        "/tenterhook.v1.EventService/ReplayEvents" => {
            rewrite(&frame, |request: &mut ReplayEventsRequest| identify(&mut request.request_id))
        }
        "/tenterhook.v1.WebhookService/CreateWebhook" => {
            rewrite(&frame, |request: &mut CreateWebhookRequest| identify(&mut request.request_id))
        }
        "/tenterhook.v1.WebhookService/RotateSigningKey" => rewrite(&frame, |request: &mut RotateSigningKeyRequest| {
            identify(&mut request.request_id);
        }),
        _ => None,
    };
    rewritten.unwrap_or(frame)
}

fn identify(id: &mut String) {
    if id.is_empty() {
        *id = Uuid::new_v4().to_string();
    }
}

/// Changes the message in an uncompressed frame; `None` for any other frame.
fn rewrite<M: Message + Default>(frame: &Bytes, change: impl FnOnce(&mut M)) -> Option<Bytes> {
    if frame.first() != Some(&0) {
        return None;
    }
    let mut message = M::decode(frame.get(FRAME_HEAD_BYTES..)?).ok()?;
    change(&mut message);
    let length = message.encoded_len();
    let mut made = BytesMut::with_capacity(FRAME_HEAD_BYTES + length);
    made.put_u8(0);
    made.put_u32(u32::try_from(length).ok()?);
    message.encode(&mut made).ok()?;
    Some(made.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(message: &impl Message) -> Bytes {
        let mut made = BytesMut::new();
        made.put_u8(0);
        made.put_u32(message.encoded_len() as u32);
        message.encode(&mut made).unwrap();
        made.freeze()
    }

    fn read<M: Message + Default>(frame: &Bytes) -> M {
        assert_eq!(frame[1..5], (frame.len() as u32 - 5).to_be_bytes());
        M::decode(&frame[5..]).unwrap()
    }

    #[test]
    fn the_table_of_methods_comes_from_the_proto() {
        assert!(METHODS["/tenterhook.v1.EventService/PublishEvent"].idempotent);
        assert!(!METHODS["/tenterhook.v1.WebhookService/UpdateWebhook"].idempotent);
        assert!(METHODS["/tenterhook.v1.DeliveryService/WatchDeliveries"].streaming);
        assert!(!METHODS["/tenterhook.v1.DeliveryService/GetDelivery"].streaming);
    }

    #[test]
    fn an_event_without_id_gets_one_and_any_other_keeps_its_own() {
        let events = vec![Event { id: "mine".into(), ..Default::default() }, Event::default()];
        let path = "/tenterhook.v1.EventService/BatchPublishEvents";
        let batch = BatchPublishEventsRequest { events };
        let sent: BatchPublishEventsRequest = read(&identify_request(path, frame(&batch)));
        assert_eq!(sent.events[0].id, "mine");
        assert_eq!(sent.events[1].id.len(), 36);
    }

    #[test]
    fn requests_get_a_request_id() {
        let path = "/tenterhook.v1.WebhookService/CreateWebhook";
        let empty = frame(&CreateWebhookRequest::default());
        let sent: CreateWebhookRequest = read(&identify_request(path, empty.clone()));
        assert!(!sent.request_id.is_empty());
        let path = "/tenterhook.v1.WebhookService/RotateSigningKey";
        let sent: RotateSigningKeyRequest = read(&identify_request(path, empty.clone()));
        assert!(!sent.request_id.is_empty());
        let path = "/tenterhook.v1.EventService/ReplayEvents";
        let sent: ReplayEventsRequest = read(&identify_request(path, empty));
        assert!(!sent.request_id.is_empty());
    }

    #[test]
    fn other_requests_and_broken_frames_are_left_alone() {
        for (path, bytes) in [
            ("/tenterhook.v1.EventService/GetEvent", &b"\0\0\0\0\0"[..]),
            ("/tenterhook.v1.EventService/PublishEvent", b""),
            ("/tenterhook.v1.EventService/PublishEvent", b"\x01\0\0\0\0"),
            ("/tenterhook.v1.EventService/PublishEvent", b"\0\0\0\0\x02\xff\xff"),
        ] {
            let frame = Bytes::copy_from_slice(bytes);
            assert_eq!(identify_request(path, frame.clone()), frame);
        }
    }
}
