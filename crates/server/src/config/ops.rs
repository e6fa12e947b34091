//! The one setting that `tenterhook healthcheck` needs: where the operations listener of a server is.
//!
//! It is read as `serve` reads it, so that a container or unit sets it once for both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::fault::{ConfigError, ConfigFault, Source};
use super::setting::{SETTINGS, Setting};
use super::source::{self, Settings};
use super::{OPS_LISTEN, Reader, off_or_address};

const KEY: &str = "ops-listen";

/// The flags `--config` and `--ops-listen`, and their environment variables.
#[derive(Debug, Clone, Default)]
pub struct OpsArgs {
    given: Settings,
    file: Option<PathBuf>,
}

impl OpsArgs {
    /// Where a program on the server's machine reaches the operations listener; `None` when it is off.
    ///
    /// # Errors
    /// When the setting cannot be read. What else is wrong with the configuration is the server's concern.
    pub fn reachable(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let mut faults = Vec::new();
        let mut given = self.given.clone();
        if let Some(path) = &self.file {
            source::read_file(&mut given, path, &mut faults);
        }
        let listens =
            Reader { given: &given, faults: &mut faults, variables: &super::of_process }.one(KEY, off_or_address);
        faults.retain(|fault| fault.key == KEY || fault.key == "config");
        let listens = listens.unwrap_or(Some(OPS_LISTEN));
        if listens.is_some_and(|address| address.port() == 0) {
            let source = given.get(KEY).map_or(Source::Default, |given| given.source.clone());
            let message = "has port 0, so the server chooses one that is not known here; name a port".to_owned();
            faults.push(ConfigFault { key: KEY.to_owned(), source, message });
        }
        if faults.is_empty() { Ok(listens.map(from_here)) } else { Err(ConfigError(faults)) }
    }
}

/// The address to connect to for a listener at `address`: one that takes every address takes loopback too.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl Args for OpsArgs {
    fn augment_args(command: Command) -> Command {
        let file = source::file_flag("The server's TOML file; flags and environment win over it");
        command.arg(file).args(SETTINGS.iter().filter(|setting| setting.key == KEY).map(Setting::flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OpsArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.file = source::file(matches);
        self.given.extend(source::given(matches, SETTINGS.iter().filter(|setting| setting.key == KEY)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reachable(line: &str) -> Result<Option<SocketAddr>, ConfigError> {
        let matches = OpsArgs::augment_args(Command::new("healthcheck"))
            .get_matches_from(std::iter::once("healthcheck").chain(line.split_whitespace()));
        OpsArgs::from_arg_matches(&matches).unwrap().reachable()
    }

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        for (flags, expected) in [
            ("", Some("127.0.0.1:9464")),
            ("--ops-listen 0.0.0.0:9000", Some("127.0.0.1:9000")),
            ("--ops-listen [::]:9000", Some("[::1]:9000")),
            ("--ops-listen 192.0.2.1:9000", Some("192.0.2.1:9000")),
            ("--ops-listen off", None),
        ] {
            assert_eq!(reachable(flags).unwrap(), expected.map(|text| text.parse().unwrap()), "{flags}");
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_whose_other_errors_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenterhook.toml");
        std::fs::write(&path, "retention = \"soon\"\nops-listen = \"0.0.0.0:9001\"\n").unwrap();
        let flags = format!("--config {}", path.display());
        assert_eq!(reachable(&flags).unwrap(), Some("127.0.0.1:9001".parse().unwrap()));
        assert_eq!(reachable(&format!("{flags} --ops-listen off")).unwrap(), None);
        std::fs::write(&path, "ops-listen = \"here\"\n").unwrap();
        let error = reachable(&flags).unwrap_err().to_string();
        assert!(error.contains("ops-listen in ") && error.contains("`here`"), "{error}");
    }

    #[test]
    fn a_port_that_only_the_server_knows_is_refused() {
        let error = reachable("--ops-listen 127.0.0.1:0").unwrap_err().to_string();
        assert!(error.contains("port 0"), "{error}");
    }
}
