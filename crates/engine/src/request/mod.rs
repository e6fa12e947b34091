//! What a webhook sends: its request, compiled once, and made exact for every attempt.

mod assemble;
mod block;
mod cloud_event;
mod compile;
mod draft;
mod field;
mod hosts;
mod name;
mod scan;
mod url;

pub use assemble::{AttemptFacts, Rendered};
pub use draft::Draft;
pub use field::{FieldTemplate, RenderFault};

pub(crate) use assemble::Parts;
pub(crate) use block::has_secrets;
pub(crate) use compile::compile;
pub(crate) use name::check_name;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use tenterhook_model::webhook::BodyFormat;
use tenterhook_model::{ClientCredentials, Header, HttpMethod, Masks, TargetUrl};

use self::hosts::HostPattern;

/// The request of a webhook.
pub(crate) struct RequestPlan {
    method: HttpMethod,
    url: UrlPlan,
    allowed_hosts: Vec<HostPattern>,
    /// `User-Agent` and `Content-Type`, unless the webhook's own headers say otherwise.
    first_headers: [Header; 2],
    block: Part,
    headers: Vec<HeaderPlan>,
    body: BodyPlan,
    /// Set when a CloudEvent is sent.
    cloud_event: Option<CloudEventPlan>,
    /// The header that authenticates; of `credentials` it is what may be shown.
    authorization: Option<Header>,
    /// What gets the token that the sender puts into that header.
    credentials: Option<Arc<ClientCredentials>>,
    /// Headers of the signatures and the authentication.
    taken: Vec<String>,
    /// Values of the environment, when a template reads it.
    masks: Masks,
    templates: Vec<FieldTemplate>,
}

/// Where the request goes; `template` and `guard` are places among the templates.
enum UrlPlan {
    Fixed(TargetUrl),
    FixedHost { template: usize, literal: TargetUrl },
    Rendered { template: usize, guard: Option<usize>, port: Option<u16> },
}

/// A text of the request.
enum Part {
    Fixed(String),
    /// The place of its template.
    Template(usize),
}

struct HeaderPlan {
    name: Cow<'static, str>,
    value: Part,
    sensitive: bool,
}

enum BodyPlan {
    /// The event as JSON.
    Default(BodyFormat),
    /// The event as a CloudEvent in structured mode.
    CloudEvent,
    Fixed(Bytes),
    /// The place of its template.
    Template(usize),
}

/// How a CloudEvent is sent.
struct CloudEventPlan {
    /// Whether its attributes are headers.
    is_binary: bool,
    /// Its source, unless it is the default.
    source: Option<Part>,
}

impl RequestPlan {
    /// The templates that have to be rendered, in the order of [`Rendered`].
    pub(crate) fn templates(&self) -> &[FieldTemplate] {
        &self.templates
    }

    /// The URL as far as it is literal: all of it, or up to the first tag; `None` when the
    /// host is rendered.
    pub(crate) fn literal_target(&self) -> Option<&TargetUrl> {
        match &self.url {
            UrlPlan::Fixed(url) | UrlPlan::FixedHost { literal: url, .. } => Some(url),
            UrlPlan::Rendered { .. } => None,
        }
    }
}
