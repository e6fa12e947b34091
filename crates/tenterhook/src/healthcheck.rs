//! `tenterhook healthcheck`: asks the operations listener of a server on this machine, for containers whose
//! image has no other program that could.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use tenterhook_model::system;
use tenterhook_server::config::OpsArgs;
use tenterhook_terminal::{Terminal, harmless};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Time for the whole check; supervisors wait longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that are read of a response: the head and one line.
const RESPONSE_MAX: u64 = 4_096;
/// Characters that are shown of what the server says is wrong.
const REASON_CHARS: usize = 200;

/// The flags of `tenterhook healthcheck`.
#[derive(Debug, Clone, Args)]
pub struct HealthcheckArgs {
    /// Asks whether it takes calls (/readyz), not only whether it is alive (/livez)
    #[arg(long)]
    ready: bool,
    #[command(flatten)]
    ops: OpsArgs,
}

/// Asks, and says what the server is.
///
/// # Errors
/// When the server is not alive, or not ready, or the settings do not say where it is.
pub async fn run(args: &HealthcheckArgs, terminal: Terminal) -> Result<()> {
    let Some(address) = args.ops.reachable()? else {
        bail!("--ops-listen is off, so there is nothing to ask; set it to an address such as 127.0.0.1:9464");
    };
    let (path, state) = if args.ready { ("/readyz", "ready") } else { ("/livez", "alive") };
    let response = timeout(PATIENCE, ask(address, path)).await;
    let response = response
        .map_err(|_| anyhow!("the server at {address} did not respond within {} seconds", PATIENCE.as_secs()))?
        .map_err(|error| anyhow!("no server responds at {address}: {}", system::in_words(&error)))?;
    judge(&response).map_err(|why| anyhow!("the server at {address} is not {state}: {why}"))?;
    terminal.line(format!("The server at {address} is {state}."));
    Ok(())
}

async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    stream.take(RESPONSE_MAX).read_to_end(&mut response).await?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

/// Reads the status line (RFC 9112, section 4). The error says why the server is not what was asked.
fn judge(response: &str) -> std::result::Result<(), String> {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((response, ""));
    let Some(status) = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)) else {
        return Err("what responds there is no Tenterhook server".to_owned());
    };
    let reason: String = harmless(body.trim()).chars().take(REASON_CHARS).collect();
    if status == "200" { Ok(()) } else { Err(format!("status {status}: {reason}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_status_200_is_healthy() {
        let response = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\ndraining\u{1b}\n");
        assert!(judge(&response("200 OK")).is_ok());
        let error = judge(&response("503 Service Unavailable")).unwrap_err();
        assert_eq!(error, "status 503: draining\\u{1b}");
        for other in ["", "SSH-2.0-x\r\n", "HTTP/1.1 \u{fc}00", "HTTP/1.1 2"] {
            assert!(judge(other).is_err(), "{other}");
        }
    }
}
