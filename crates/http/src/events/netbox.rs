//! The body that NetBox sends from a webhook without a body template, of any version from 3.2 to 4.7.
//!
//! | NetBox | event |
//! |---|---|
//! | the whole body | `id`: a digest, so that a repeat of the same request is the same event |
//! | `event`, `timestamp` | `type`, `occur_time` |
//! | `object_type`; up to 4.3 `model`, with the app in `data.url` | `object_type` |
//! | `username`, `request_id`; in 4.7 `request.user`, `request.id` | `username`, `request_id` |
//! | `data`, `snapshots`, `request`, `context` | the same |
//!
//! Members that no version has are left out, so that a newer NetBox is understood too.

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tenterhook_model::Fault;
use tenterhook_proto::tenterhook::v1::{self, json_document};

use super::fields::{Faults, parse};

/// What an id begins with, and its hex digits: 128 bits keep all bodies apart.
const ID: (&str, usize) = ("nb_", 32);
/// Where a date ends (RFC 3339, "full-date"); NetBox up to 3.7 writes a blank there.
const DATE_BYTES: usize = 10;
/// What to do about a body that is something else.
const NOT_NETBOX: &str = "must be set, as in the body of NetBox; leave the body template of its webhook empty, and the content type application/json";

/// The event of a body.
///
/// # Errors
/// Everything that is not as NetBox has it.
pub(super) fn read(bytes: &[u8]) -> Result<v1::Event, Vec<Fault>> {
    let mut faults = Faults::default();
    let (prefix, digits) = ID;
    let id = format!("{prefix}{}", &hex::encode(Sha256::digest(bytes))[..digits]);
    let mut event = v1::Event { id, ..Default::default() };
    let mut model = String::new();
    for (name, value) in faults.members("body", parse("body", bytes)?) {
        let place = format!("body.{name}");
        match name.as_str() {
            "event" => event.r#type = faults.text(&place, value),
            "timestamp" => event.occur_time = time(&mut faults, &place, value),
            "object_type" => event.object_type = faults.text(&place, value),
            "model" => model = faults.text(&place, value),
            "username" => event.username = faults.text(&place, value),
            "request_id" => event.request_id = faults.text(&place, value),
            "data" => event.data = Some(document(value)),
            "snapshots" => event.snapshots = Some(snapshots(&mut faults, value)),
            "request" => event.request = Some(document(value)),
            "context" => event.context = Some(document(value)),
            _ => {}
        }
    }
    for (name, is_missing) in [
        ("event", event.r#type.is_empty()),
        ("timestamp", event.occur_time.is_none()),
        ("object_type", event.object_type.is_empty() && model.is_empty()),
    ] {
        if is_missing && !faults.has(&format!("body.{name}")) {
            faults.refuse(format!("body.{name}"), NOT_NETBOX);
        }
    }
    if event.object_type.is_empty() {
        event.object_type = match app(event.data.as_ref()) {
            Some(app) => format!("{app}.{model}"),
            None => model,
        };
    }
    name_the_user(&mut event);
    faults.finish(event)
}

fn document(value: &RawValue) -> v1::JsonDocument {
    v1::JsonDocument { value: Some(json_document::Value::Json(value.get().to_owned())) }
}

fn time(faults: &mut Faults, place: &str, value: &RawValue) -> Option<prost_types::Timestamp> {
    let mut text = faults.text(place, value);
    if text.get(DATE_BYTES..=DATE_BYTES) == Some(" ") {
        text.replace_range(DATE_BYTES..=DATE_BYTES, "T");
    }
    if text.is_empty() { None } else { faults.time(place, &text) }
}

fn snapshots(faults: &mut Faults, value: &RawValue) -> v1::Snapshots {
    let mut snapshots = v1::Snapshots::default();
    for (name, value) in faults.members("body.snapshots", value) {
        match name.as_str() {
            "prechange" => snapshots.prechange = Some(document(value)),
            "postchange" => snapshots.postchange = Some(document(value)),
            _ => {}
        }
    }
    snapshots
}

/// A member of an object that is a text; quiet about everything else.
fn text_in(document: Option<&v1::JsonDocument>, name: &str) -> Option<String> {
    let json_document::Value::Json(text) = document?.value.as_ref()? else { return None };
    let value: &RawValue = serde_json::from_str(text).ok()?;
    let members = Faults::default().members("body", value);
    members.iter().find(|(known, _)| known == name).and_then(|(_, value)| serde_json::from_str(value.get()).ok())
}

/// The app of an object by its address in the REST API: `/api/dcim/sites/4/`, `/api/plugins/app/things/4/`.
fn app(data: Option<&v1::JsonDocument>) -> Option<String> {
    let url = text_in(data, "url")?;
    let mut parts = url.split_once("/api/")?.1.split('/');
    let app = match parts.next()? {
        "plugins" => parts.next()?,
        app => app,
    };
    // The address of a plugin has dashes where its app has underscores.
    (!app.is_empty()).then(|| app.replace('-', "_"))
}

/// Gives templates of older versions the names that NetBox 4.7 has within `request` only.
fn name_the_user(event: &mut v1::Event) {
    if event.username.is_empty() {
        event.username = text_in(event.request.as_ref(), "user").unwrap_or_default();
    }
    if event.request_id.is_empty() {
        event.request_id = text_in(event.request.as_ref(), "id").unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{"event": "updated", "timestamp": "2026-03-06 15:11:23.503186+00:00", "model": "site",
        "username": "jörg", "request_id": "17af", "data": {"id": 4, "url": "https://nb.example.com/x/api/dcim/sites/4/",
        "ratio": 1E5}, "snapshots": {"prechange": null, "postchange": {"a": 1}}}"#;
    const NEW: &str = r#"{"event": "created", "timestamp": "2026-03-06T15:11:23+00:00", "object_type": "ipam.prefix",
        "request": {"id": "17af", "method": "PUT", "user": "ann"}, "data": {"id": 4}, "context": {"x": 1}, "new": []}"#;

    fn json(document: Option<v1::JsonDocument>) -> String {
        match document.and_then(|document| document.value) {
            Some(json_document::Value::Json(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_up_to_4_3_names_its_app_by_the_address_of_the_object() {
        let event = read(OLD.as_bytes()).unwrap();
        assert_eq!((&*event.r#type, &*event.object_type, &*event.username), ("updated", "dcim.site", "jörg"));
        assert_eq!((&*event.request_id, event.occur_time.unwrap().nanos), ("17af", 503_186_000));
        let snapshots = event.snapshots.unwrap();
        assert!(snapshots.prechange.is_none() && json(snapshots.postchange) == r#"{"a": 1}"#);
        assert!(json(event.data).contains("1E5"), "every digit is kept");
        let of = |url: &str| {
            read(OLD.replace("https://nb.example.com/x/api/dcim/sites/4/", url).as_bytes()).unwrap().object_type
        };
        assert_eq!(of("/api/ipam/prefixes/1/"), "ipam.site");
        assert_eq!(of("/api/plugins/my-app/things/1/"), "my_app.site");
        assert_eq!(of(""), "site", "an event is not lost because its app is not known");
    }

    #[test]
    fn a_body_of_4_7_has_user_and_request_within_the_request() {
        let event = read(NEW.as_bytes()).unwrap();
        assert_eq!((&*event.object_type, &*event.username, &*event.request_id), ("ipam.prefix", "ann", "17af"));
        assert_eq!((json(event.request).len(), json(event.context)), (46, r#"{"x": 1}"#.to_owned()));
        assert!(event.snapshots.is_none());
    }

    #[test]
    fn the_same_body_is_the_same_event() {
        let id = |text: &str| read(text.as_bytes()).unwrap().id;
        assert_eq!(id(OLD), id(OLD));
        assert_ne!(id(OLD), id(&OLD.replace("503186", "503187")));
        assert_eq!(id(NEW).len(), ID.0.len() + ID.1);
    }

    #[test]
    fn everything_that_is_wrong_is_named_in_words() {
        let fields = |text: &str| {
            let faults = read(text.as_bytes()).unwrap_err();
            assert!(faults.iter().all(|fault| fault.message.len() <= 300), "{faults:?}");
            faults.into_iter().map(|fault| fault.field).collect::<Vec<_>>()
        };
        assert_eq!(fields("{}"), ["body.event", "body.timestamp", "body.object_type"]);
        assert_eq!(fields(r#"{"event": 1, "timestamp": "now", "model": "site"}"#), ["body.event", "body.timestamp"]);
        assert_eq!(fields("[]"), ["body", "body.event", "body.timestamp", "body.object_type"]);
        assert_eq!(fields("event=created"), ["body"]);
    }
}
