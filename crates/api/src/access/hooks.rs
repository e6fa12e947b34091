//! NetBox's signature (NetBox documentation, "Webhooks"): asked of callers whose line of the key file names a secret.
//!
//! The front of plain HTTP asks [`Access`] for the secrets before the call, and checks the body when it is whole.

use std::sync::{Arc, PoisonError};

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap};
use tenterhook_engine::signature::{NETBOX_SIGNATURE, Received, SignatureFault, verify};
use tenterhook_model::webhook::SignatureScheme;
use tenterhook_model::{Secret, Timestamp};
use tonic::Status;

use super::{Access, Credential};
use crate::edge::PeerNames;
use crate::refusal::Refusal;

/// The secrets of which one must have signed what a caller sends from NetBox.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetboxSecrets(Vec<Secret>);

impl Access {
    /// The secrets of who calls with these headers and extensions; none when nothing need be signed. A caller that is
    /// not known has none: the gate refuses it.
    pub fn netbox_secrets(&self, headers: &HeaderMap, extensions: &Extensions) -> NetboxSecrets {
        let authorization = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        let credential = Credential::of(authorization, &PeerNames::of(extensions).0);
        let ring = Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner));
        let now = self.clock.now();
        let holders = credential.holders(&ring).into_iter().filter(|holder| holder.grant.holds_at(now));
        NetboxSecrets(holders.filter_map(|holder| holder.netbox_secret.clone()).collect())
    }
}

impl NetboxSecrets {
    /// Checks the signature in `headers` over `body`, in constant time.
    ///
    /// # Errors
    /// When one is needed and is missing or another.
    pub fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Status> {
        if self.0.is_empty() {
            return Ok(());
        }
        let given = headers.get(NETBOX_SIGNATURE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let headers: Vec<(&str, &str)> = given.iter().map(|value| (NETBOX_SIGNATURE, &**value)).collect();
        let secrets: Vec<&str> = self.0.iter().map(Secret::expose).collect();
        // The scheme has no timestamp.
        let received = Received { headers: &headers, body, now: Timestamp::from_millis(0) };
        let checked = verify(SignatureScheme::NetBox, &secrets, received);
        let shown = !matches!(checked, Err(SignatureFault::Missing(_)));
        checked.map_err(|_| Refusal::NetboxSignature { shown }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{KeyRing, NewKey, Role, Scope};
    use http::HeaderValue;
    use tenterhook_model::OsEntropy;
    use tonic::Code;

    /// `printf '{}' | openssl dgst -sha512 -hmac secret`
    const SIGNATURE: &str = "d6f1126a735b5a754f6e58434f170bdefdffada2c17f67d9bbd86d97669b94f80a92978665bf7ea423832b3f4f3856e2901a7c028e16c81efbb43298a1c00772";

    fn signed(signature: &str) -> HeaderMap {
        HeaderMap::from_iter([("x-hook-signature".parse().unwrap(), HeaderValue::from_str(signature).unwrap())])
    }

    #[test]
    fn one_of_the_secrets_must_have_signed_the_body() {
        let secrets = NetboxSecrets(vec![Secret::new("before"), Secret::new("secret")]);
        secrets.check(&signed(SIGNATURE), b"{}").unwrap();
        for (headers, body, words) in [
            (HeaderMap::new(), "{}", "not signed"),
            (signed(""), "{}", "not signed"),
            (signed(SIGNATURE), "{ }", "does not fit"),
            (signed(&SIGNATURE[1..]), "{}", "does not fit"),
        ] {
            let status = secrets.check(&headers, body.as_bytes()).unwrap_err();
            assert!(status.code() == Code::Unauthenticated && status.message().contains(words), "{status:?}");
        }
        NetboxSecrets(Vec::new()).check(&HeaderMap::new(), b"{}").unwrap();
    }

    #[test]
    fn the_secrets_are_those_of_the_lines_of_the_caller() {
        let made = NewKey::generate(Role::Publisher, &Scope::Every, "netbox-secret=a", None, &OsEntropy);
        let ended = made.line.replace("netbox-secret=a", "until=1970-01-01 netbox-secret=b");
        let text = format!("{}\n{ended}\nsan:n publisher * netbox-secret=c\nsan:m publisher *\n", made.line);
        let (ring, errors) = KeyRing::read(&text, &mut |file| Ok(Secret::new(file)));
        assert_eq!(errors, []);
        let access = Access::keys(ring);
        let of_key = |key: &str| {
            let header = HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
            access.netbox_secrets(&HeaderMap::from_iter([(AUTHORIZATION, header)]), &Extensions::new()).0
        };
        assert_eq!(of_key(made.key.expose()), [Secret::new("a")], "an ended line asks for nothing");
        assert_eq!(of_key("th_x"), []);
        let of_name = |name: &str| {
            let mut extensions = Extensions::new();
            extensions.insert(PeerNames(vec![name.to_owned()].into()));
            access.netbox_secrets(&HeaderMap::new(), &extensions).0
        };
        assert_eq!((of_name("n"), of_name("m")), (vec![Secret::new("c")], vec![]));
    }
}
