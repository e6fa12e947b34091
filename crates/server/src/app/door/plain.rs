//! A client that speaks no TLS to a port that does: it is told so in HTTP/1.1, whatever it speaks.
//!
//! HTTP/2 has words for it too, a GOAWAY with debug data. Clients of gRPC read them only after SETTINGS, and then
//! they have connected: they send their key, and connect again at once for ever. What is no HTTP/2 ends their
//! connection before that, and their errors name the HTTP/1.1 that came (decision 148).

use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, copy, sink};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANSWER: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 40\r\n\r\n\
    This port speaks TLS: call it https://.\n";

/// Whether what comes is a method of HTTP/1.1 or the preface of HTTP/2, which both begin with a capital letter. A
/// record of TLS does not (RFC 8446 section 5.1).
///
/// # Cancel safety
/// Nothing is taken from the stream.
pub(super) async fn is_plain(stream: &TcpStream) -> bool {
    let mut first = [0];
    stream.peek(&mut first).await.is_ok_and(|read| read == 1) && first[0].is_ascii_uppercase()
}

/// Answers, and waits for the client's end, for `linger` at most: closed with bytes unread, the connection could be
/// reset before the answer was read.
pub(super) async fn refuse(mut stream: TcpStream, linger: Duration) {
    let said = async {
        stream.write_all(ANSWER).await?;
        stream.shutdown().await?;
        copy(&mut stream, &mut sink()).await
    };
    // A client that has gone, or does not go, changes nothing.
    let _ = timeout(linger, said).await;
}
