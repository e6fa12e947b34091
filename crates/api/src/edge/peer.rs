//! The names of the client certificate that a connection was made with.

use std::sync::Arc;

use http::Extensions;

/// Names of a verified client certificate. The listener puts them into the extensions of each request.
#[derive(Debug, Clone, Default)]
pub struct PeerNames(pub Arc<[String]>);

impl PeerNames {
    /// The names that the request's connection was made with; none without a certificate.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listeners_names_are_taken() {
        let mut extensions = Extensions::new();
        assert!(PeerNames::of(&extensions).0.is_empty());
        extensions.insert(PeerNames(["client.example.com".to_owned()].into()));
        assert_eq!(&*PeerNames::of(&extensions).0, ["client.example.com"]);
    }
}
