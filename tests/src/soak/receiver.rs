//! A receiver with every fault: which one, the path says.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What a receiver may do with a request.
pub(super) const FAULTS: [&str; 9] =
    ["/ok", "/ok-kept", "/error", "/busy", "/cut", "/half", "/silent", "/slow", "/garbage"];
/// How long a receiver is silent; longer than the webhook waits.
const SILENCE: Duration = Duration::from_secs(3);

/// Takes connections until it is dropped.
pub(super) async fn listen(tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            // Those that have ended make room first.
            tokio::select! { biased;
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    connections.spawn(async move {
                        // The server may have gone.
                        let _ = serve(stream).await;
                    });
                }
            }
        }
    });
    address
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let Some((path, length)) = head(&bytes) else {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            continue;
        };
        if bytes.len() < length {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            continue;
        }
        bytes.drain(..length);
        let fine = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n";
        match path.as_str() {
            "/ok-kept" => stream.write_all(format!("{fine}\r\nok").as_bytes()).await?,
            "/ok" => {
                stream.write_all(format!("{fine}connection: close\r\n\r\nok").as_bytes()).await?;
                return Ok(());
            }
            "/error" => stream.write_all(b"HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\noops").await?,
            "/busy" => {
                stream.write_all(b"HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n").await?;
            }
            "/half" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhalf").await?;
                return Ok(());
            }
            "/silent" => {
                sleep(SILENCE).await;
                return Ok(());
            }
            "/slow" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n").await?;
                for byte in b"slo" {
                    sleep(Duration::from_millis(200)).await;
                    stream.write_all(&[*byte]).await?;
                }
            }
            "/garbage" => {
                stream.write_all(&[0xff; 300]).await?;
                return Ok(());
            }
            // Closed without a byte.
            _ => return Ok(()),
        }
    }
}

/// The path of a request whose head is there, and the bytes of all of it.
fn head(bytes: &[u8]) -> Option<(String, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    Some((path, end + body.unwrap_or(0)))
}
