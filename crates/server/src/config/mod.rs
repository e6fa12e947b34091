//! The configuration of `serve`, read whole and checked before a port is bound.
//!
//! A value on the command line wins over the environment, that over the file, that over the
//! default. Every fault is told at once, with its key and the way out.

mod check;
mod egress;
mod fault;
mod files;
mod node;
mod ops;
mod setting;
mod source;
mod template_env;
/// The values of settings: durations, addresses, networks and numbers, read and checked.
pub mod value;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tenterhook_deliver::SourceAddresses;
use tenterhook_http::Origin;
use tenterhook_model::{AddressPolicy, Egress, limits};
use tenterhook_store::{Node, check_url};

pub use fault::{ConfigError, ConfigFault, Source};
pub use files::{KeyFile, TlsMaterial};
pub(crate) use files::{as_netbox_secret, key_errors, netbox_secret, parse_keys, sibling};
pub use node::NodeAddress;
pub use ops::OpsArgs;
pub use source::ServeArgs;
pub use template_env::{NamePattern, template_variables};

use source::{Given, Settings};

/// Where the operations listener is by default.
const OPS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_464);

/// Everything that `serve` was told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the gRPC API listens.
    pub listen: SocketAddr,
    /// The IPv6 loopback too, when the API listens on `localhost`; its port is that of `listen`.
    pub listen_ipv6: Option<SocketAddr>,
    /// Where `/metrics`, `/livez` and `/readyz` are; `None` when they are off.
    pub ops_listen: Option<SocketAddr>,
    /// The IPv6 loopback too, when the operations listener is on `localhost`; its port is that of `ops_listen`.
    pub ops_listen_ipv6: Option<SocketAddr>,
    /// No key needed, reflection on, private networks allowed.
    pub dev: bool,
    /// Whether gRPC reflection answers.
    pub reflection: bool,
    /// Whether the console is served.
    pub console: bool,
    /// Host names by which the console is reached, besides loopback and the certificate's.
    pub console_hosts: Vec<String>,
    /// Where people reach the server, for links to the console; without a slash at the end.
    pub public_url: Option<String>,
    /// How long requests under way may go on at the end.
    pub drain_grace: Duration,
    /// Origins whose pages may call from a browser.
    pub allow_origins: Vec<Origin>,
    /// The file of API keys.
    pub api_keys: Option<KeyFile>,
    /// Whether a key file that lists nobody gets an admin key.
    pub bootstrap_key: bool,
    /// Certificates and key of the gRPC API; `None` serves in the clear.
    pub tls: Option<TlsMaterial>,
    /// The store, as `--store` names it.
    pub store: String,
    /// The file with the key that seals secrets; `None` stands for its default place.
    pub sealing_key_file: Option<PathBuf>,
    /// Who this process is among those that share a database.
    pub node: Node,
    /// Where other nodes reach this one; with it, a node that stands by takes calls for the one that serves.
    pub node_address: Option<NodeAddress>,
    /// Whether the server publishes operational events.
    pub operational_events: bool,
    /// How long finished things are kept.
    pub retention: Duration,
    /// Where requests may go.
    pub addresses: AddressPolicy,
    /// The addresses of this machine that requests come from.
    pub source: SourceAddresses,
    /// By which way they leave.
    pub egress: Egress,
    /// Variables of the environment that templates may read.
    pub template_env: Vec<NamePattern>,
    /// Requests under way at once: 1 to 65,536.
    pub max_in_flight: usize,
    /// Runtime threads: 1 to 256.
    pub threads: usize,
    /// What is told to operators.
    pub telemetry: TelemetryConfig,
}

/// What is logged, traced and measured.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// Form of the log.
    pub log_format: LogFormat,
    /// What is logged, as in `RUST_LOG`.
    pub log_level: String,
    /// The OTLP collector, if there is one.
    pub otlp_endpoint: Option<String>,
    /// How it is spoken to.
    pub otlp_protocol: OtlpProtocol,
    /// Share of publishes without a caller's trace that get one: 0 to 1.
    pub trace_ratio: f64,
    /// The file of the audit trail, if there is one.
    pub audit_log: Option<PathBuf>,
    /// Webhooks that get metrics of their own: 0 to 500.
    pub webhook_metrics: usize,
}

/// How a collector is spoken to, by the names of `OTEL_EXPORTER_OTLP_PROTOCOL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// `grpc`.
    Grpc,
    /// `http/protobuf`.
    HttpProtobuf,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The shortest retention with `--dev`.
const DEV_RETENTION_MIN: Duration = Duration::from_secs(1);

impl Config {
    /// Reads what `args` say, the configuration file and the files that the settings name.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn load(args: &ServeArgs) -> Result<Self, ConfigError> {
        Self::read(args).into_result()
    }

    /// As [`Config::load`], with what could be read next to what is wrong.
    pub(crate) fn read(args: &ServeArgs) -> Reading {
        Self::read_with(args, &of_process)
    }

    /// As [`Config::read`], with these variables of the environment that other programs read too.
    fn read_with(args: &ServeArgs, variables: &Variables<'_>) -> Reading {
        let mut faults = Vec::new();
        let mut given = args.given.clone();
        if let Some(path) = &args.file {
            source::read_file(&mut given, path, &mut faults);
        }
        let config = Reader { given: &given, faults: &mut faults, variables }.config();
        let listeners = check::Listeners {
            api: config.listen,
            api_ipv6: config.listen_ipv6,
            ops: config.ops_listen,
            ops_ipv6: config.ops_listen_ipv6,
            dev: config.dev,
        };
        check::check(&listeners, &given, &mut faults);
        Reading { config, given, faults }
    }

    /// The configuration of a server for trying things out: as `--dev` has it, on free ports of
    /// loopback, without the operations listener, with its store at `store`.
    pub fn trial(store: &str) -> Self {
        let one = |text: &str| Given { values: vec![text.to_owned()], source: Source::Flag };
        let settings = [("dev", "true"), ("listen", "127.0.0.1:0"), ("ops-listen", "off"), ("store", store)];
        let given = settings.map(|(key, text)| (key, one(text))).into_iter().collect();
        Reader { given: &given, faults: &mut Vec::new(), variables: &of_process }.config()
    }
}

/// A configuration, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Reading {
    /// What could be read; a value that is wrong is its default here.
    pub(crate) config: Config,
    given: Settings,
    faults: Vec<ConfigFault>,
}

impl Reading {
    /// Whether something is wrong with the setting `key`.
    pub(crate) fn is_faulty(&self, key: &str) -> bool {
        self.faults.iter().any(|fault| fault.key == key)
    }

    /// Adds what else is wrong with the setting `key`.
    pub(crate) fn fault(&mut self, key: &str, message: String) {
        let source = self.given.get(key).map_or(Source::Default, |given| given.source.clone());
        self.faults.push(ConfigFault { key: key.to_owned(), source, message });
    }

    /// The configuration, if nothing is wrong.
    ///
    /// # Errors
    /// Everything that is.
    pub(crate) fn into_result(self) -> Result<Config, ConfigError> {
        if self.faults.is_empty() { Ok(self.config) } else { Err(ConfigError(self.faults)) }
    }
}

/// The value of a variable of the environment, if it is set.
type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A variable of this process.
fn of_process(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

/// Reads settings one by one; a value with a fault leaves the default and is remembered.
struct Reader<'a> {
    given: &'a Settings,
    faults: &'a mut Vec<ConfigFault>,
    /// Of the environment, but for those of this program, which are among the settings.
    variables: &'a Variables<'a>,
}

impl Reader<'_> {
    fn config(mut self) -> Config {
        let dev = self.switch("dev", false);
        let bootstrap_key = self.switch("bootstrap-key", false);
        let retention_min = if dev { DEV_RETENTION_MIN } else { *limits::RETENTION_RANGE.start() };
        Config {
            listen: self.one("listen", value::address).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 50_051))),
            listen_ipv6: self.one("listen", value::ipv6_of_localhost).flatten(),
            ops_listen: self.one("ops-listen", off_or_address).unwrap_or(Some(OPS_LISTEN)),
            ops_listen_ipv6: self.one("ops-listen", ipv6_unless_off).flatten(),
            dev,
            reflection: self.switch("reflection", dev),
            console: self.switch("console", dev || self.is_given("api-keys") || self.is_given("client-ca")),
            console_hosts: self.many("console-host", value::host_name),
            public_url: self.one("public-url", value::public_url),
            drain_grace: self
                .one("drain-grace", |text| value::duration_within(text, Duration::ZERO..=limits::DRAIN_GRACE_MAX))
                .unwrap_or(limits::DRAIN_GRACE),
            allow_origins: self.many("allow-origin", value::origin),
            api_keys: self.one("api-keys", |path| KeyFile::read(path, bootstrap_key)),
            bootstrap_key,
            tls: self.tls(),
            store: self.one("store", store_url).unwrap_or_else(|| "redb:./tenterhook-data".to_owned()),
            sealing_key_file: self.path("sealing-key-file"),
            node: self.node(),
            node_address: self.one("node-address", NodeAddress::read),
            operational_events: self.switch("operational-events", true),
            retention: self
                .one("retention", |text| value::duration_within(text, retention_min..=*limits::RETENTION_RANGE.end()))
                .unwrap_or(limits::RETENTION),
            addresses: self.addresses(dev),
            source: self.source(),
            egress: self.egress(),
            template_env: self.many("template-env", NamePattern::parse),
            max_in_flight: self
                .one("max-in-flight", |text| value::number(text, 1..=limits::IN_FLIGHT_MAX))
                .unwrap_or(limits::IN_FLIGHT),
            threads: self.one("threads", |text| value::number(text, 1..=limits::THREADS_MAX)).unwrap_or_else(threads),
            telemetry: self.telemetry(),
        }
    }

    fn node(&mut self) -> Node {
        let lease = self.one("lease", |text| value::duration_within(text, limits::LEASE_RANGE));
        let name = self.one("node-name", value::node_name).unwrap_or_else(host_name);
        Node { name, lease: lease.unwrap_or(limits::LEASE), ..Node::default() }
    }

    fn telemetry(&mut self) -> TelemetryConfig {
        TelemetryConfig {
            log_format: self.one("log-format", log_format).unwrap_or(LogFormat::Text),
            log_level: self.one("log-level", log_level).unwrap_or_else(|| "info".to_owned()),
            otlp_endpoint: self.one("otlp-endpoint", value::endpoint),
            otlp_protocol: self.one("otlp-protocol", otlp_protocol).unwrap_or(OtlpProtocol::Grpc),
            trace_ratio: self.one("trace-ratio", value::share).unwrap_or(1.0),
            audit_log: self.path("audit-log"),
            webhook_metrics: self
                .one("webhook-metrics", |text| value::number(text, 0..=limits::WEBHOOK_METRICS_MAX))
                .unwrap_or(limits::WEBHOOK_METRICS),
        }
    }

    fn addresses(&mut self, dev: bool) -> AddressPolicy {
        let mut allow = self.many("allow-network", value::network);
        if dev {
            allow.extend(check::private_networks());
        }
        AddressPolicy {
            allow,
            deny: self.many("deny-network", value::network),
            allow_http: self.switch("allow-http", true),
            allow_insecure_tls: self.switch("allow-insecure-tls", false),
        }
    }

    fn source(&mut self) -> SourceAddresses {
        let mut source = SourceAddresses::default();
        for address in self.many("source-address", value::source_address) {
            let is_second = match address {
                IpAddr::V4(address) => source.ipv4.replace(address).is_some(),
                IpAddr::V6(address) => source.ipv6.replace(address).is_some(),
            };
            if let Some(given) = self.given.get("source-address").filter(|_| is_second) {
                let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
                self.fault("source-address", given, format!("`{address}` is a second {family} address; give one"));
            }
        }
        source
    }

    fn tls(&mut self) -> Option<TlsMaterial> {
        let certificate = self.one("tls-cert", files::pem(files::CERTIFICATE));
        let key = self.one("tls-key", files::pem("PRIVATE KEY"));
        let client_ca = self.one("client-ca", files::pem(files::CERTIFICATE));
        let (certificate_pem, key_pem) = certificate.zip(key)?;
        let path = |key: &str| self.given.get(key).and_then(|given| given.values.last()).map(PathBuf::from);
        Some(TlsMaterial {
            certificate_path: path("tls-cert")?,
            certificate_pem,
            key_path: path("tls-key")?,
            key_pem: tenterhook_model::Secret::new(key_pem),
            client_ca_path: path("client-ca").filter(|_| client_ca.is_some()),
            client_ca_pem: client_ca,
        })
    }

    fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.one(
            key,
            |text| if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(PathBuf::from(text)) },
        )
    }

    fn is_given(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    fn switch(&mut self, key: &'static str, default: bool) -> bool {
        self.one(key, value::switch).unwrap_or(default)
    }

    fn one<T>(&mut self, key: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let given = self.given.get(key)?;
        let text = given.values.last().map_or("", String::as_str);
        read(text).map_err(|message| self.fault(key, given, value::brief(&message, text))).ok()
    }

    fn many<T>(&mut self, key: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let Some(given) = self.given.get(key) else { return Vec::new() };
        let mut values = Vec::new();
        for text in given.values.iter().map(|text| text.trim()) {
            match read(text) {
                Ok(value) => values.push(value),
                Err(message) => self.fault(key, given, value::brief(&message, text)),
            }
        }
        values
    }

    fn fault(&mut self, key: &str, given: &Given, message: String) {
        self.faults.push(ConfigFault { key: key.to_owned(), source: given.source.clone(), message });
    }
}

/// Threads when nobody says: work that moves between threads costs more than it gains on few cores.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (cores / 4).max(1)
}

/// What this machine calls itself.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "node".to_owned(), |name| name.trim().to_owned())
}

fn off_or_address(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" { Ok(None) } else { value::address(text).map(Some) }
}

/// `off` has no second address either.
fn ipv6_unless_off(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" { Ok(None) } else { value::ipv6_of_localhost(text) }
}

fn store_url(text: &str) -> Result<String, String> {
    check_url(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is neither text nor json")),
    }
}

fn otlp_protocol(text: &str) -> Result<OtlpProtocol, String> {
    match text {
        "grpc" => Ok(OtlpProtocol::Grpc),
        "http/protobuf" => Ok(OtlpProtocol::HttpProtobuf),
        _ => Err(format!("`{text}` is neither grpc nor http/protobuf")),
    }
}

/// Levels of the log, loudest last.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reads levels for everything (`info`) or for a target (`tenterhook=debug`), joined by commas. A
/// word that is no level would be read as a target, and the rest of the log would be silent.
fn log_level(text: &str) -> Result<String, String> {
    let is_level = |word: &str| LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level));
    let is_directive = |part: &str| match part.rsplit_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level.trim()),
        None => is_level(part),
    };
    let wrong = text.split(',').map(str::trim).find(|part| !is_directive(part));
    let filter = tracing_subscriber::EnvFilter::builder().parse(text);
    match (wrong, filter) {
        (None, Ok(_)) => Ok(text.to_owned()),
        (wrong, _) => Err(format!(
            "`{}` is not a level; write off, error, warn, info, debug or trace, or one for a target: `info,hyper=debug`",
            wrong.unwrap_or(text)
        )),
    }
}

#[cfg(test)]
mod tests;
