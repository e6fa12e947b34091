//! The front: which way in a request takes.
//!
//! gRPC goes straight to the API's routes. All else is looked at here first: the origin of a page,
//! the path, the method, the content type. What fits nowhere is refused, and counted as the gate counts.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::future::Either;
use http::header::{ALLOW, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as HttpBody;
use tenterhook_api::access::{Access, NetboxSecrets, lookup};
use tenterhook_api::{PublicKeys, Refusals, Refused, is_grpc};
use tenterhook_console::Console;
use tenterhook_model::WebhookId;
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service;

use crate::console;
use crate::events;
use crate::grpc_web;
use crate::key_set;
use crate::openapi;
use crate::origins::{self, From, Origin, Origins};
use crate::problem::Problem;

/// Takes every request of the listener.
#[derive(Debug, Clone)]
pub struct Front {
    routes: Routes,
    refusals: Refusals,
    origins: Origins,
    console: Option<Console>,
    public_keys: Option<PublicKeys>,
    access: Option<Access>,
}

/// A response, which always comes.
type Answered = Result<Response<Body>, Infallible>;
/// The work on a request that is not gRPC.
type Working = Pin<Box<dyn Future<Output = Answered> + Send>>;
/// The work on a request with a body of type `B`.
pub type Answering<B> = Either<<Routes as Service<Request<B>>>::Future, Working>;

impl Front {
    /// Stands in front of `routes` and counts what it refuses in `refusals`. Pages of the
    /// `allowed` origins may call, and those of the `console`, if there is one.
    pub fn new(routes: Routes, refusals: Refusals, allowed: Vec<Origin>, console: Option<Console>) -> Self {
        Self { routes, refusals, origins: Origins::new(allowed), console, public_keys: None, access: None }
    }

    /// Shows the public keys of webhooks too, to anyone.
    #[must_use]
    pub fn with_public_keys(self, public_keys: PublicKeys) -> Self {
        Self { public_keys: Some(public_keys), ..self }
    }

    /// Asks `access` with which secrets NetBox must sign its requests.
    #[must_use]
    pub fn with_access(self, access: Access) -> Self {
        Self { access: Some(access), ..self }
    }

    /// Answers a request.
    pub fn call<B>(&self, request: Request<B>) -> Answering<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        let is_plain = self.origins.origin(request.headers()) == From::NoPage;
        if is_plain && request.version() >= Version::HTTP_2 && is_grpc(request.headers()) {
            // The routes are always ready.
            return Either::Left(self.routes.clone().call(request));
        }
        let front = self.clone();
        Either::Right(Box::pin(async move { Ok(front.answer(request).await) }))
    }

    async fn answer<B>(self, mut request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        if let Some(problem) = ambiguous(&request) {
            self.refusals.count(request.extensions(), Refused::NotGrpc);
            return problem.response();
        }
        let is_own_page = self.admit(&mut request);
        let origin = match self.origins.origin(request.headers()) {
            From::NoPage => None,
            From::Allowed(origin) => Some(origin),
            From::Forbidden if is_own_page => None,
            From::Forbidden => {
                self.refusals.count(request.extensions(), Refused::Status(Code::PermissionDenied));
                let why = "pages of this origin may not call; the server allows origins by --allow-origin";
                return Problem::new(StatusCode::FORBIDDEN, why).response();
            }
        };
        let Some(origin) = origin else { return self.route(request).await };
        if request.method() == Method::OPTIONS {
            let asked = request.headers().clone();
            let mut response = self.route(request).await;
            origins::allow(&origin, &asked, response.headers_mut());
            return response;
        }
        let mut response = self.route(request).await;
        origins::share(&origin, response.headers_mut());
        response
    }

    /// Whether a page of the console sent a request; one that is signed in is given its key.
    fn admit<B>(&self, request: &mut Request<B>) -> bool {
        let Some(console) = &self.console else { return false };
        let uri = request.uri().clone();
        console.authorize(&uri, request.headers_mut());
        console.is_own_page(&uri, request.headers())
    }

    async fn route<B>(self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        if let Some(console) = self.console.as_ref().filter(|_| console::owns(request.uri().path())) {
            return console::answer(console, request).await;
        }
        let Some(path) = Path::of(request.uri().path()) else {
            self.refusals.count(request.extensions(), Refused::NotGrpc);
            return Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path").response();
        };
        if request.method() == Method::OPTIONS {
            return options(path.methods());
        }
        let extensions = request.extensions().clone();
        let answered = match (path, request.method()) {
            (Path::Method, &Method::POST) => self.grpc_web(request).await,
            (Path::Events, &Method::POST) => events::publish(self.routes, request.map(Box::pin)).await,
            (Path::Netbox, &Method::POST) => {
                let secrets = self.netbox_secrets(&request);
                events::publish_netbox(self.routes, secrets, request.map(Box::pin)).await
            }
            (Path::Description, &Method::GET | &Method::HEAD) => return openapi::answer(request.method()),
            (Path::KeySet(id), &Method::GET | &Method::HEAD) => return self.key_set(id, &request),
            _ => Err(Problem::method(path.methods())),
        };
        answered.unwrap_or_else(|problem| {
            self.refusals.count(&extensions, Refused::NotGrpc);
            problem.response()
        })
    }

    fn netbox_secrets<B>(&self, request: &Request<B>) -> NetboxSecrets {
        let of = |access: &Access| access.netbox_secrets(request.headers(), request.extensions());
        self.access.as_ref().map(of).unwrap_or_default()
    }

    fn key_set<B>(&self, id: WebhookId, request: &Request<B>) -> Response<Body> {
        let none = || Err(Status::unimplemented("public keys are not shown here"));
        match self.public_keys.as_ref().map_or_else(none, |keys| keys.of(id)) {
            Ok(keys) => key_set::answer(request.method(), &keys),
            Err(status) => {
                self.refusals.count(request.extensions(), Refused::Status(status.code()));
                Problem::of(&status).response()
            }
        }
    }

    async fn grpc_web<B>(&self, request: Request<B>) -> Result<Response<Body>, Problem>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        if grpc_web::is_grpc_web(request.headers()) {
            let Ok(response) = self.routes.clone().call(grpc_web::call(request)).await;
            return Ok(grpc_web::answer(response));
        }
        let why = if is_grpc(request.headers()) && request.version() < Version::HTTP_2 {
            "gRPC needs HTTP/2; over HTTP/1.1 there is gRPC-Web"
        } else {
            "this path takes application/grpc, and application/grpc-web in its binary form"
        };
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why))
    }
}

/// The paths that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// A method of gRPC.
    Method,
    /// Takes events.
    Events,
    /// Takes the requests of NetBox's webhooks as events.
    Netbox,
    /// Describes the paths of plain HTTP.
    Description,
    /// Shows the public keys of a webhook.
    KeySet(WebhookId),
}

impl Path {
    fn of(path: &str) -> Option<Self> {
        match path {
            events::PATH => Some(Self::Events),
            events::NETBOX_PATH => Some(Self::Netbox),
            openapi::PATH => Some(Self::Description),
            path => key_set::webhook(path).map(Self::KeySet).or_else(|| lookup(path).map(|_| Self::Method)),
        }
    }

    /// The methods of HTTP that it takes.
    fn methods(self) -> &'static str {
        match self {
            Self::Method | Self::Events | Self::Netbox => "POST, OPTIONS",
            Self::Description | Self::KeySet(_) => "GET, HEAD, OPTIONS",
        }
    }
}

/// What is wrong with a request of HTTP/1 that two readers could take for different ones: no host, or one of
/// several (RFC 9112 section 3.2), the body before and after a coding that is not undone here (section 6.1).
fn ambiguous<B>(request: &Request<B>) -> Option<Problem> {
    if request.version() > Version::HTTP_11 {
        return None;
    }
    let headers = request.headers();
    let hosts: Vec<&HeaderValue> = headers.get_all(HOST).iter().collect();
    let codings: Vec<&[u8]> = headers.get_all(TRANSFER_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    let why = match hosts[..] {
        // HTTP/1.0 has none.
        [] if request.version() == Version::HTTP_11 => "there is no Host header; send the host of the URL",
        [host] if !is_host(host) => "the Host header is not `HOST` or `HOST:PORT`; send the host of the URL",
        [_, _, ..] => "there is more than one Host header; send one",
        _ if !codings.is_empty() && !matches!(codings[..], [one] if one.eq_ignore_ascii_case(b"chunked")) => {
            "Transfer-Encoding must be `chunked`, once"
        }
        _ => return None,
    };
    Some(Problem::new(StatusCode::BAD_REQUEST, why).closing())
}

/// Whether a value is a host, with a port or without (RFC 9110 section 7.2): a user belongs to no one here.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(value.as_bytes()) else { return false };
    let host = authority.host();
    let Some(rest) = authority.as_str().strip_prefix(host).filter(|_| !host.is_empty()) else { return false };
    let Some(port) = rest.strip_prefix(':') else { return rest.is_empty() };
    port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok())
}

/// Names the `methods` of a path.
fn options(methods: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(version: Version, hosts: &[&[u8]]) -> bool {
        let mut request = Request::builder().version(version).uri("/v1/events");
        for host in hosts {
            request = request.header(HOST, *host);
        }
        ambiguous(&request.body(()).unwrap()).is_some()
    }

    #[test]
    fn a_request_names_one_host() {
        for good in ["x", "a_b.example", "x:80", "x:", "127.0.0.1:50071", "[::1]", "[::1]:50071", "EXAMPLE.com."] {
            assert!(!refused(Version::HTTP_11, &[good.as_bytes()]), "{good}");
        }
        let odd: [&[u8]; 14] = [
            b"",
            b":80",
            b"a b",
            b"a/",
            b"/",
            b"a?b",
            b"http://a",
            b"me@a",
            b"a:b",
            b"a:80:80",
            b"a:65536",
            b"a:+1",
            b"\xff",
            b"[::1]x",
        ];
        for bad in odd {
            assert!(refused(Version::HTTP_11, &[bad]), "{}", bad.escape_ascii());
            assert!(refused(Version::HTTP_10, &[bad]), "{}", bad.escape_ascii());
            assert!(!refused(Version::HTTP_2, &[bad]), "{}: `:authority` names it", bad.escape_ascii());
        }
        assert!(refused(Version::HTTP_11, &[]) && refused(Version::HTTP_11, &[b"x", b"x"]));
        assert!(!refused(Version::HTTP_10, &[]) && refused(Version::HTTP_10, &[b"x", b"x"]));
    }
}
