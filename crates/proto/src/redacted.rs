//! `Debug` of the messages that carry a secret: the generated one would print it into logs.
//!
//! The generator leaves `Debug` out for these (`SECRET_MESSAGES` there), so one that is
//! forgotten here does not compile. An empty secret prints as `""`: that it is absent is no secret.

use std::fmt::{Debug, Formatter, Result};

use crate::tenterhook::v1::{
    BasicAuthentication, CreateTokenResponse, CreateWebhookRequest, CreateWebhookResponse, HeaderTemplate,
    OAuth2ClientCredentials, RequestTemplate, RotateSigningKeyRequest, RotateSigningKeyResponse, TransportPolicy,
};

/// What stands for a secret.
fn hide(secret: &str) -> &'static str {
    if secret.is_empty() { "" } else { "***" }
}

impl Debug for BasicAuthentication {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("BasicAuthentication")
            .field("username", &self.username)
            .field("password", &hide(&self.password))
            .finish()
    }
}

impl Debug for CreateTokenResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("CreateTokenResponse").field("token", &self.token).field("secret", &hide(&self.secret)).finish()
    }
}

impl Debug for CreateWebhookRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("CreateWebhookRequest")
            .field("webhook", &self.webhook)
            .field("signing_secret", &hide(&self.signing_secret))
            .field("request_id", &self.request_id)
            .field("validate_only", &self.validate_only)
            .finish()
    }
}

impl Debug for CreateWebhookResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("CreateWebhookResponse")
            .field("webhook", &self.webhook)
            .field("signing_secret", &hide(&self.signing_secret))
            .finish()
    }
}

impl Debug for HeaderTemplate {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        // Of every header: a secret need not have the name of one.
        f.debug_struct("HeaderTemplate")
            .field("name", &self.name)
            .field("value", &hide(&self.value))
            .field("sensitive", &self.sensitive)
            .finish()
    }
}

impl Debug for OAuth2ClientCredentials {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("OAuth2ClientCredentials")
            .field("token_url", &self.token_url)
            .field("client_id", &self.client_id)
            .field("client_authentication", &self.client_authentication)
            .field("client_secret", &hide(&self.client_secret))
            .field("private_key_pem", &hide(&self.private_key_pem))
            .field("key_id", &self.key_id)
            .field("scopes", &self.scopes)
            .field("audience", &self.audience)
            .field("parameters", &self.parameters)
            .finish()
    }
}

impl Debug for RequestTemplate {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (url, query) = self.url.split_once('?').map_or((&*self.url, ""), |(url, _)| (url, "?***"));
        f.debug_struct("RequestTemplate")
            .field("url", &format_args!("{url:?}{query}"))
            .field("allowed_hosts", &self.allowed_hosts)
            .field("method", &self.method)
            .field("content_type", &self.content_type)
            .field("additional_headers", &hide(&self.additional_headers))
            .field("headers", &self.headers)
            .field("body", &self.body)
            .field("undefined_behavior", &self.undefined_behavior)
            .finish()
    }
}

impl Debug for RotateSigningKeyRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("RotateSigningKeyRequest")
            .field("webhook_id", &self.webhook_id)
            .field("signing_secret", &hide(&self.signing_secret))
            .field("grace_period", &self.grace_period)
            .field("request_id", &self.request_id)
            .finish()
    }
}

impl Debug for RotateSigningKeyResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("RotateSigningKeyResponse")
            .field("webhook", &self.webhook)
            .field("signing_secret", &hide(&self.signing_secret))
            .finish()
    }
}

impl Debug for TransportPolicy {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("TransportPolicy")
            .field("attempt_timeout", &self.attempt_timeout)
            .field("ca_certificates_pem", &self.ca_certificates_pem)
            .field("insecure_skip_verify", &self.insecure_skip_verify)
            .field("client_certificate_pem", &self.client_certificate_pem)
            .field("client_private_key_pem", &hide(&self.client_private_key_pem))
            .field("trust_system_roots", &self.trust_system_roots)
            .field("proxy", &self.proxy)
            .finish()
    }
}
