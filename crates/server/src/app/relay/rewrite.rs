//! A request on its way to another node, and back to what it was there.
//!
//! Nodes speak HTTP/2 with each other. What came in HTTP/1.1 says so on its connection, and becomes that again
//! where it is answered: no rule of the front depends on the way.

use hyper::header::{CONNECTION, EXPECT, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, Scheme};
use hyper::{HeaderMap, Request, Uri, Version};

/// What stands for the host of a request of HTTP/1.1 that names none, or several (RFC 6761 section 6.4).
const NO_HOST: &str = "none.invalid";
/// Headers of a connection and not of a request (RFC 9110 section 7.6.1), and the one that was answered on it.
const OF_CONNECTION: [HeaderName; 7] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// The request as another node takes it. One that was made so already stays as it is.
pub(super) fn for_a_node<B>(mut head: Parts, body: B) -> Request<B> {
    remove_those_of_the_connection(&mut head.headers);
    if head.version < Version::HTTP_2 {
        head.uri = absolute(&head.uri, &head.headers);
        head.headers.remove(HOST);
        head.version = Version::HTTP_2;
    }
    Request::from_parts(head, body)
}

/// A request of HTTP/1.1 that another node has handed on, as that got it.
pub(super) fn as_it_came<B>(request: Request<B>) -> Request<B> {
    let (mut head, body) = request.into_parts();
    head.version = Version::HTTP_11;
    head.headers.remove(HOST);
    if let Some(host) = head.uri.authority().map(Authority::as_str).filter(|host| *host != NO_HOST)
        && let Ok(host) = HeaderValue::from_str(host)
    {
        head.headers.insert(HOST, host);
    }
    head.uri = head.uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
    Request::from_parts(head, body)
}

/// The target of a request of HTTP/1.1 with the host that it names.
fn absolute(uri: &Uri, headers: &HeaderMap) -> Uri {
    let mut hosts = headers.get_all(HOST).iter();
    let named = match (uri.authority(), hosts.next(), hosts.next()) {
        (Some(authority), ..) => Some(authority.clone()),
        (None, Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        (None, ..) => None,
    };
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(parts.scheme.unwrap_or(Scheme::HTTP));
    parts.authority = Some(named.unwrap_or_else(|| Authority::from_static(NO_HOST)));
    if parts.path_and_query.is_none() {
        parts.path_and_query = Some(hyper::http::uri::PathAndQuery::from_static("/"));
    }
    Uri::from_parts(parts).unwrap_or_default()
}

fn remove_those_of_the_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_CONNECTION) {
        headers.remove(name);
    }
    // gRPC needs this one, and HTTP/2 allows no other value (RFC 9113 section 8.2.2).
    if headers.get(TE).is_some_and(|value| value != "trailers") {
        headers.remove(TE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&str, &str)]) -> Request<()> {
        let request = Request::get(target).version(Version::HTTP_11);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
    }

    /// There and back.
    fn sent(request: Request<()>) -> (Uri, Request<()>) {
        let (head, body) = request.into_parts();
        let there = for_a_node(head, body);
        assert_eq!((there.version(), there.headers().get(HOST)), (Version::HTTP_2, None));
        (there.uri().clone(), as_it_came(there))
    }

    #[test]
    fn a_request_of_http_1_is_the_same_on_the_other_node() {
        let (there, back) = sent(request("/v1/events?a=b", &[("host", "hooks.example:50051"), ("x-a", "b")]));
        assert_eq!(there, "http://hooks.example:50051/v1/events?a=b");
        assert_eq!((back.uri(), back.version()), (&Uri::from_static("/v1/events?a=b"), Version::HTTP_11));
        assert_eq!(back.headers()[HOST], "hooks.example:50051");
        assert_eq!(back.headers()["x-a"], "b");
    }

    #[test]
    fn a_request_that_names_no_host_or_two_names_none_there() {
        for headers in [&[][..], &[("host", "localhost"), ("host", "other")], &[("host", "a b")]] {
            let (there, back) = sent(request("/console/", headers));
            assert_eq!(there.host(), Some(NO_HOST), "{headers:?}");
            assert!(back.headers().get(HOST).is_none());
        }
    }

    #[test]
    fn headers_of_the_connection_stay_on_it() {
        let of_connection = [
            ("connection", "keep-alive, X-Own"),
            ("x-own", "1"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
        ];
        let (_, back) = sent(request("/", &of_connection));
        assert!(back.headers().is_empty(), "{:?}", back.headers());
    }

    #[test]
    fn a_request_of_http_2_goes_as_it_is() {
        let original = Request::post("https://hooks.example/a.B/C")
            .version(Version::HTTP_2)
            .header("te", "trailers")
            .header("host", "other")
            .body(())
            .unwrap();
        let (head, body) = original.into_parts();
        let expected = (head.uri.clone(), head.headers.clone());
        let there = for_a_node(head, body);
        let (again, body) = there.into_parts();
        let there = for_a_node(again, body);
        assert_eq!((there.uri().clone(), there.headers().clone()), expected);
    }
}
