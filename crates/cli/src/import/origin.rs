//! The systems that webhooks come from, and what differs between them for every import.

/// The system that webhooks come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    /// Its name, as people write it.
    pub(super) name: &'static str,
    /// Its name in commands, flags and labels.
    pub(super) word: &'static str,
    /// What to give as its address.
    pub(super) address: &'static str,
    /// What its token must be good for.
    pub(super) rights: &'static str,
    /// Whether it sends each request once, so that `--retry` has to be given.
    pub(super) sends_once: bool,
    /// Whether its webhooks say which certificates they trust.
    pub(super) sets_trust: bool,
}

impl Origin {
    /// The label that says where a webhook is from, and its value.
    pub(super) fn label(self) -> (String, String) {
        ("imported-from".to_owned(), self.word.to_owned())
    }
}

/// NetBox 3.2 to 4.7.
pub(super) const NETBOX: Origin = Origin {
    name: "NetBox",
    word: "netbox",
    address: "the address of NetBox's start page",
    rights: "its user needs \"view\" for webhooks and event rules",
    sends_once: true,
    sets_trust: true,
};

/// Svix.
pub(super) const SVIX: Origin = Origin {
    name: "Svix",
    word: "svix",
    address: "the address of Svix's API, such as https://api.eu.svix.com",
    rights: "the token must be one of this Svix, and may read endpoints and their secrets",
    sends_once: false,
    sets_trust: false,
};

/// Convoy.
pub(super) const CONVOY: Origin = Origin {
    name: "Convoy",
    word: "convoy",
    address: "the address of Convoy, such as https://convoy.example.com",
    rights: "the token must be an API key of the project",
    sends_once: false,
    sets_trust: false,
};
