//! The ceilings of the machine, measured in the same run: what no pipeline can beat.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tenterhook_server::failure::InWords;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Bytes of one write before each fsync: a page.
const PAGE: usize = 4_096;

/// Keep-alive POSTs a second of a bare hyper client with `connections` connections to `receiver`.
pub(super) async fn posts_per_second(
    receiver: SocketAddr,
    connections: usize,
    body: Bytes,
    length: Duration,
) -> Result<f64> {
    let sent = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(post_until(receiver, body.clone(), began + length, sent.clone()));
    }
    while let Some(ended) = clients.join_next().await {
        ended.context("a client broke")??;
    }
    Ok(sent.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

async fn post_until(receiver: SocketAddr, body: Bytes, end: Instant, sent: Arc<AtomicU64>) -> Result<()> {
    let stream = TcpStream::connect(receiver).await.context("cannot connect to the receiver")?;
    stream.set_nodelay(true).context("cannot set up the connection")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context("no HTTP here")?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let host = receiver.to_string();
    while Instant::now() < end {
        let request = Request::post("/").header("host", &host).header("content-type", "application/json");
        let request = request.body(Full::new(body.clone())).context("cannot make a request")?;
        let Ok(answer) = timeout_at(end, sender.send_request(request)).await else { break };
        answer.context("the receiver broke")?.into_body().collect().await.context("the answer broke")?;
        sent.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Appends of a page, each with its own fdatasync, a second. It blocks.
pub(super) fn fsyncs_per_second(folder: &Path, length: Duration) -> Result<f64> {
    let path = folder.join("fsync-ceiling");
    let mut file = std::fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let (began, mut done) = (Instant::now(), 0u32);
    while began.elapsed() < length {
        file.write_all(&[0; PAGE]).context("cannot write")?;
        file.sync_data().context("cannot sync")?;
        done += 1;
    }
    let rate = f64::from(done) / began.elapsed().as_secs_f64();
    std::fs::remove_file(&path).context("cannot remove the file")?;
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::Flights;
    use tenterhook_listen::receiver::receive;
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn posts_are_counted() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let end = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(receive(listener, end.clone(), Arc::new(Flights::new())));
        let rate = posts_per_second(address, 2, Bytes::from_static(b"{}"), Duration::from_millis(50)).await.unwrap();
        assert!(rate > 1.0);
        end.cancel();
        tasks.join_next().await;
    }

    #[test]
    fn fsyncs_are_counted_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert!(fsyncs_per_second(folder.path(), Duration::from_millis(20)).unwrap() > 1.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
