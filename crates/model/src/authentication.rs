//! How requests authenticate to a receiver, apart from headers that the webhook's owner writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The header that authentication sets (RFC 9110 section 11.6.2).
pub const AUTHORIZATION: &str = "Authorization";

/// How requests authenticate to a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authentication {
    /// A user name and a password.
    Basic(BasicCredentials),
    /// An access token of a token server.
    OAuth2(ClientCredentials),
}

/// A user name and its password (RFC 7617).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicCredentials {
    /// The user name; without a colon.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// What gets an access token by the OAuth 2.0 client credentials grant (RFC 6749 section 4.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientCredentials {
    /// The token endpoint.
    pub token_url: String,
    /// The client's identifier there.
    pub client_id: String,
    /// How the client proves that it is the one.
    pub proof: ClientProof,
    /// The scopes that are asked for.
    pub scopes: Vec<String>,
    /// The parameter `audience`; empty leaves it out.
    pub audience: String,
    /// Further parameters of the token request.
    pub parameters: BTreeMap<String, String>,
}

/// How a client authenticates to a token server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClientProof {
    /// Its secret, by HTTP Basic.
    Basic(Secret),
    /// Its secret, in the body.
    Post(Secret),
    /// A signed assertion (RFC 7523).
    Key {
        /// The private key in PEM.
        private_key_pem: Secret,
        /// `kid` in the assertion's header; empty leaves it out.
        key_id: String,
    },
}

impl ClientProof {
    /// The secret, or the private key.
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Basic(secret) | Self::Post(secret) => secret,
            Self::Key { private_key_pem, .. } => private_key_pem,
        }
    }

    fn secret_mut(&mut self) -> &mut Secret {
        match self {
            Self::Basic(secret) | Self::Post(secret) => secret,
            Self::Key { private_key_pem, .. } => private_key_pem,
        }
    }
}

impl Authentication {
    /// Its one secret.
    pub(crate) fn secret_mut(&mut self) -> &mut Secret {
        match self {
            Self::Basic(basic) => &mut basic.password,
            Self::OAuth2(credentials) => credentials.proof.secret_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let proof = ClientProof::Key { private_key_pem: Secret::new("hunter2"), key_id: "k".into() };
        let basic = BasicCredentials { username: "u".into(), password: Secret::new("hunter2") };
        assert!(!format!("{proof:?} {:?}", Authentication::Basic(basic)).contains("hunter2"));
    }
}
