//! `POST /v1/events` and `POST /v1/netbox`: publish events without gRPC.
//!
//! ```text
//! body ─▶ gather (whole, within its limits) ─▶ proto_json | cloud | netbox ─▶ PublishEvent, BatchPublishEvents ─▶ answer
//!     └─▶ lines (one event a line) ─────────▶ proto_json ────────▶ StreamPublishEvents ───────────────▶ acks
//! ```
//! The call is made before the body is read: the gate refuses who may not publish first, and what
//! the body holds is read only as the service asks for it.

mod acks;
mod answer;
mod cloud;
mod fields;
mod frame;
mod gather;
mod ndjson;
mod netbox;
mod proto_json;

#[cfg(test)]
mod body_tests;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, TE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version};
use http_body::Body as HttpBody;
use prost::Message;
use tenterhook_api::access::NetboxSecrets;
use tenterhook_api::{Held, invalid};
use tenterhook_model::Fault;
use tenterhook_proto::tenterhook::v1;
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::service::Routes;
use tower::Service as _;
use url::form_urlencoded;

use crate::problem::Problem;
use gather::{Gathered, Peeked};

/// The path.
pub(crate) const PATH: &str = "/v1/events";
/// The path for NetBox.
pub(crate) const NETBOX_PATH: &str = "/v1/netbox";
/// The calls.
const PUBLISH: &str = "/tenterhook.v1.EventService/PublishEvent";
const PUBLISH_BATCH: &str = "/tenterhook.v1.EventService/BatchPublishEvents";
const PUBLISH_STREAM: &str = "/tenterhook.v1.EventService/StreamPublishEvents";
/// The header of a trace, and the same as an extension of CloudEvents in binary mode.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const CE_TRACEPARENT: HeaderName = HeaderName::from_static("ce-traceparent");

/// The forms of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One event or a list in ProtoJSON.
    Json,
    /// One event in ProtoJSON a line.
    Lines,
    /// One CloudEvent.
    Cloud,
    /// Several.
    CloudBatch,
    /// The data of a CloudEvent whose attributes are headers.
    CloudData,
}

impl Form {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        match &*media_type.trim().to_ascii_lowercase() {
            // The content type says so whatever headers there are (HTTP binding, "HTTP Message Mapping").
            "application/cloudevents+json" => Some(Self::Cloud),
            "application/cloudevents-batch+json" => Some(Self::CloudBatch),
            _ if cloud::is_binary(headers) => Some(Self::CloudData),
            "application/json" => Some(Self::Json),
            "application/x-ndjson" => Some(Self::Lines),
            _ => None,
        }
    }
}

/// The charsets of a content type that are read as they are meant.
const CHARSETS: [&str; 4] = ["utf-8", "utf8", "us-ascii", "ascii"];

/// Answers a POST.
///
/// # Errors
/// When the request does not say what it holds; the call was not made.
pub(crate) async fn publish<B>(routes: Routes, request: Request<B>) -> Result<Response<Body>, Problem>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError>,
{
    let (parts, body) = request.into_parts();
    let form = Form::of(&parts.headers).ok_or_else(|| {
        let forms = "send application/json, application/x-ndjson, application/cloudevents+json, \
                     application/cloudevents-batch+json, or the headers of a CloudEvent";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, forms)
    })?;
    refuse_compressed(&parts.headers)?;
    refuse_other_charsets(&parts.headers)?;
    let namespace = Namespace::of(parts.uri.query())?;
    let held = Held::of(&parts.extensions);
    match form {
        Form::Json => {
            let body = Peeked::new(body).await?;
            let path = if body.begins_with(b'[') { PUBLISH_BATCH } else { PUBLISH };
            let read = move |bytes: &[u8]| match proto_json::read(bytes)? {
                proto_json::Body::One(event) => one(&namespace, *event),
                proto_json::Body::Batch(events) => batch(&namespace, events),
            };
            Ok(answer::of_call(call(routes, &parts, path, Gathered::new(body, held, read)).await, path == PUBLISH)
                .await)
        }
        Form::Cloud => {
            let read = move |bytes: &[u8]| one(&namespace, cloud::read_one(bytes)?);
            Ok(answer::of_call(call(routes, &parts, PUBLISH, Gathered::new(body, held, read)).await, true).await)
        }
        Form::CloudData => {
            let headers = parts.headers.clone();
            let read = move |bytes: &[u8]| one(&namespace, cloud::read_binary(&headers, bytes)?);
            Ok(answer::of_call(call(routes, &parts, PUBLISH, Gathered::new(body, held, read)).await, true).await)
        }
        Form::CloudBatch => {
            let read = move |bytes: &[u8]| batch(&namespace, cloud::read_batch(bytes)?);
            Ok(answer::of_call(call(routes, &parts, PUBLISH_BATCH, Gathered::new(body, held, read)).await, false).await)
        }
        Form::Lines => {
            let refused = acks::Refused::default();
            let read = move |bytes: &[u8]| line(&namespace, bytes);
            let body = ndjson::Lines::new(body, held, refused.clone(), read);
            Ok(acks::answer(call(routes, &parts, PUBLISH_STREAM, body).await, refused))
        }
    }
}

/// Answers a POST of NetBox, whatever its content type: the form of the body is that of a webhook without a template.
/// It must be signed with one of `secrets`, if there are any.
///
/// # Errors
/// When the body cannot be read; the call was not made.
pub(crate) async fn publish_netbox<B>(
    routes: Routes,
    secrets: NetboxSecrets,
    request: Request<B>,
) -> Result<Response<Body>, Problem>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError>,
{
    let (parts, body) = request.into_parts();
    refuse_compressed(&parts.headers)?;
    let namespace = Namespace::of(parts.uri.query())?;
    let held = Held::of(&parts.extensions);
    let headers = parts.headers.clone();
    let read = move |bytes: &[u8]| {
        secrets.check(&headers, bytes)?;
        netbox::read(bytes).and_then(|event| one(&namespace, event)).map_err(invalid)
    };
    Ok(answer::of_call(call(routes, &parts, PUBLISH, Gathered::checked(body, held, read)).await, true).await)
}

fn refuse_compressed(headers: &HeaderMap) -> Result<(), Problem> {
    let is_identity = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| !is_identity(encoding)) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed"));
    }
    Ok(())
}

/// Bodies are read as UTF-8, of which ASCII is a part; in another charset they would be read as another text, or not at all.
fn refuse_other_charsets(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let charsets = content_type.split(';').skip(1).filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let is_utf8 = |charset: &str| CHARSETS.iter().any(|known| charset.eq_ignore_ascii_case(known));
    if charsets.into_iter().all(is_utf8) {
        return Ok(());
    }
    let why = "the body must be UTF-8; send it so, with `charset=utf-8` or no charset in the content type";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why))
}

/// The call at `path` with what `parts` say of the caller.
async fn call<C>(mut routes: Routes, parts: &Parts, path: &'static str, body: C) -> Response<Body>
where
    C: HttpBody<Data = Bytes> + Send + 'static,
    C::Error: Into<StdError>,
{
    let mut call = Request::new(body);
    *call.method_mut() = http::Method::POST;
    *call.uri_mut() = Uri::from_static(path);
    *call.version_mut() = Version::HTTP_2;
    *call.extensions_mut() = parts.extensions.clone();
    let headers = call.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    if let Some(key) = parts.headers.get(AUTHORIZATION) {
        headers.insert(AUTHORIZATION, key.clone());
    }
    if let Some(trace) = parts.headers.get(TRACEPARENT).or_else(|| parts.headers.get(CE_TRACEPARENT)) {
        headers.insert(TRACEPARENT, trace.clone());
    }
    // The routes are always ready.
    let Ok(response) = routes.call(call).await;
    response
}

/// The namespace that the query names, for events that name none.
#[derive(Debug, Clone, Default)]
struct Namespace(String);

impl Namespace {
    fn of(query: Option<&str>) -> Result<Self, Problem> {
        let mut namespace = None;
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if name != "namespace" || namespace.is_some() {
                let why = "the only query parameter is `namespace`, and it is given once";
                return Err(Problem::of(&invalid(vec![Fault::invalid("query", why)])));
            }
            namespace = Some(value.into_owned());
        }
        Ok(Self(namespace.unwrap_or_default()))
    }

    /// Puts the event at `place` into the namespace; what is wrong with that.
    fn hold(&self, place: &str, event: &mut v1::Event) -> Option<Fault> {
        if event.namespace.is_empty() {
            event.namespace.clone_from(&self.0);
        }
        let is_other = !self.0.is_empty() && event.namespace != self.0;
        is_other.then(|| Fault::invalid(format!("{place}.namespace"), "must be the one in the query, or be left out"))
    }
}

fn one(namespace: &Namespace, mut event: v1::Event) -> Result<Vec<u8>, Vec<Fault>> {
    match namespace.hold("event", &mut event) {
        Some(fault) => Err(vec![fault]),
        None => Ok(v1::PublishEventRequest { event: Some(event) }.encode_to_vec()),
    }
}

fn batch(namespace: &Namespace, mut events: Vec<v1::Event>) -> Result<Vec<u8>, Vec<Fault>> {
    let events_with_place = events.iter_mut().enumerate();
    let faults: Vec<Fault> =
        events_with_place.filter_map(|(index, event)| namespace.hold(&format!("events[{index}]"), event)).collect();
    if faults.is_empty() { Ok(v1::BatchPublishEventsRequest { events }.encode_to_vec()) } else { Err(faults) }
}

/// The event of one line.
fn line(namespace: &Namespace, bytes: &[u8]) -> Result<v1::Event, Vec<Fault>> {
    let proto_json::Body::One(mut event) = proto_json::read(bytes)? else {
        return Err(vec![Fault::invalid("event", "must be one event a line, not a list")]);
    };
    match namespace.hold("event", &mut event) {
        Some(fault) => Err(vec![fault]),
        None => Ok(*event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(headers: &[(&'static str, &'static str)]) -> Option<Form> {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        Form::of(&headers.iter().map(pair).collect())
    }

    #[test]
    fn the_content_type_decides_before_the_headers_of_a_cloud_event() {
        for (headers, expected) in [
            (&[("content-type", "Application/JSON; charset=UTF-8")][..], Some(Form::Json)),
            (&[("content-type", "application/x-ndjson ;x=y")], Some(Form::Lines)),
            (&[("content-type", "application/cloudevents+json;charset=utf-8")], Some(Form::Cloud)),
            (&[("content-type", "application/cloudevents+json"), ("ce-specversion", "1.0")], Some(Form::Cloud)),
            (
                &[("content-type", "application/CloudEvents-Batch+json"), ("ce-specversion", "1.0")],
                Some(Form::CloudBatch),
            ),
            (&[("content-type", "application/json"), ("ce-specversion", "1.0")], Some(Form::CloudData)),
            (&[("ce-specversion", "1.0")], Some(Form::CloudData)),
            (&[("content-type", "text/json")], None),
            (&[("content-type", "")], None),
            (&[], None),
        ] {
            assert_eq!(form(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn only_a_body_in_utf_8_is_taken() {
        let refused = |content_type: &'static str| {
            let header = (CONTENT_TYPE, HeaderValue::from_static(content_type));
            refuse_other_charsets(&HeaderMap::from_iter([header])).is_err()
        };
        for taken in
            ["", "application/json", "a/b; charset=utf-8", "a/b;x=y; Charset=\"UTF8\"", "a/b; charset = us-ascii"]
        {
            assert!(!refused(taken), "{taken}");
        }
        for other in
            ["a/b; charset=utf-16", "a/b;charset=\"ISO-8859-1\"", "a/b; x=y; CHARSET=utf-16le", "a/b; charset="]
        {
            assert!(refused(other), "{other}");
        }
        assert!(refuse_other_charsets(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn only_a_body_that_is_not_compressed_is_taken() {
        let refused = |encoding: &'static str| {
            let header = (CONTENT_ENCODING, HeaderValue::from_static(encoding));
            refuse_compressed(&HeaderMap::from_iter([header])).is_err()
        };
        assert!(!refused("identity") && !refused("Identity") && refused("gzip"));
        assert!(refuse_compressed(&HeaderMap::new()).is_ok());
    }
}
