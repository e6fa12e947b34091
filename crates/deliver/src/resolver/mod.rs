//! The system's name look-up: its hosts file first, then the name servers of its `resolv.conf`.
//!
//! Both files are read again soon after they change. A file that is missing, empty or odd stops
//! nothing: what cannot be read is left out, as the system's own resolver does.

mod conf;
mod cut;
mod families;
mod family;
mod file;
mod hosts;
mod servers;
mod silence;
mod zone;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tenterhook_model::{HostName, Resolve, ResolveError};
use tokio::time::Instant;

use self::conf::Conf;
use self::families::Families;
use self::file::Watched;
use self::hosts::Hosts;
use self::servers::{Failure, Servers};

/// How long the files are believed not to have changed: what a look at them may cost is two
/// `stat` calls a second.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What `localhost` is, and every name under it.
const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
/// Port of a name server (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;

/// Looks names up as the system's configuration says.
#[derive(Debug)]
pub struct SystemResolver {
    port: u16,
    system: Mutex<System>,
}

/// What the files say, and when they were last looked at.
#[derive(Debug)]
struct System {
    hosts: Watched<Hosts>,
    conf: Watched<Conf>,
    families: Arc<Families>,
    looked: Instant,
}

impl SystemResolver {
    /// Reads `/etc/hosts` and `/etc/resolv.conf`.
    pub fn new() -> Self {
        Self::of_files("/etc/hosts".into(), "/etc/resolv.conf".into(), DNS_PORT)
    }

    fn of_files(hosts: PathBuf, conf: PathBuf, port: u16) -> Self {
        let (hosts, conf) = (Watched::open(hosts, Hosts::parse), Watched::open(conf, Conf::parse));
        let families = Arc::new(Families::new(Servers::new(conf.content(), port)));
        Self { port, system: Mutex::new(System { hosts, conf, families, looked: Instant::now() }) }
    }

    /// What the files say now.
    fn system(&self) -> (Arc<Hosts>, Arc<Conf>, Arc<Families>) {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        if system.looked.elapsed() >= LOOK_EVERY {
            system.looked = Instant::now();
            system.hosts.read_if_changed(Hosts::parse);
            if system.conf.read_if_changed(Conf::parse) {
                // With new name servers nothing that the old ones said is believed any more.
                system.families = Arc::new(Families::new(Servers::new(system.conf.content(), self.port)));
            }
        }
        (Arc::clone(system.hosts.content()), Arc::clone(system.conf.content()), Arc::clone(&system.families))
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &HostName) -> Result<Vec<IpAddr>, ResolveError> {
        let (hosts, conf, families) = self.system();
        if let Some(addresses) = hosts.addresses(host) {
            return Ok(addresses.to_vec());
        }
        // Where the hosts file does not say so, as in a container without one (RFC 6761 section 6.3).
        if host.is_local() {
            return Ok(LOOPBACK.to_vec());
        }
        let mut failure = None;
        for name in conf.candidates(host) {
            match families.look_up(&name).await {
                Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
                Ok(_) => {}
                // Nobody would answer for the next name either.
                Err(silent @ (Failure::Silent | Failure::CutAndSilent)) => {
                    return Err(ResolveError::failed(host, silent.to_string()));
                }
                // Without a name server that can be asked nothing is known of the receiver.
                Err(Failure::Unreachable) => {
                    return Err(ResolveError::Unavailable(Failure::Unreachable.to_string()));
                }
                Err(other) => failure = Some(other),
            }
        }
        Err(match failure {
            Some(failure) => ResolveError::failed(host, failure.to_string()),
            None => ResolveError::not_found(host),
        })
    }
}
