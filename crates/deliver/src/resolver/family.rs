//! The two kinds of addresses, and how long one waits for the other.

use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;

/// How long IPv4 addresses wait for those of IPv6 (RFC 8305 section 3, "Resolution Delay").
const WAIT_FOR_V6: Duration = Duration::from_millis(50);
/// How long IPv6 addresses wait for those of IPv4. They are what is left where IPv6 leads
/// nowhere, so they get more time; RFC 8305 names none.
const WAIT_FOR_V4: Duration = Duration::from_millis(200);

/// A kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }

    pub(super) fn record_type(self) -> RecordType {
        match self {
            Self::V4 => RecordType::A,
            Self::V6 => RecordType::AAAA,
        }
    }

    /// How long the addresses of the other kind wait for this one.
    pub(super) fn wait(self) -> Duration {
        match self {
            Self::V4 => WAIT_FOR_V4,
            Self::V6 => WAIT_FOR_V6,
        }
    }
}
