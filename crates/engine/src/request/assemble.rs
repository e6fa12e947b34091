//! From rendered texts to the exact request of one attempt: checked, put together, signed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tenterhook_jinja::python::text::is_space;
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{DeliveryId, Header, PreparedRequest, TargetUrl, Timestamp, limits};

use super::block;
use super::cloud_event::envelope;
use super::field::RenderFault;
use super::name::{check_length, check_name, check_value, line_of};
use super::{BodyPlan, HeaderPlan, Part, RequestPlan, UrlPlan, url};
use crate::event_context::EventContext;
use crate::signature::{Outgoing, Signable, Signer};

/// Headers that a request has beside the webhook's own, at most.
const SERVERS_OWN: usize = 11;

/// What is known of an attempt beside the webhook and the event.
#[derive(Debug, Clone)]
pub struct AttemptFacts {
    /// The delivery, for `X-Tenterhook-Delivery`.
    pub delivery_id: DeliveryId,
    /// The number of the attempt from 1, for `X-Tenterhook-Attempt`.
    pub attempt: u32,
    /// The time of the attempt, which is signed.
    pub now: Timestamp,
    /// The `traceparent` to send (W3C Trace Context), when the attempt is traced.
    pub trace_parent: Option<String>,
}

/// The texts that a webhook's templates rendered to, in the order of its templates. Some may
/// be secret: printing it shows how many there are.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered(pub Vec<String>);

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rendered({} texts)", self.0.len())
    }
}

/// The event, the attempt and the texts of which a request is made.
pub(crate) struct Parts<'a> {
    pub(crate) event: &'a EventContext,
    pub(crate) facts: &'a AttemptFacts,
    pub(crate) rendered: Rendered,
}

impl RequestPlan {
    /// Renders all templates.
    pub(crate) fn render(&self, event: &EventContext) -> Result<Rendered, RenderFault> {
        self.templates.iter().map(|template| template.render(event)).collect::<Result<_, _>>().map(Rendered)
    }

    /// Makes the request of one attempt.
    pub(crate) fn assemble(
        &self,
        parts: Parts<'_>,
        signer: &Signer,
        transport: &Arc<TransportPolicy>,
    ) -> Result<PreparedRequest, RenderFault> {
        self.assembled(parts, signer, transport).map_err(|fault| self.masked(fault))
    }

    fn assembled(
        &self,
        parts: Parts<'_>,
        signer: &Signer,
        transport: &Arc<TransportPolicy>,
    ) -> Result<PreparedRequest, RenderFault> {
        let Parts { event, facts, rendered: Rendered(mut texts) } = parts;
        if texts.len() != self.templates.len() {
            let message = format!("the renderer gave {} texts for {} templates", texts.len(), self.templates.len());
            return Err(RenderFault::of("request", message));
        }
        let url = self.url(&texts)?;
        let (mut headers, faults) = self.headers(&texts, &[]);
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
        let source = self.event_source(&texts, &[], event.event())?.unwrap_or_default();
        let body = self.body(&mut texts, event, &source)?;
        debug_assert!(body.len() <= limits::BODY_BYTES, "what is signed is what may be sent");
        self.push_cloud_event(&mut headers, event.event(), &source)?;
        push_own(&mut headers, facts);
        headers.extend(self.authorization.clone().filter(|_| self.credentials.is_none()));
        let message = Signable { id: event.event().id.as_str(), timestamp: facts.now.seconds(), body: &body };
        let outgoing = Outgoing { message, method: self.method.as_str(), path: url.path_and_query() };
        signer.push_headers(&mut headers, &outgoing, facts.now);
        let (transport, credentials) = (Arc::clone(transport), self.credentials.clone());
        let masks = self.masks.clone();
        Ok(PreparedRequest { method: self.method, url, headers, body, transport, credentials, masks })
    }

    /// A fault of what was rendered, without values of the environment.
    pub(super) fn masked(&self, mut fault: RenderFault) -> RenderFault {
        self.masks.mask_text(&mut fault.message);
        fault
    }

    pub(super) fn url(&self, texts: &[String]) -> Result<TargetUrl, RenderFault> {
        let read = match &self.url {
            UrlPlan::Fixed(url) => return Ok(url.clone()),
            UrlPlan::FixedHost { template, literal } => url::read_fixed_host(&texts[*template], literal),
            UrlPlan::Rendered { template, guard, port } => {
                let guard = guard.map(|guard| texts[guard].as_str());
                let allowed = url::Allowed { guard, port: *port, hosts: &self.allowed_hosts };
                url::read_rendered(&texts[*template], allowed)
            }
        };
        read.map_err(|message| RenderFault::of("request.url", message))
    }

    /// The webhook's own headers, without those that are not legal, and why they are not. Of a name
    /// that comes twice the last one stays. Templates that are marked in `failed` have no text.
    pub(super) fn headers(&self, texts: &[String], failed: &[bool]) -> (Vec<Header>, Vec<RenderFault>) {
        let mut headers = Vec::with_capacity(self.headers.len() + SERVERS_OWN);
        headers.extend_from_slice(&self.first_headers);
        let mut faults = Vec::new();
        let block = if self.block.has_failed(failed) { "" } else { self.block.text(texts) };
        for (name, value) in block::headers(block) {
            match self.check_line(name, value) {
                Ok(()) => {
                    let header = Header::new(name.to_owned(), value);
                    let sensitive = header.sensitive || self.masks.has_part_of(value);
                    put(&mut headers, Header { sensitive, ..header });
                }
                Err(message) => faults.push(RenderFault::of("request.additional_headers", message)),
            }
        }
        for (index, plan) in self.headers.iter().enumerate().filter(|(_, plan)| !plan.value.has_failed(failed)) {
            match plan.header(texts) {
                Ok(header) => put(&mut headers, header),
                Err(message) => faults.push(RenderFault::of(format!("request.headers[{index}].value"), message)),
            }
        }
        faults.extend(check_together(&headers).err());
        (headers, faults)
    }

    /// Checks a line of `additional_headers`.
    fn check_line(&self, name: &str, value: &str) -> Result<(), String> {
        let legal = check_name(name, &self.taken).and_then(|()| Ok(check_value(value)?));
        legal.map_err(|message| format!("{} {message}", line_of(name)))?;
        check_length(name, value)
    }

    /// The body; `source` is that of a CloudEvent.
    pub(super) fn body(&self, texts: &mut [String], event: &EventContext, source: &str) -> Result<Bytes, RenderFault> {
        let body = match &self.body {
            BodyPlan::CloudEvent => Bytes::from(envelope(event, source)),
            BodyPlan::Default(format) => event.default_body(*format),
            BodyPlan::Fixed(body) => body.clone(),
            BodyPlan::Template(template) => Bytes::from(std::mem::take(&mut texts[*template])),
        };
        if body.len() > limits::BODY_BYTES {
            let message =
                format!("is {} bytes long after rendering; at most {} are allowed", body.len(), limits::BODY_BYTES);
            return Err(RenderFault::of("request.body", message));
        }
        Ok(body)
    }
}

impl Part {
    /// Whether its template is marked in `failed`.
    pub(super) fn has_failed(&self, failed: &[bool]) -> bool {
        matches!(self, Self::Template(template) if failed.get(*template) == Some(&true))
    }

    pub(super) fn text<'a>(&'a self, texts: &'a [String]) -> &'a str {
        match self {
            Self::Fixed(text) => text,
            Self::Template(template) => &texts[*template],
        }
    }
}

impl HeaderPlan {
    fn header(&self, texts: &[String]) -> Result<Header, String> {
        let value = self.value.text(texts).trim_matches(is_space);
        check_value(value)?;
        check_length(&self.name, value)?;
        Ok(Header { name: self.name.clone(), value: value.into(), sensitive: self.sensitive })
    }
}

/// Adds the headers that every attempt has.
pub(super) fn push_own(headers: &mut Vec<Header>, facts: &AttemptFacts) {
    headers.push(Header::new("X-Tenterhook-Delivery", facts.delivery_id.to_string()));
    headers.push(Header::new("X-Tenterhook-Attempt", facts.attempt.to_string()));
    if let Some(trace_parent) = &facts.trace_parent {
        headers.push(Header::new("traceparent", trace_parent.as_str()));
    }
}

/// Puts a header in place of one of the same name, else at the end.
fn put(headers: &mut Vec<Header>, header: Header) {
    match headers.iter_mut().find(|before| before.name.eq_ignore_ascii_case(&header.name)) {
        Some(before) => *before = header,
        None => headers.push(header),
    }
    debug_assert!(
        headers
            .iter()
            .enumerate()
            .all(|(at, one)| !headers[..at].iter().any(|two| two.name.eq_ignore_ascii_case(&one.name))),
        "no name stands twice"
    );
}

/// The limits on all headers of a webhook together.
fn check_together(headers: &[Header]) -> Result<(), RenderFault> {
    // User-Agent and Content-Type are there in any case.
    let (count, given) = (headers.len(), limits::HEADERS + 2);
    if count > given {
        let message = format!("has {} headers; at most {} are allowed", count - 2, limits::HEADERS);
        return Err(RenderFault::of("request.additional_headers", message));
    }
    let bytes: usize = headers.iter().map(|header| header.name.len() + header.value.len()).sum();
    if bytes > limits::HEADERS_BYTES {
        let message = format!("are {bytes} bytes together; at most {} are allowed", limits::HEADERS_BYTES);
        return Err(RenderFault::of("request.headers", message));
    }
    Ok(())
}
