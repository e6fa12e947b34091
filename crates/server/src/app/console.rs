//! The console, if the server has one: the names it answers for, and the keys that sign in.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use tenterhook_api::access::{Access, names_of_certificate};
use tenterhook_console::{Console, ConsoleSettings, KnownHosts};
use tenterhook_model::{Clock, OsEntropy};

use super::tls;
use crate::config::Config;

/// The console of a server that is set up so.
///
/// # Errors
/// When the certificate cannot be read.
pub(super) fn console(config: &Config, access: Access, clock: Arc<dyn Clock>) -> Result<Option<Console>> {
    if !config.console {
        return Ok(None);
    }
    let mut names = config.console_hosts.clone();
    if let Some(tls) = &config.tls {
        let chain = tls::certificates(tls.certificate_pem.as_bytes()).map_err(|why| anyhow!("--tls-cert {why}"))?;
        names.extend(chain.first().map(names_of_certificate).unwrap_or_default());
    }
    Ok(Some(Console::new(ConsoleSettings {
        hosts: KnownHosts::new(names),
        knows_key: Arc::new(move |key| access.knows_key(key.expose())),
        clock,
        entropy: Arc::new(OsEntropy),
    })))
}
