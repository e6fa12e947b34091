//! A tunnel through an HTTP proxy (RFC 9110 section 9.3.6).

use tenterhook_model::{Header, Proxy};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::blame::ProxyFailure;
use super::destination::Destination;

/// Bytes of the head of an answer to CONNECT.
const HEAD_BYTES: usize = 16 * 1_024;
/// Bytes that are read at a time.
const READ_BYTES: usize = 1_024;
/// What ends a head (RFC 9112 section 2.1).
const END: &[u8] = b"\r\n\r\n";

/// Asks for a tunnel to `destination`.
///
/// # Errors
/// When there is none.
pub(super) async fn tunnel<S>(proxy: &Proxy, stream: &mut S, destination: &Destination) -> Result<(), ProxyFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = format!("CONNECT {destination} HTTP/1.1\r\nHost: {destination}\r\n");
    if let Some((user, password)) = &proxy.credentials {
        let value = Header::basic(user, password.expose()).value;
        request.push_str(&format!("Proxy-Authorization: {value}\r\n"));
    }
    request.push_str("\r\n");
    let broken = |_| failed(proxy, "closed the connection");
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let head = head(proxy, stream).await?;
    judge(proxy, status(&head), destination)
}

/// The head of the answer. Nobody speaks in the tunnel before this server does, so nothing may follow.
async fn head<S: AsyncRead + Unpin>(proxy: &Proxy, stream: &mut S) -> Result<Vec<u8>, ProxyFailure> {
    let (mut head, mut part) = (Vec::new(), [0; READ_BYTES]);
    loop {
        let read = stream.read(&mut part).await.unwrap_or_default();
        if read == 0 {
            return Err(failed(proxy, "closed the connection"));
        }
        head.extend_from_slice(&part[..read]);
        if let Some(at) = head.windows(END.len()).position(|window| window == END) {
            let is_tunnel = status(&head).is_some_and(|status| (200..300).contains(&status));
            if is_tunnel && at + END.len() < head.len() {
                return Err(failed(proxy, "sent something before the receiver could"));
            }
            return Ok(head);
        }
        if head.len() > HEAD_BYTES || !b"HTTP/1.".starts_with(&head[..head.len().min(7)]) {
            return Err(failed(proxy, "does not speak HTTP/1.1"));
        }
    }
}

/// The status of a head.
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?.get(1..)?.strip_prefix(b" ")?;
    let (digits, rest) = rest.split_at_checked(3)?;
    let is_number = digits.iter().all(u8::is_ascii_digit) && !rest.first().is_some_and(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

fn judge(proxy: &Proxy, status: Option<u16>, destination: &Destination) -> Result<(), ProxyFailure> {
    let (destination, answer) = (destination.brief(), status.unwrap_or_default().to_string());
    match status {
        Some(200..=299) => Ok(()),
        Some(401 | 407) => Err(ProxyFailure::wants_credentials(&proxy.to_string())),
        Some(403 | 405 | 451) => Err(ProxyFailure::Forbidden { destination, answer }),
        // What proxies answer when the receiver does not (RFC 9110 sections 15.6.3 to 15.6.5).
        Some(502..=504) => Err(ProxyFailure::Unreachable { destination, answer }),
        Some(_) => Err(failed(proxy, &format!("answered CONNECT with {answer}"))),
        None => Err(failed(proxy, "does not speak HTTP/1.1")),
    }
}

fn failed(proxy: &Proxy, what: &str) -> ProxyFailure {
    ProxyFailure::Proxy { proxy: proxy.to_string(), what: what.to_owned() }
}
