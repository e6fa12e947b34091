//! `tenterhook store backup`: copies the store of a running server into a file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use tenterhook_model::{Secret, system};
use tenterhook_proto::tenterhook::v1::BackupRequest;
use tenterhook_proto::tenterhook::v1::store_service_client::StoreServiceClient;
use tenterhook_server::failure::InWords;
use tenterhook_server::roots;
use tenterhook_terminal::Terminal;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use crate::partial::{Partial, is_standard};

/// Time to connect, and to begin.
const CONNECT: Duration = Duration::from_secs(10);
/// Time for the next part: a server whose disk is busy takes a moment.
const NEXT_PART: Duration = Duration::from_secs(60);

/// What `tenterhook store backup` is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct BackupArgs {
    /// File to write; `-` is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The server, such as https://hooks.example.com:50051
    #[arg(
        long,
        value_name = "URL",
        env = "TENTERHOOK_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:50051"
    )]
    server: String,
    /// File with an API key, as `tenterhook key new --append` prints it
    #[arg(long, value_name = "FILE", env = "TENTERHOOK_KEY_FILE", hide_env_values = true)]
    key_file: Option<PathBuf>,
    /// PEM CA certificates to trust instead of the system's roots
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Copies the store.
///
/// # Errors
/// When the server cannot be reached or refuses, or the file cannot be written.
pub(crate) fn run(args: &BackupArgs, terminal: Terminal) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    if is_standard(&args.file) {
        return runtime.block_on(copy(args, &mut io::stdout().lock())).map(|_| ());
    }
    let partial = Partial::new(&args.file)?;
    let bytes = runtime.block_on(copy(args, &mut partial.file()))?;
    partial.finish(&args.file)?;
    terminal.line(format!("{} has a copy of the store, {:.1} MiB.", args.file.display(), bytes as f64 / 1_048_576.0));
    terminal.line("Its secrets are sealed: keep the server's sealing key too, which `store import` asks for.");
    Ok(())
}

/// Writes the whole copy; returns how many bytes it has.
async fn copy(args: &BackupArgs, output: &mut dyn Write) -> Result<u64> {
    let mut parts = begin(args).await?;
    let mut bytes = 0;
    loop {
        let part = timeout(NEXT_PART, parts.message()).await;
        let part = part.map_err(|_| anyhow!("the server sent nothing for {} seconds", NEXT_PART.as_secs()))?;
        let Some(part) = part.map_err(|status| refused(&status))? else { break };
        output.write_all(&part.chunk).context("cannot write the copy")?;
        bytes += part.chunk.len() as u64;
    }
    output.flush().context("cannot write the copy")?;
    Ok(bytes)
}

async fn begin(args: &BackupArgs) -> Result<Streaming<tenterhook_proto::tenterhook::v1::BackupResponse>> {
    let key = args.key_file.as_deref().map(read_key).transpose()?;
    let mut request = Request::new(BackupRequest {});
    if let Some(key) = key {
        let header = format!("Bearer {}", key.expose()).parse();
        let header = header.map_err(|_| anyhow!("the file of --key-file holds no API key"))?;
        request.metadata_mut().insert("authorization", header);
    }
    let begun = timeout(CONNECT, StoreServiceClient::new(connect(args).await?).backup(request)).await;
    let begun = begun.map_err(|_| anyhow!("the server at {} did not respond", args.server))?;
    Ok(begun.map_err(|status| refused(&status))?.into_inner())
}

/// A key file as people keep it: the key, with or without a newline.
fn read_key(path: &Path) -> Result<Secret> {
    let text = std::fs::read_to_string(path)
        .map(system::without_mark)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Secret::new(text.trim().to_owned()))
}

async fn connect(args: &BackupArgs) -> Result<Channel> {
    let server = &args.server;
    let wrong = || anyhow!("--server is not a server's URL; write it like http://127.0.0.1:50051");
    let mut endpoint = Endpoint::from_shared(server.clone()).map_err(|_| wrong())?.connect_timeout(CONNECT);
    match endpoint.uri().scheme_str() {
        Some("http") if args.ca.is_some() => bail!("--ca is for servers with TLS; write https:// in --server"),
        Some("http") => {}
        Some("https") => {
            let tls = match &args.ca {
                Some(path) => {
                    let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
                }
                None => ClientTlsConfig::new().trust_anchors(roots::of_system()),
            };
            endpoint = endpoint.tls_config(tls).map_err(|_| anyhow!("the certificates of --ca cannot be used"))?;
        }
        _ => return Err(wrong()),
    }
    let connected = endpoint.connect().await;
    connected.map_err(|_| {
        anyhow!("no server responds at {server}, or its certificate is not trusted (--ca); --server takes another URL")
    })
}

/// What the server says of a call that failed.
fn refused(status: &Status) -> anyhow::Error {
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => {
            anyhow!("{}; a backup takes the key of an admin of every namespace (--key-file)", status.message())
        }
        Code::Unavailable if status.details().is_empty() => anyhow!("the connection to the server broke; try again"),
        Code::Unimplemented => anyhow!("the server is of a version without backups; use `tenterhook store export`"),
        _ => anyhow!("the server refused: {}", status.message()),
    }
}
