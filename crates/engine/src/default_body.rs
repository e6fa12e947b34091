//! Which members the default body has: those that a version of NetBox sends, in its order.

use tenterhook_model::webhook::BodyFormat;

/// A member of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// The name, by which templates see the same value.
    pub(crate) name: &'static str,
    /// Left out when the event has no value for it; other members are null then.
    pub(crate) optional: bool,
}

const fn always(name: &'static str) -> Member {
    Member { name, optional: false }
}

const fn optional(name: &'static str) -> Member {
    Member { name, optional: true }
}

const EVENT: Member = always("event");
const TIMESTAMP: Member = always("timestamp");
const OBJECT_TYPE: Member = always("object_type");
const MODEL: Member = always("model");
const USERNAME: Member = always("username");
const REQUEST_ID: Member = always("request_id");
const DATA: Member = always("data");
const SNAPSHOTS: Member = optional("snapshots");
const CONTEXT: Member = optional("context");

// NetBox 3.2 sends snapshots with every event, NetBox 4.6 the request.
const EVERY_SNAPSHOTS: Member = always("snapshots");
const EVERY_REQUEST: Member = always("request");
const REQUEST: Member = optional("request");

/// The members of a body, in order.
pub(crate) const fn members(format: BodyFormat) -> &'static [Member] {
    match format {
        BodyFormat::Netbox32 => &[EVENT, TIMESTAMP, MODEL, USERNAME, REQUEST_ID, DATA, EVERY_SNAPSHOTS],
        BodyFormat::Netbox44 => &[EVENT, TIMESTAMP, OBJECT_TYPE, MODEL, USERNAME, REQUEST_ID, DATA, SNAPSHOTS, CONTEXT],
        BodyFormat::Netbox45 => &[EVENT, TIMESTAMP, OBJECT_TYPE, USERNAME, REQUEST_ID, DATA, SNAPSHOTS, CONTEXT],
        BodyFormat::Netbox46 => {
            &[EVENT, TIMESTAMP, OBJECT_TYPE, USERNAME, REQUEST_ID, DATA, EVERY_REQUEST, SNAPSHOTS, CONTEXT]
        }
        // The data alone, as it was published: see `EventContext::default_body`.
        BodyFormat::CloudEventsStructured | BodyFormat::CloudEventsBinary => &[],
        BodyFormat::Netbox47 => &[EVENT, TIMESTAMP, OBJECT_TYPE, REQUEST, DATA, SNAPSHOTS, CONTEXT],
    }
}
