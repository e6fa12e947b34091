//! `Debug` of the messages that carry a secret: the generated one would print it into logs.
//!
//! The generator leaves `Debug` out for these (`SECRET_MESSAGES` there), so one that is
//! forgotten here does not compile, and neither does one of which a field is. An empty secret prints
//! as `""`: that it is absent is no secret.

use std::fmt::{Debug, Formatter, Result};

use crate::tenterhook::v1::{
    BasicAuthentication, CreateTokenResponse, CreateWebhookRequest, CreateWebhookResponse, HeaderTemplate,
    OAuth2ClientCredentials, RequestTemplate, RotateSigningKeyRequest, RotateSigningKeyResponse, TransportPolicy,
};

/// `Debug` of a message with all of its fields; what is shown of a secret one is what the function after it returns.
macro_rules! redacted {
    ($message:ident { $($field:ident $(by $show:ident)?),+ $(,)? }) => {
        impl Debug for $message {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                let Self { $($field),+ } = self;
                f.debug_struct(stringify!($message))
                    $(.field(stringify!($field), &redacted!(@ $field $($show)?)))+
                    .finish()
            }
        }
    };
    (@ $field:ident) => { $field };
    (@ $field:ident $show:ident) => { $show($field) };
}

/// What stands for a secret.
fn hide(secret: &str) -> &'static str {
    if secret.is_empty() { "" } else { "***" }
}

/// A URL whose query may hold a secret.
fn hide_query(url: &str) -> String {
    url.split_once('?').map_or_else(|| url.to_owned(), |(url, _)| format!("{url}?***"))
}

redacted!(BasicAuthentication { username, password by hide });
redacted!(CreateTokenResponse { token, secret by hide });
redacted!(CreateWebhookRequest { webhook, signing_secret by hide, request_id, validate_only });
redacted!(CreateWebhookResponse { webhook, signing_secret by hide });
// Every value: a secret need not have the name of one.
redacted!(HeaderTemplate { name, value by hide, sensitive });
redacted!(OAuth2ClientCredentials {
    token_url,
    client_id,
    client_authentication,
    client_secret by hide,
    private_key_pem by hide,
    key_id,
    scopes,
    audience,
    parameters,
});
redacted!(RequestTemplate {
    url by hide_query,
    allowed_hosts,
    method,
    content_type,
    additional_headers by hide,
    headers,
    body,
    undefined_behavior,
    body_format,
    cloudevents_source,
});
redacted!(RotateSigningKeyRequest {
    webhook_id,
    signing_secret by hide,
    grace_period,
    request_id,
    algorithm,
    display_name,
    namespace,
});
redacted!(RotateSigningKeyResponse { webhook, signing_secret by hide });
redacted!(TransportPolicy {
    attempt_timeout,
    ca_certificates_pem,
    insecure_skip_verify,
    client_certificate_pem,
    client_private_key_pem by hide,
    trust_system_roots,
    proxy,
});
