//! How requests authenticate to the receiver, between the wire and the model. Secrets stay behind.

use std::collections::BTreeMap;

use tenterhook_model::mask::MASK;
use tenterhook_model::sensitive::is_sensitive_header;
use tenterhook_model::url_secrets::mask_url;
use tenterhook_model::{
    Authentication, BasicCredentials, ClientCredentials, ClientProof, Secret, TargetUrl, TargetUrlError, limits,
};
use tenterhook_proto::tenterhook::v1::{self, ClientAuthentication as Wire, authentication::Method};

use super::request::unmasked_url;
use crate::check::Check;

/// Parameters of the token request that have fields of their own, or that the server sets.
const OWN_PARAMETERS: [&str; 7] =
    ["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "audience"];

/// The authentication at this place; secrets that are sent empty keep the value that `stored` has.
pub(crate) fn read_authentication(
    check: &mut Check,
    authentication: v1::Authentication,
    stored: Option<&Authentication>,
) -> Option<Authentication> {
    match authentication.method? {
        Method::Basic(basic) => {
            let stored = match stored {
                Some(Authentication::Basic(stored)) => Some(&stored.password),
                _ => None,
            };
            Some(Authentication::Basic(check.within("basic", |check| read_basic(check, basic, stored))))
        }
        Method::Oauth2(oauth2) => {
            let stored = match stored {
                Some(Authentication::OAuth2(stored)) => Some(stored),
                _ => None,
            };
            Some(Authentication::OAuth2(check.within("oauth2", |check| read_oauth2(check, oauth2, stored))))
        }
    }
}

fn read_basic(check: &mut Check, basic: v1::BasicAuthentication, stored: Option<&Secret>) -> BasicCredentials {
    if basic.username.is_empty() {
        check.refuse("username", "must not be empty");
    }
    if basic.username.contains(':') {
        check.refuse("username", "must not have a colon, which ends it (RFC 7617 section 2)");
    }
    check_credential(check, "username", &basic.username);
    check_credential(check, "password", &basic.password);
    let password = secret(check, "password", basic.password, stored);
    BasicCredentials { username: basic.username, password }
}

fn read_oauth2(
    check: &mut Check,
    oauth2: v1::OAuth2ClientCredentials,
    stored: Option<&ClientCredentials>,
) -> ClientCredentials {
    let token_url = unmasked_url(check, "token_url", &oauth2.token_url, stored.map_or("", |stored| &stored.token_url));
    if let Err(error) = TargetUrl::parse(&token_url) {
        let message = match error {
            TargetUrlError::UserInfo => "has a user name or password; set `client_id` and `client_secret`".to_owned(),
            other => other.to_string(),
        };
        check.refuse("token_url", message);
    }
    if oauth2.client_id.is_empty() {
        check.refuse("client_id", "must not be empty");
    }
    for (name, text) in [("client_id", &oauth2.client_id), ("key_id", &oauth2.key_id), ("audience", &oauth2.audience)] {
        check_credential(check, name, text);
    }
    check.within("scopes", |check| check_scopes(check, &oauth2.scopes));
    check.within("parameters", |check| check_parameters(check, &oauth2.parameters));
    let parameters = unmasked_parameters(check, &oauth2.parameters, stored);
    let (scopes, audience, client_id) = (oauth2.scopes.clone(), oauth2.audience.clone(), oauth2.client_id.clone());
    let proof = read_proof(check, oauth2, stored.map(|stored| &stored.proof));
    ClientCredentials { token_url, client_id, proof, scopes, audience, parameters }
}

/// The parameters, with what is stored in place of each `***` of one that is named like a secret.
fn unmasked_parameters(
    check: &mut Check,
    parameters: &BTreeMap<String, String>,
    stored: Option<&ClientCredentials>,
) -> BTreeMap<String, String> {
    let mut unmasked = |(name, value): (&String, &String)| {
        let is_masked = value == MASK && is_sensitive_header(name);
        let kept = stored.and_then(|stored| stored.parameters.get(name)).filter(|_| is_masked);
        if is_masked && kept.is_none() {
            check.refuse("parameters", format!("has `***` for {name}, of which no value is stored; send its value"));
        }
        (name.clone(), kept.unwrap_or(value).clone())
    };
    parameters.iter().map(&mut unmasked).collect()
}

fn read_proof(check: &mut Check, oauth2: v1::OAuth2ClientCredentials, stored: Option<&ClientProof>) -> ClientProof {
    let way = Wire::try_from(oauth2.client_authentication).unwrap_or_else(|_| {
        check.refuse("client_authentication", "must be one of BASIC, POST and PRIVATE_KEY_JWT");
        Wire::Unspecified
    });
    if way == Wire::PrivateKeyJwt {
        if !oauth2.client_secret.is_empty() {
            check.refuse("client_secret", "must be empty with PRIVATE_KEY_JWT, which uses `private_key_pem`");
        }
        if oauth2.private_key_pem.len() > limits::PEM_BYTES {
            check.refuse("private_key_pem", format!("must have at most {} bytes", limits::PEM_BYTES));
        }
        let stored = stored.filter(|stored| matches!(stored, ClientProof::Key { .. }));
        let private_key_pem = secret(check, "private_key_pem", oauth2.private_key_pem, stored.map(ClientProof::secret));
        return ClientProof::Key { private_key_pem, key_id: oauth2.key_id };
    }
    for (name, text) in [("private_key_pem", &oauth2.private_key_pem), ("key_id", &oauth2.key_id)] {
        if !text.is_empty() {
            check.refuse(name, "is used only with `client_authentication` PRIVATE_KEY_JWT; leave it empty or set that");
        }
    }
    check_credential(check, "client_secret", &oauth2.client_secret);
    let stored = stored.filter(|stored| !matches!(stored, ClientProof::Key { .. }));
    let secret = secret(check, "client_secret", oauth2.client_secret, stored.map(ClientProof::secret));
    if way == Wire::Post { ClientProof::Post(secret) } else { ClientProof::Basic(secret) }
}

/// The secret of the field `name`: the one that was sent, or else the one that is stored.
fn secret(check: &mut Check, name: &'static str, sent: String, stored: Option<&Secret>) -> Secret {
    match stored {
        _ if !sent.is_empty() => Secret::new(sent),
        Some(stored) => stored.clone(),
        None => {
            check.refuse(name, "must not be empty: there is no stored value of it to keep");
            Secret::default()
        }
    }
}

fn check_credential(check: &mut Check, name: &'static str, text: &str) {
    check.bytes(name, text, limits::CREDENTIAL_BYTES);
    if text.chars().any(char::is_control) {
        check.refuse(name, "must not have a line break or another control character");
    }
}

/// Scopes are what RFC 6749 section 3.3 allows: blanks are between them.
fn check_scopes(check: &mut Check, scopes: &[String]) {
    check.count("", scopes.len(), limits::TOKEN_REQUEST_ITEMS);
    let is_legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    for (index, scope) in scopes.iter().enumerate() {
        check.item(index, |check| {
            check.bytes("", scope, limits::CREDENTIAL_BYTES);
            if scope.is_empty() || !scope.bytes().all(is_legal) {
                check.refuse_here("must be one scope: ASCII without blanks, quotes and backslashes");
            }
        });
    }
}

fn check_parameters(check: &mut Check, parameters: &BTreeMap<String, String>) {
    check.count("", parameters.len(), limits::TOKEN_REQUEST_ITEMS);
    for (name, value) in parameters {
        check.bytes("", name, limits::CREDENTIAL_BYTES);
        check.bytes("", value, limits::CREDENTIAL_BYTES);
        if name.is_empty() {
            check.refuse_here("must not have an empty name");
        }
        if let Some(own) = OWN_PARAMETERS.iter().find(|own| *own == name) {
            check.refuse_here(format!("must not have `{own}`, which the server sets; use the fields of `oauth2`"));
        }
    }
}

/// The authentication on the wire, without its secret.
pub(crate) fn write_authentication(authentication: &Authentication) -> v1::Authentication {
    let method = match authentication {
        Authentication::Basic(basic) => {
            Method::Basic(v1::BasicAuthentication { username: basic.username.clone(), password: String::new() })
        }
        Authentication::OAuth2(credentials) => Method::Oauth2(write_oauth2(credentials)),
    };
    v1::Authentication { method: Some(method) }
}

fn masked_parameter((name, value): (&String, &String)) -> (String, String) {
    let is_masked = !value.is_empty() && is_sensitive_header(name);
    (name.clone(), if is_masked { MASK.to_owned() } else { value.clone() })
}

fn write_oauth2(credentials: &ClientCredentials) -> v1::OAuth2ClientCredentials {
    let (way, key_id) = match &credentials.proof {
        ClientProof::Basic(_) => (Wire::Basic, ""),
        ClientProof::Post(_) => (Wire::Post, ""),
        ClientProof::Key { key_id, .. } => (Wire::PrivateKeyJwt, key_id.as_str()),
    };
    v1::OAuth2ClientCredentials {
        token_url: mask_url(&credentials.token_url).into_owned(),
        client_id: credentials.client_id.clone(),
        client_authentication: way.into(),
        client_secret: String::new(),
        private_key_pem: String::new(),
        key_id: key_id.to_owned(),
        scopes: credentials.scopes.clone(),
        audience: credentials.audience.clone(),
        parameters: credentials.parameters.iter().map(masked_parameter).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    fn read(method: Method, stored: Option<&Authentication>) -> Result<Authentication, Vec<(String, String)>> {
        let mut check = Check::new();
        let wire = v1::Authentication { method: Some(method) };
        let read = check.within("a", |check| read_authentication(check, wire, stored));
        match check.finish() {
            Ok(()) => Ok(read.expect("a method is set")),
            Err(Refusal::Faults(faults)) => Err(faults.into_iter().map(|fault| (fault.field, fault.message)).collect()),
            Err(_) => unreachable!("a check ends with faults"),
        }
    }

    fn fields(method: Method) -> Vec<String> {
        read(method, None).unwrap_err().into_iter().map(|(field, _)| field).collect()
    }

    fn basic(username: &str, password: &str) -> Method {
        Method::Basic(v1::BasicAuthentication { username: username.into(), password: password.into() })
    }

    fn oauth2(way: Wire, secret: &str, key: &str) -> v1::OAuth2ClientCredentials {
        v1::OAuth2ClientCredentials {
            token_url: "https://auth.example.com/token".into(),
            client_id: "c".into(),
            client_authentication: way.into(),
            client_secret: secret.into(),
            private_key_pem: key.into(),
            scopes: vec!["a".into()],
            audience: "https://api.example.com".into(),
            parameters: [("resource".into(), "x".into())].into(),
            ..Default::default()
        }
    }

    #[test]
    fn every_method_comes_back_without_its_secret_and_keeps_it() {
        let methods = [
            basic("u", "hunter2"),
            Method::Oauth2(oauth2(Wire::Basic, "hunter2", "")),
            Method::Oauth2(oauth2(Wire::Post, "hunter2", "")),
            Method::Oauth2(v1::OAuth2ClientCredentials {
                key_id: "k".into(),
                ..oauth2(Wire::PrivateKeyJwt, "", "hunter2")
            }),
        ];
        for method in methods {
            let stored = read(method, None).unwrap();
            let shown = write_authentication(&stored);
            assert!(!format!("{stored:?} {shown:?}").contains("hunter2"));
            assert_eq!(read(shown.method.unwrap(), Some(&stored)).unwrap(), stored);
        }
    }

    #[test]
    fn a_secret_is_kept_only_in_the_place_of_one_of_its_kind() {
        let stored = read(Method::Oauth2(oauth2(Wire::Basic, "hunter2", "")), None).unwrap();
        assert!(read(Method::Oauth2(oauth2(Wire::Post, "", "")), Some(&stored)).is_ok());
        let key = read(Method::Oauth2(oauth2(Wire::PrivateKeyJwt, "", "")), Some(&stored)).unwrap_err();
        assert_eq!(key[0].0, "a.oauth2.private_key_pem");
        assert_eq!(read(basic("u", ""), Some(&stored)).unwrap_err()[0].0, "a.basic.password");
    }

    #[test]
    fn everything_wrong_is_found_at_once() {
        assert_eq!(fields(basic("a:b\n", "")), ["a.basic.username", "a.basic.username", "a.basic.password"]);
        let wrong = v1::OAuth2ClientCredentials {
            token_url: "https://u:hunter2@auth.example.com/".into(),
            client_id: String::new(),
            client_authentication: 99,
            key_id: "k".into(),
            scopes: vec!["a b".into()],
            parameters: [("scope".into(), "x".into())].into(),
            ..oauth2(Wire::Basic, "", "")
        };
        let names =
            ["token_url", "client_id", "scopes[0]", "parameters", "client_authentication", "key_id", "client_secret"];
        assert_eq!(fields(Method::Oauth2(wrong.clone())), names.map(|name| format!("a.oauth2.{name}")));
        let messages = read(Method::Oauth2(wrong), None).unwrap_err();
        assert!(messages[0].1.contains("client_secret") && messages.iter().all(|(_, text)| !text.contains("hunter2")));
    }

    #[test]
    fn texts_and_lists_are_limited_at_their_values() {
        let most = "x".repeat(limits::CREDENTIAL_BYTES);
        assert!(read(basic(&most, &most), None).is_ok());
        let more = format!("{most}x");
        assert_eq!(fields(basic(&more, &more)), ["a.basic.username", "a.basic.password"]);
        let scopes =
            |count| v1::OAuth2ClientCredentials { scopes: vec!["s".into(); count], ..oauth2(Wire::Post, "x", "") };
        assert!(read(Method::Oauth2(scopes(limits::TOKEN_REQUEST_ITEMS)), None).is_ok());
        assert_eq!(fields(Method::Oauth2(scopes(limits::TOKEN_REQUEST_ITEMS + 1))), ["a.oauth2.scopes"]);
    }

    #[test]
    fn an_empty_message_is_no_authentication() {
        assert_eq!(read_authentication(&mut Check::new(), v1::Authentication { method: None }, None), None);
    }
}
