//! The watches over files that are read again when they change, and what is made of the files at the start.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use tenterhook_api::access::Access;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::certificates::{CertificateWatch, Tls};
use super::keys::{self, KeyWatch};
use super::reload::Reload;
use super::steady::LOOK;
use super::tls;
use crate::config::{Config, KeyFile, parse_keys};
use crate::failure::InWords;
use crate::regular;
use crate::telemetry::metrics::Metrics;
use tenterhook_terminal::Terminal;

/// The watches of a server.
#[derive(Debug)]
pub(super) struct Watches {
    /// Over the key file, if there is one.
    pub(super) keys: Option<KeyWatch>,
    /// Over the certificates, if the server speaks TLS.
    pub(super) certificates: Option<CertificateWatch>,
    /// Whose streams end when keys and tokens expire.
    pub(super) access: Access,
    /// Asks for all files to be read at once.
    pub(super) reload: Reload,
}

/// Who may call, and the watch over the file that says so.
pub(super) fn access(config: &Config, metrics: &Arc<Metrics>) -> Result<(Access, Option<KeyWatch>)> {
    let ring = match &config.api_keys {
        Some(file) => parse_keys(file).map_err(|errors| anyhow!("the API keys have errors: {errors}"))?,
        None => Default::default(),
    };
    let access = if config.dev { Access::dev(ring) } else { Access::keys(ring) };
    let watch =
        config.api_keys.as_ref().map(|file| KeyWatch::new(&file.path, &file.text, access.clone(), metrics.clone()));
    Ok((access, watch))
}

/// Ends the streams of keys and tokens that have expired, until `end`.
pub(super) async fn end_expired(access: Access, end: CancellationToken) {
    loop {
        // The end comes first.
        tokio::select! { biased;
            () = end.cancelled() => return,
            () = sleep(LOOK) => access.end_expired(),
        }
    }
}

/// The server's side of TLS, if it speaks TLS, and the watch over the files that it is made of.
pub(super) fn certificates(config: &Config, metrics: &Arc<Metrics>) -> Result<(Option<Tls>, Option<CertificateWatch>)> {
    let Some(material) = &config.tls else { return Ok((None, None)) };
    let tls = Tls::new(tls::server_config(material)?);
    let watch = CertificateWatch::new(tls.clone(), material, metrics.clone());
    Ok((Some(tls), Some(watch)))
}

/// With `--bootstrap-key`, makes the first key of a key file that lists nobody and prints it, this once.
pub(super) fn with_first_key(mut config: Config, terminal: Terminal) -> Result<Config> {
    let Some(file) = config.api_keys.as_ref().filter(|file| config.bootstrap_key && file.lists_nobody()) else {
        return Ok(config);
    };
    let path = file.path.clone();
    let made = keys::bootstrap(&path).with_context(|| format!("cannot write the first key to {}", path.display()))?;
    terminal
        .line(format!("The first key, with the role admin. It is shown only now; {} has its hash:", path.display()));
    terminal.line(made.key.expose());
    let text = regular::read_text(&path).with_context(|| format!("cannot read {}", path.display()))?;
    config.api_keys = Some(KeyFile { path, text });
    Ok(config)
}
