//! The start-up lines: where the server listens, where it stores, what is open, what to try next.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tenterhook_store::shown_url;

use crate::config::{Config, LogFormat, value};
use crate::telemetry::STARTED;
use tenterhook_terminal::{Style, Terminal};

/// Where clients look for a server when nothing says where it is.
const DEFAULT_ADDRESS: &str = "127.0.0.1:50051";

/// What is told at the start.
#[derive(Debug)]
pub(crate) struct Banner<'a> {
    /// How the server was set up.
    pub(crate) config: &'a Config,
    /// Where the API listens.
    pub(crate) api: SocketAddr,
    /// Where the operations listener is.
    pub(crate) ops: Option<SocketAddr>,
    /// Webhooks in the store.
    pub(crate) webhooks: usize,
    /// Deliveries that are not final.
    pub(crate) open: u64,
}

impl Banner<'_> {
    /// Prints the lines for people, or logs one line for programs.
    pub(crate) fn show(&self, terminal: Terminal) {
        if self.config.telemetry.log_format == LogFormat::Text {
            terminal.prose(self.text(terminal));
            terminal.line(self.next_line(terminal));
            return;
        }
        let ops = self.ops.map_or_else(|| "off".to_owned(), |ops| ops.to_string());
        tracing::info!(
            target: STARTED,
            version = env!("CARGO_PKG_VERSION"),
            listen = %self.api,
            ops_listen = ops,
            store = shown_url(&self.config.store),
            webhooks = self.webhooks,
            open_deliveries = self.open,
            open_to = self.open_to(),
            "started"
        );
    }

    /// The lines for people.
    pub(crate) fn text(&self, terminal: Terminal) -> String {
        let mut lines = vec![terminal.paint(Style::Bold, format!("Tenterhook {}", env!("CARGO_PKG_VERSION")))];
        let mut line = |label: &str, place: String, note: String| {
            let note = terminal.paint(Style::Dim, note);
            lines.push(
                format!(
                    "  {} {}  {note}",
                    terminal.paint(Style::Dim, format!("{label:<11}")),
                    terminal.paint(Style::Cyan, place)
                )
                .trim_end()
                .to_owned(),
            );
        };
        line("listens on", self.api.to_string(), self.transport().to_owned());
        if self.config.console {
            let scheme = if self.config.tls.is_some() { "https" } else { "http" };
            line("console at", format!("{scheme}://{}/console/", self.api), String::new());
        }
        match self.ops {
            Some(ops) => line("metrics at", format!("http://{ops}/metrics"), "also /livez and /readyz".to_owned()),
            None => line("metrics", "off".to_owned(), "--ops-listen is off".to_owned()),
        }
        line("stores in", shown_url(&self.config.store), self.contents());
        line("open to", self.open_to(), String::new());
        line("sends to", self.sends_to(), String::new());
        lines.join("\n")
    }

    /// The command to try next, on one line however long it is, so that it can be pasted.
    fn next_line(&self, terminal: Terminal) -> String {
        let label = terminal.paint(Style::Dim, format!("{:<11}", "try next"));
        format!("  {label} {}", terminal.paint(Style::Cyan, self.next()))
    }

    fn transport(&self) -> &'static str {
        match &self.config.tls {
            None => "gRPC, no TLS",
            Some(tls) if tls.client_ca_pem.is_some() => "gRPC over TLS, client certificates taken",
            Some(_) => "gRPC over TLS",
        }
    }

    fn contents(&self) -> String {
        let plural = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        format!(
            "{}, {} open; finished ones are kept for {}",
            plural(self.webhooks as u64, "webhook", "webhooks"),
            plural(self.open, "delivery", "deliveries"),
            value::show_duration(self.config.retention)
        )
    }

    fn open_to(&self) -> String {
        match &self.config.api_keys {
            _ if self.config.dev => "anyone on this machine (--dev)".to_owned(),
            Some(keys) => format!("holders of a key in {}", keys.path.display()),
            None => "nobody yet: give --api-keys FILE (`tenterhook key new` makes keys) or --dev".to_owned(),
        }
    }

    fn sends_to(&self) -> String {
        let schemes = if self.config.addresses.allow_http { "http and https" } else { "https only" };
        let private = match self.config.addresses.allow.len() {
            _ if self.config.dev => " and private networks",
            0 => "",
            _ => " and the networks of --allow-network",
        };
        format!("public addresses{private}, {schemes}")
    }

    fn next(&self) -> String {
        if self.config.api_keys.is_none() && !self.config.dev {
            return "tenterhook key new --name me --role admin --append keys".to_owned();
        }
        let key = if self.config.dev { "" } else { "TENTERHOOK_API_KEY=th_… " };
        let ip = match self.api.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let here = SocketAddr::new(ip, self.api.port());
        let (scheme, ca) = match &self.config.tls {
            // A client takes an address on this machine for one without TLS, and all others for one with it.
            Some(_) => ("https://", " --ca CA.pem"),
            None if ip.is_loopback() => ("", ""),
            None => ("http://", ""),
        };
        let is_usual = self.config.tls.is_none() && here.to_string() == DEFAULT_ADDRESS;
        let address = if is_usual { String::new() } else { format!(" --address {scheme}{here}{ca}") };
        format!("{key}tenterhook status{address}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command, FromArgMatches};

    fn config(line: &str) -> Config {
        let command = crate::config::ServeArgs::augment_args(Command::new("serve"));
        let matches = command.get_matches_from(std::iter::once("serve").chain(line.split_whitespace()));
        Config::load(&crate::config::ServeArgs::from_arg_matches(&matches).unwrap()).unwrap()
    }

    fn text(line: &str) -> String {
        let config = config(line);
        let ops = config.ops_listen;
        let banner = Banner { config: &config, api: config.listen, ops, webhooks: 1, open: 3 };
        [banner.text(Terminal::plain()), banner.next_line(Terminal::plain())].join("\n")
    }

    #[test]
    fn dev_lets_anyone_on_this_machine_call() {
        let text = text("--dev --store memory:");
        for part in [
            "listens on  127.0.0.1:50051  gRPC, no TLS",
            "console at  http://127.0.0.1:50051/console/",
            "metrics at  http://127.0.0.1:9464/metrics  also /livez and /readyz",
            "stores in   memory:  1 webhook, 3 deliveries open; finished ones are kept for 7d",
            "open to     anyone on this machine (--dev)",
            "sends to    public addresses and private networks, http and https",
            "try next    tenterhook status",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn what_is_closed_is_told_with_the_flag_that_opens_it() {
        let text = text("--ops-listen off --allow-http=false --allow-network 10.0.0.0/8");
        let next = "try next    tenterhook key new --name me --role admin --append keys";
        for part in ["nobody yet: give --api-keys FILE", "--ops-listen is off", "https only", "--allow-network", next] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn the_command_to_try_next_finds_this_server() {
        let config = config("--dev --store memory:");
        for (api, expected) in [
            ("127.0.0.1:50071", "tenterhook status --address 127.0.0.1:50071"),
            ("0.0.0.0:50051", "tenterhook status"),
            ("[::]:50051", "tenterhook status --address [::1]:50051"),
            ("192.0.2.1:50051", "tenterhook status --address http://192.0.2.1:50051"),
        ] {
            let banner = Banner { config: &config, api: api.parse().unwrap(), ops: None, webhooks: 0, open: 0 };
            assert_eq!(banner.next(), expected);
        }
    }
}
