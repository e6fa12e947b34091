//! The token request (RFC 6749 section 4.4.2), with the client's authentication.

use std::sync::Arc;

use bytes::Bytes;
use tenterhook_model::sensitive::is_sensitive_header;
use tenterhook_model::url_secrets::secrets_of_url;
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{
    ClientCredentials, ClientProof, Entropy, Header, HttpMethod, Masks, PreparedRequest, TargetUrl, Timestamp,
};
use url::form_urlencoded::{Serializer, byte_serialize};

use super::absent::Failure;
use super::assertion::{self, Claims};

/// As for receivers.
const USER_AGENT: &str = concat!("Tenterhook/", env!("CARGO_PKG_VERSION"));
/// What an assertion is (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The transport of the token requests of a webhook with `transport`: whatever the webhook does, the
/// token server's certificate is checked.
pub(crate) fn transport(transport: &Arc<TransportPolicy>) -> Arc<TransportPolicy> {
    match transport.insecure_skip_verify {
        true => Arc::new(TransportPolicy { insecure_skip_verify: false, ..TransportPolicy::clone(transport) }),
        false => Arc::clone(transport),
    }
}

/// The request for a token with `credentials`, made at `now`.
///
/// # Errors
/// When the URL or the key can no longer be used.
pub(crate) fn form(
    credentials: &ClientCredentials,
    transport: Arc<TransportPolicy>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<PreparedRequest, Failure> {
    let url = TargetUrl::parse(&credentials.token_url).map_err(|error| Failure::new(format!("token_url {error}")))?;
    let mut headers = vec![
        Header::new("User-Agent", USER_AGENT),
        Header::new("Content-Type", "application/x-www-form-urlencoded"),
        Header::new("Accept", "application/json"),
    ];
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    let client_id = &credentials.client_id;
    match &credentials.proof {
        ClientProof::Basic(secret) => headers.push(Header::basic(&encoded(client_id), &encoded(secret.expose()))),
        ClientProof::Post(secret) => {
            form.append_pair("client_id", client_id).append_pair("client_secret", secret.expose());
        }
        ClientProof::Key { private_key_pem, key_id } => {
            let claims = Claims { client_id, audience: &credentials.token_url, key_id, now };
            let assertion = assertion::sign(private_key_pem.expose(), claims, entropy)
                .map_err(|words| Failure::new(format!("private_key_pem {words}")))?;
            form.append_pair("client_id", client_id)
                .append_pair("client_assertion_type", ASSERTION_TYPE)
                .append_pair("client_assertion", &assertion);
        }
    }
    if !credentials.scopes.is_empty() {
        form.append_pair("scope", &credentials.scopes.join(" "));
    }
    if !credentials.audience.is_empty() {
        form.append_pair("audience", &credentials.audience);
    }
    form.extend_pairs(&credentials.parameters);
    let body = Bytes::from(form.finish());
    Ok(PreparedRequest {
        method: HttpMethod::Post,
        url,
        headers,
        body,
        transport,
        credentials: None,
        masks: Masks::default(),
    })
}

/// Everything secret in the token request, but for a signed assertion, which serves once.
pub(super) fn secrets(credentials: &ClientCredentials) -> Masks {
    let secret = credentials.proof.secret().expose();
    let basic = Header::basic(&encoded(&credentials.client_id), &encoded(secret)).value;
    let basic = basic.rsplit(' ').next().unwrap_or_default();
    let parameters = credentials.parameters.iter().filter(|(name, _)| is_sensitive_header(name));
    let of_url = secrets_of_url(&credentials.token_url);
    let values = [secret, basic].into_iter().chain(parameters.map(|(_, value)| value.as_str()));
    Masks::of(values.chain(of_url.iter().map(|value| &**value)))
}

/// A part of the client's Basic credentials, encoded as RFC 6749 section 2.3.1 says.
fn encoded(part: &str) -> String {
    byte_serialize(part.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_model::{OsEntropy, Secret};

    fn made(proof: ClientProof) -> (PreparedRequest, String) {
        let credentials = ClientCredentials {
            token_url: "https://auth.example.com/token".into(),
            client_id: "cli/ent".into(),
            proof,
            scopes: vec!["a:read".into(), "b".into()],
            audience: "https://api.example.com".into(),
            parameters: [("resource".into(), "x y".into())].into(),
        };
        let request = form(&credentials, Arc::default(), Timestamp::default(), &OsEntropy).unwrap();
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        (request, body)
    }

    const REST: &str = "scope=a%3Aread+b&audience=https%3A%2F%2Fapi.example.com&resource=x+y";

    #[test]
    fn the_secret_goes_in_the_header_or_in_the_body_and_nowhere_else() {
        let (request, body) = made(ClientProof::Basic(Secret::new("p%s:w")));
        assert_eq!(body, format!("grant_type=client_credentials&{REST}"));
        let header = request.headers.iter().find(|header| header.name == "Authorization").unwrap();
        assert_eq!(header.value, Header::basic("cli%2Fent", "p%25s%3Aw").value);
        let (request, body) = made(ClientProof::Post(Secret::new("p%s:w")));
        assert_eq!(body, format!("grant_type=client_credentials&client_id=cli%2Fent&client_secret=p%25s%3Aw&{REST}"));
        assert!(request.headers.iter().all(|header| header.name != "Authorization"));
    }

    #[test]
    fn the_key_makes_an_assertion() {
        let key = Secret::new(include_str!("../tests/keys/ed25519.pem"));
        let (_, body) = made(ClientProof::Key { private_key_pem: key, key_id: String::new() });
        let start = "grant_type=client_credentials&client_id=cli%2Fent&client_assertion_type=urn%3Aietf%3Aparams%3A\
                     oauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=ey";
        assert!(body.starts_with(start) && body.ends_with(REST), "{body}");
    }

    #[test]
    fn the_certificate_of_a_token_server_is_always_checked() {
        let insecure = TransportPolicy { insecure_skip_verify: true, ..TransportPolicy::default() };
        assert!(!transport(&Arc::new(insecure)).insecure_skip_verify);
    }
}
