//! Why connections end before their time, as the log and the metrics name it.

/// Why a connection was refused or cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cut {
    /// All places are taken, and no connection can make room.
    Full,
    /// All places of its network are, and none of its connections can.
    NetworkFull,
    /// It made room.
    Evicted,
    /// Its TLS handshake failed.
    Handshake,
    /// It spoke no TLS where TLS is spoken.
    Plaintext,
    /// It began as another node's does, and did not prove to be one.
    Unproved,
    /// It was not open in time.
    Late,
    /// Its writes stood still.
    Stuck,
    /// It did not take its answers.
    Untaken,
    /// What it sent breaks the rules of HTTP.
    Protocol,
    /// It sent more frames than a client needs.
    Flood,
    /// It called too often only to be refused.
    Refused,
    /// It was asked to go and did not.
    Lingered,
}

impl Cut {
    /// Every reason.
    pub(crate) const ALL: [Self; 13] = [
        Self::Full,
        Self::NetworkFull,
        Self::Evicted,
        Self::Handshake,
        Self::Plaintext,
        Self::Unproved,
        Self::Late,
        Self::Stuck,
        Self::Untaken,
        Self::Protocol,
        Self::Flood,
        Self::Refused,
        Self::Lingered,
    ];

    /// Its name as a label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::NetworkFull => "network_full",
            Self::Evicted => "evicted",
            Self::Handshake => "handshake",
            Self::Plaintext => "plaintext",
            Self::Unproved => "unproved",
            Self::Late => "late",
            Self::Stuck => "stuck",
            Self::Untaken => "untaken",
            Self::Protocol => "protocol",
            Self::Flood => "flood",
            Self::Refused => "refused",
            Self::Lingered => "lingered",
        }
    }
}
