//! What the front asks: a page, a session, the key of a call.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE as COOKIES};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, request};
use serde::Deserialize;
use tenterhook_model::{Clock, Entropy, Secret};

use crate::known_hosts::KnownHosts;
use crate::pages::Page;
use crate::responses::{self, COOKIE};
use crate::sessions::Sessions;
use crate::{PATH, SIGN_IN_BYTES_MAX};

/// The path below the console's at which sessions are opened and closed.
const SESSION: &str = "session";
/// What browsers say of a call by a page of the same origin (Fetch Metadata, "Sec-Fetch-Site").
const SITE: &str = "sec-fetch-site";
/// The content type of calls; no form of another site can send it.
const GRPC_WEB: &[u8] = b"application/grpc-web+proto";

/// Whether the server knows a key, now.
pub type KnowsKey = Arc<dyn Fn(&Secret) -> bool + Send + Sync>;

/// What a console needs.
pub struct ConsoleSettings {
    /// The host names that it answers for.
    pub hosts: KnownHosts,
    /// Whether the server knows a key.
    pub knows_key: KnowsKey,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where tokens come from.
    pub entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for ConsoleSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleSettings").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// The console of a server. Clones share its sessions.
#[derive(Clone)]
pub struct Console {
    hosts: KnownHosts,
    knows_key: KnowsKey,
    sessions: Sessions,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// The body of a sign-in.
#[derive(Deserialize)]
struct SignIn {
    key: Secret,
}

impl Console {
    /// A console without sessions.
    pub fn new(settings: ConsoleSettings) -> Self {
        let ConsoleSettings { hosts, knows_key, clock, entropy } = settings;
        Self { hosts, knows_key, sessions: Sessions::new(clock, entropy) }
    }

    /// Answers a request for a path that the console [owns](crate::owns). `body` is what a sign-in
    /// sent, empty for all else.
    pub fn answer(&self, request: &request::Parts, body: &[u8]) -> Response<Bytes> {
        if self.hosts.known(&request.uri, &request.headers).is_none() {
            let why = "this host name is not known here; the server learns it by --console-host";
            return responses::refused(StatusCode::MISDIRECTED_REQUEST, why);
        }
        let below = request.uri.path().strip_prefix(PATH).unwrap_or_default();
        match (below.strip_prefix('/'), &request.method) {
            (None, _) => responses::to_console(),
            (Some(SESSION), &Method::POST) => self.sign_in(request, body),
            (Some(SESSION), &Method::DELETE) => self.sign_out(request),
            (Some(path), &Method::GET) => responses::file(&Page::at(path), &request.headers),
            (Some(path), &Method::HEAD) => responses::file(&Page::at(path), &request.headers).map(|_| Bytes::new()),
            _ => responses::refused(StatusCode::METHOD_NOT_ALLOWED, "this path takes GET and HEAD"),
        }
    }

    /// Whether a request comes from a page of the console.
    pub fn is_own_page(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        self.hosts.is_own_page(uri, headers)
    }

    /// Gives a call of a signed-in page the key of its session. The cookie counts only for a call that
    /// no page of another site can make.
    pub fn authorize(&self, uri: &Uri, headers: &mut HeaderMap) {
        let is_call = headers.get(CONTENT_TYPE).is_some_and(|sent| sent.as_bytes() == GRPC_WEB);
        if !is_call || headers.contains_key(AUTHORIZATION) || !self.is_safe(uri, headers) {
            return;
        }
        let Some(key) = token(headers).and_then(|token| self.sessions.key(token)) else { return };
        if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", key.expose())) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
    }

    fn sign_in(&self, request: &request::Parts, body: &[u8]) -> Response<Bytes> {
        if !self.is_safe(&request.uri, &request.headers) {
            return responses::refused(StatusCode::FORBIDDEN, "only a page of the console signs in");
        }
        let sent = if body.len() > SIGN_IN_BYTES_MAX { None } else { serde_json::from_slice::<SignIn>(body).ok() };
        match sent {
            None => responses::refused(StatusCode::BAD_REQUEST, "the body must be a JSON object with the text `key`"),
            Some(SignIn { key }) if (self.knows_key)(&key) => responses::signed_in(&self.sessions.open(key)),
            Some(_) => responses::refused(StatusCode::UNAUTHORIZED, "the server does not know this key"),
        }
    }

    fn sign_out(&self, request: &request::Parts) -> Response<Bytes> {
        if !self.is_safe(&request.uri, &request.headers) {
            return responses::refused(StatusCode::FORBIDDEN, "only a page of the console signs out");
        }
        if let Some(token) = token(&request.headers) {
            self.sessions.close(token);
        }
        responses::signed_out()
    }

    /// Whether the browser says that a page of the console sent it.
    fn is_safe(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let site = headers.get(SITE).map(HeaderValue::as_bytes);
        site == Some(b"same-origin") && self.is_own_page(uri, headers)
    }
}

/// The token in the cookie of a session.
fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIES).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| token)
}

#[cfg(test)]
#[path = "console_tests.rs"]
mod tests;
