//! Header names as they came over HTTP/1.1, where their case is the sender's: receivers that read raw bytes care.

use std::collections::HashMap;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::Extensions;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};

/// Bytes of a head that are written at once; more than hyper takes from a sender.
const HEAD_BYTES: usize = 1024 * 1024;
/// What ends a head.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A header with its name as it came.
pub type Spelled = (String, HeaderValue);

/// How the names of one request were written.
///
/// hyper keeps that in a type of its own, which nothing but its client reads: so the client writes the head into memory.
#[derive(Debug, Clone, Default)]
pub struct Spelling(pub(crate) Extensions);

impl Spelling {
    /// `headers` with their names as they came; over HTTP/2, where all names are in lower case, as they are.
    pub(crate) async fn of(&self, headers: &HeaderMap) -> Vec<Spelled> {
        let head = self.head(headers).await.unwrap_or_default();
        let mut written: HashMap<HeaderName, Vec<String>> = HashMap::new();
        for line in String::from_utf8_lossy(&head).lines().skip(1) {
            if let Some((name, _)) = line.split_once(':')
                && let Ok(known) = name.parse()
            {
                written.entry(known).or_default().push(name.to_owned());
            }
        }
        // The last is taken first.
        written.values_mut().for_each(|names| names.reverse());
        let mut spell = |name: &HeaderName| {
            let names = written.get_mut(name);
            names.and_then(Vec::pop).unwrap_or_else(|| name.to_string())
        };
        headers.iter().map(|(name, value)| (spell(name), value.clone())).collect()
    }

    /// The head that hyper's client writes for these headers.
    async fn head(&self, headers: &HeaderMap) -> Option<Vec<u8>> {
        let (ours, theirs) = duplex(HEAD_BYTES);
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.headers_mut() = headers.clone();
        *request.extensions_mut() = self.0.clone();
        let handshake = http1::Builder::new().preserve_header_case(true).handshake(TokioIo::new(ours));
        let (mut sender, connection) = handshake.await.ok()?;
        let exchange = async { tokio::join!(connection, sender.send_request(request)) };
        // What was written comes first; the response never does.
        tokio::select! { biased;
            head = read(theirs) => head,
            _ = exchange => None,
        }
    }
}

async fn read(mut stream: DuplexStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.windows(HEAD_END.len()).any(|end| end == HEAD_END) {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}
