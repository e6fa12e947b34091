//! The table of every setting of `serve`: its flag, its environment variable, its key in
//! the configuration file and its help text are made of one row.
//!
//! [`crate::config::source`] reads values by it, [`crate::config::ServeArgs`] shows it.

use clap::builder::StyledStr;
use clap::{Arg, ArgAction};

/// How often a setting may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Once, with a value.
    One,
    /// Any number of times; in the environment separated by commas, in the file as an array.
    Many,
    /// On or off: `--dev` is `--dev=true`.
    Switch,
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The flag without its dashes, and the key in the configuration file.
    pub(crate) key: &'static str,
    /// The environment variable.
    pub(crate) environment: &'static str,
    /// What stands for the value in the help.
    pub(crate) value: &'static str,
    /// How often it may be given.
    pub(crate) kind: Kind,
    /// The heading under which the help shows it.
    pub(crate) group: &'static str,
    /// One line of help.
    pub(crate) help: &'static str,
    /// What the long help adds: units, examples, consequences.
    pub(crate) more: &'static str,
    /// The value when nothing is given, as the help tells it.
    pub(crate) default: &'static str,
}

const LISTEN: &str = "Where it listens";
const ACCESS: &str = "Who may call";
const STORE: &str = "What it stores";
const SEND: &str = "Where it sends";
const OBSERVE: &str = "Observability";

/// Every setting, in the order of the help.
pub(crate) const SETTINGS: [Setting; 43] = [
    Setting {
        key: "listen",
        environment: "TENTERHOOK_LISTEN",
        value: "ADDRESS",
        kind: Kind::One,
        group: LISTEN,
        help: "Address and port of the gRPC API",
        more: "Port 0 picks a free one, which the start-up lines show. Any address but loopback needs \
               --api-keys or --client-ca, and --tls-cert and --tls-key.\nExamples: 127.0.0.1:50051, localhost:50051 (IPv4 and IPv6), [::]:50051",
        default: "127.0.0.1:50051",
    },
    Setting {
        key: "ops-listen",
        environment: "TENTERHOOK_OPS_LISTEN",
        value: "ADDRESS",
        kind: Kind::One,
        group: LISTEN,
        help: "Address and port for /metrics, /livez and /readyz over plain HTTP, or `off`",
        more: "Exposes metrics, but no events or secrets, to anyone who can reach it.\nExamples: 127.0.0.1:9464, localhost:9464 (IPv4 and IPv6), 0.0.0.0:9464, off",
        default: "127.0.0.1:9464",
    },
    Setting {
        key: "dev",
        environment: "TENTERHOOK_DEV",
        value: "BOOL",
        kind: Kind::Switch,
        group: LISTEN,
        help: "For development: no key needed, reflection on, receivers in private networks allowed",
        more: "Only with a loopback address, and never in production.",
        default: "false",
    },
    Setting {
        key: "reflection",
        environment: "TENTERHOOK_REFLECTION",
        value: "BOOL",
        kind: Kind::Switch,
        group: LISTEN,
        help: "Serves gRPC reflection, so that grpcurl needs no .proto files",
        more: "It shows the shape of the API to anyone who can connect; --dev turns it on.",
        default: "false",
    },
    Setting {
        key: "console",
        environment: "TENTERHOOK_CONSOLE",
        value: "BOOL",
        kind: Kind::Switch,
        group: LISTEN,
        help: "Serves the console at /console/, a page for the people who run the server",
        more: "It signs in with an API key, with --dev without one. --console=false turns it off.",
        default: "true with --dev, --api-keys or --client-ca",
    },
    Setting {
        key: "console-host",
        environment: "TENTERHOOK_CONSOLE_HOST",
        value: "HOST",
        kind: Kind::Many,
        group: LISTEN,
        help: "Additional host name of the console; repeatable",
        more: "Loopback names and those in the certificate are accepted anyway. Any other is refused, so that no page can \
               call the server by another name.\nExample: hooks.example.com",
        default: "none",
    },
    Setting {
        key: "public-url",
        environment: "TENTERHOOK_PUBLIC_URL",
        value: "URL",
        kind: Kind::One,
        group: LISTEN,
        help: "URL by which people reach the server, for links to the console in operational events",
        more: "Without it those events have no link.\nExample: https://hooks.example.com",
        default: "none",
    },
    Setting {
        key: "drain-grace",
        environment: "TENTERHOOK_DRAIN_GRACE",
        value: "DURATION",
        kind: Kind::One,
        group: LISTEN,
        help: "How long requests in flight may continue after SIGTERM or SIGINT",
        more: "What is not finished by then is released and sent again after the next start. A second signal exits immediately.\nExamples: 5s, 1m",
        default: "20s",
    },
    Setting {
        key: "allow-origin",
        environment: "TENTERHOOK_ALLOW_ORIGIN",
        value: "ORIGIN",
        kind: Kind::Many,
        group: ACCESS,
        help: "Origin whose pages may call from a browser; repeatable",
        more: "Scheme, host and port exactly as browsers send them. Without it no page may call; programs are not affected.\nExample: https://app.example.com",
        default: "none",
    },
    Setting {
        key: "api-keys",
        environment: "TENTERHOOK_API_KEYS",
        value: "FILE",
        kind: Kind::One,
        group: ACCESS,
        help: "File of API keys, one a line, as `tenterhook key new` prints them",
        more: "It holds only hashes of the keys. It is read again when it changes: a key that is removed \
               is refused within 5 seconds.\nExample: /etc/tenterhook/keys",
        default: "none",
    },
    Setting {
        key: "bootstrap-key",
        environment: "TENTERHOOK_BOOTSTRAP_KEY",
        value: "BOOL",
        kind: Kind::Switch,
        group: ACCESS,
        help: "Makes an admin key if the file of --api-keys is missing or empty, and prints it once",
        more: "For the first start in a container. The file receives the key's hash; later starts change nothing.",
        default: "false",
    },
    Setting {
        key: "tls-cert",
        environment: "TENTERHOOK_TLS_CERT",
        value: "FILE",
        kind: Kind::One,
        group: ACCESS,
        help: "PEM certificate chain of the gRPC API; needs --tls-key",
        more: "Example: /etc/tenterhook/tls.crt",
        default: "none",
    },
    Setting {
        key: "tls-key",
        environment: "TENTERHOOK_TLS_KEY",
        value: "FILE",
        kind: Kind::One,
        group: ACCESS,
        help: "PEM private key of that certificate; needs --tls-cert",
        more: "Example: /etc/tenterhook/tls.key",
        default: "none",
    },
    Setting {
        key: "client-ca",
        environment: "TENTERHOOK_CLIENT_CA",
        value: "FILE",
        kind: Kind::One,
        group: ACCESS,
        help: "PEM certificates that client certificates must chain to; needs --tls-cert",
        more: "Callers then present a certificate; the key file gives a name in it a role.\nExample: /etc/tenterhook/clients-ca.crt",
        default: "none",
    },
    Setting {
        key: "insecure",
        environment: "TENTERHOOK_INSECURE",
        value: "BOOL",
        kind: Kind::Switch,
        group: ACCESS,
        help: "Serves without TLS on addresses other than loopback",
        more: "For servers behind a proxy that terminates TLS: keys and events cross this hop unencrypted.",
        default: "false",
    },
    Setting {
        key: "store",
        environment: "TENTERHOOK_STORE",
        value: "URL",
        kind: Kind::One,
        group: STORE,
        help: "Where events and deliveries are stored: redb:DIR, sled:DIR, postgres://… or memory:",
        more: "redb survives power loss; sled is an alternative engine; both keep their files in one folder. \
               postgres: keeps everything in PostgreSQL (14 or later), for one node that serves and others that stand by; \
               give a URL with a password by the variable or the file. memory: forgets everything when the server stops.\n\
               Examples: redb:/var/lib/tenterhook, memory:, postgres://hooks@db.example/hooks?sslmode=require",
        default: "redb:./tenterhook-data",
    },
    Setting {
        key: "sealing-key-file",
        environment: "TENTERHOOK_SEALING_KEY_FILE",
        value: "FILE",
        kind: Kind::One,
        group: STORE,
        help: "File with the key that seals secrets in the store",
        more: "Made on the first start, readable by its owner only. Keep a copy apart from the store: without \
               it the secrets in the store cannot be read. A store in PostgreSQL needs it given, and the same one \
               on each node.\nExample: /etc/tenterhook/sealing.key",
        default: "`sealing.key` in the store's directory",
    },
    Setting {
        key: "lease",
        environment: "TENTERHOOK_LEASE",
        value: "DURATION",
        kind: Kind::One,
        group: STORE,
        help: "How long a node keeps the database without renewing its lease; for postgres:",
        more: "From 3s to 60s. It is for a node that is stopped, cut off or whose machine is lost: another one takes over at most 1s after \
               the lease has ended, and a node that cannot renew it stops sending after four fifths of it. A node whose process has ended is \
               replaced within 1s, whatever its lease.",
        default: "10s",
    },
    Setting {
        key: "node-name",
        environment: "TENTERHOOK_NODE_NAME",
        value: "NAME",
        kind: Kind::One,
        group: STORE,
        help: "Name of this node among those that share the database; for postgres:",
        more: "At most 63 characters. It appears in the log, in the database and at /readyz.\nExample: hooks-1",
        default: "the host's name",
    },
    Setting {
        key: "node-address",
        environment: "TENTERHOOK_NODE_ADDRESS",
        value: "HOST:PORT",
        kind: Kind::One,
        group: STORE,
        help: "Where the other nodes reach the API of this one; for postgres:",
        more: "With it, a node that stands by takes calls too, and forwards them to the node that serves: clients may connect to any node. \
               Without a port, that of --listen. Give it to all nodes.\nExamples: 10.1.2.3, hooks-1.internal:50051",
        default: "none: a node that stands by takes no calls",
    },
    Setting {
        key: "retention",
        environment: "TENTERHOOK_RETENTION",
        value: "DURATION",
        kind: Kind::One,
        group: STORE,
        help: "How long events, finished deliveries and the journal are kept",
        more: "At least 1m, with --dev 1s. An event with an open delivery stays. Event ids are remembered, and watches can resume, as long as this.\nExamples: 12h, 7d, 30d",
        default: "7d",
    },
    Setting {
        key: "allow-network",
        environment: "TENTERHOOK_ALLOW_NETWORK",
        value: "CIDR",
        kind: Kind::Many,
        group: SEND,
        help: "Network that webhooks may send to even though it is not public; repeatable",
        more: "Without it only public addresses are dialled. Each entry opens what is behind it to anyone who may create webhooks.\nExamples: 10.20.0.0/16, 192.168.1.7, fd00::/8",
        default: "none",
    },
    Setting {
        key: "deny-network",
        environment: "TENTERHOOK_DENY_NETWORK",
        value: "CIDR",
        kind: Kind::Many,
        group: SEND,
        help: "Network that webhooks never send to; repeatable, wins over --allow-network",
        more: "Example: 10.20.99.0/24",
        default: "none",
    },
    Setting {
        key: "allow-http",
        environment: "TENTERHOOK_ALLOW_HTTP",
        value: "BOOL",
        kind: Kind::Switch,
        group: SEND,
        help: "Lets webhooks use plain http:// URLs",
        more: "With --allow-http=false only https:// can be saved and sent to.",
        default: "true",
    },
    Setting {
        key: "allow-insecure-tls",
        environment: "TENTERHOOK_ALLOW_INSECURE_TLS",
        value: "BOOL",
        kind: Kind::Switch,
        group: SEND,
        help: "Lets webhooks set `transport.insecure_skip_verify`",
        more: "Such a webhook trusts any certificate; its own `ca_certificates_pem` is the better way.",
        default: "false",
    },
    Setting {
        key: "template-env",
        environment: "TENTERHOOK_TEMPLATE_ENV",
        value: "NAME",
        kind: Kind::Many,
        group: SEND,
        help: "Environment variable of the server that templates may read with `env`; repeatable",
        more: "`*` stands for any characters, `?` for one. The values count as secrets: they are shown as *** in \
               deliveries, previews and errors when they have at least 6 bytes. Variables that begin with \
               TENTERHOOK_ are never read.\nExamples: HOOK_TOKEN, HOOK_*",
        default: "none",
    },
    Setting {
        key: "source-address",
        environment: "TENTERHOOK_SOURCE_ADDRESS",
        value: "IP",
        kind: Kind::Many,
        group: SEND,
        help: "Source address of requests to receivers; one for IPv4 and one for IPv6",
        more: "For receivers whose firewalls identify senders by address. The system chooses for a family without one.\nExamples: 198.51.100.7, 2001:db8::7",
        default: "the system's choice",
    },
    Setting {
        key: "proxy",
        environment: "TENTERHOOK_PROXY",
        value: "URL",
        kind: Kind::One,
        group: SEND,
        help: "Proxy for requests to receivers: http://, https:// or socks5h://, or env",
        more: "env reads HTTPS_PROXY, HTTP_PROXY and NO_PROXY, which are ignored otherwise. Receivers on this machine are reached directly.\nExamples: http://proxy.example:3128, socks5h://proxy.example:1080",
        default: "none",
    },
    Setting {
        key: "proxy-auth-file",
        environment: "TENTERHOOK_PROXY_AUTH_FILE",
        value: "FILE",
        kind: Kind::One,
        group: SEND,
        help: "File with `user:password` for the proxy",
        more: "One line. Wins over a user and password in the URL.",
        default: "none",
    },
    Setting {
        key: "no-proxy",
        environment: "TENTERHOOK_NO_PROXY",
        value: "HOSTS",
        kind: Kind::Many,
        group: SEND,
        help: "Receivers to reach without the proxy; repeatable",
        more: "A host (with its sub-domains), .suffix or *.suffix (the sub-domains alone), an address, each with or without :port; a network; * for every host.\nExample: .corp.example,10.0.0.0/8",
        default: "none",
    },
    Setting {
        key: "proxy-resolve",
        environment: "TENTERHOOK_PROXY_RESOLVE",
        value: "WHERE",
        kind: Kind::One,
        group: SEND,
        help: "Who looks up the names of receivers: local (the server) or remote (the proxy)",
        more: "local asks the proxy for the address that was checked here. remote leaves names to the proxy, which then decides where they may lead: for networks that cannot look up public names.",
        default: "local",
    },
    Setting {
        key: "proxy-hosts",
        environment: "TENTERHOOK_PROXY_HOSTS",
        value: "HOSTS",
        kind: Kind::Many,
        group: SEND,
        help: "Hosts whose names --proxy-resolve remote leaves to the proxy; repeatable",
        more: "Written as for --no-proxy; all others are looked up and checked here.",
        default: "*",
    },
    Setting {
        key: "allow-direct",
        environment: "TENTERHOOK_ALLOW_DIRECT",
        value: "BOOL",
        kind: Kind::Switch,
        group: SEND,
        help: "Lets webhooks bypass the proxy: `transport.proxy` may be DIRECT",
        more: "Without a proxy every webhook may, and it changes nothing.",
        default: "false",
    },
    Setting {
        key: "max-in-flight",
        environment: "TENTERHOOK_MAX_IN_FLIGHT",
        value: "NUMBER",
        kind: Kind::One,
        group: SEND,
        help: "Requests in flight at once, to all receivers together",
        more: "From 1 to 65536; each needs a socket and up to 1 MiB.",
        default: "1024",
    },
    Setting {
        key: "log-format",
        environment: "TENTERHOOK_LOG_FORMAT",
        value: "FORMAT",
        kind: Kind::One,
        group: OBSERVE,
        help: "Format of the log on standard error: text or json",
        more: "text is for people; json writes one object a line. A program that starts the server finds where it listens in the one \
               whose target is tenterhook::started.",
        default: "text",
    },
    Setting {
        key: "log-level",
        environment: "TENTERHOOK_LOG_LEVEL",
        value: "LEVEL",
        kind: Kind::One,
        group: OBSERVE,
        help: "What is logged: error, warn, info, debug, trace, or a filter as in RUST_LOG",
        more: "Examples: warn, info,tenterhook_dispatch=debug",
        default: "info",
    },
    Setting {
        key: "audit-log",
        environment: "TENTERHOOK_AUDIT_LOG",
        value: "FILE",
        kind: Kind::One,
        group: OBSERVE,
        help: "File for the audit trail: who changed what, one JSON object a line",
        more: "The log has these lines too. The file is appended to, readable by its owner only, and reopened by its name on SIGHUP, \
               so that it can be rotated.\nExample: /var/log/tenterhook/audit.jsonl",
        default: "none",
    },
    Setting {
        key: "otlp-endpoint",
        environment: "TENTERHOOK_OTLP_ENDPOINT",
        value: "URL",
        kind: Kind::One,
        group: OBSERVE,
        help: "OpenTelemetry collector for spans and metrics (OTLP)",
        more: "A collector over TLS is verified by the system's roots, or by those in the file that SSL_CERT_FILE names.\n\
               Examples: http://127.0.0.1:4317, https://collector.example.com:4317",
        default: "none",
    },
    Setting {
        key: "otlp-protocol",
        environment: "OTEL_EXPORTER_OTLP_PROTOCOL",
        value: "PROTOCOL",
        kind: Kind::One,
        group: OBSERVE,
        help: "Protocol of the collector: grpc or http/protobuf",
        more: "Over HTTP, spans go to URL/v1/traces and metrics to URL/v1/metrics; the usual port is 4318.",
        default: "grpc",
    },
    Setting {
        key: "trace-ratio",
        environment: "TENTERHOOK_TRACE_RATIO",
        value: "NUMBER",
        kind: Kind::One,
        group: OBSERVE,
        help: "Share of publishes without a caller's trace that are traced, 0 to 1",
        more: "A publish that carries a `traceparent` header follows the caller's decision.\nExamples: 0, 0.01, 1",
        default: "1",
    },
    Setting {
        key: "webhook-metrics",
        environment: "TENTERHOOK_WEBHOOK_METRICS",
        value: "NUMBER",
        kind: Kind::One,
        group: OBSERVE,
        help: "How many webhooks have their own metrics, oldest first; 0 for none",
        more: "From 0 to 500. Each takes about ten time series, labelled with namespace and name.",
        default: "100",
    },
    Setting {
        key: "operational-events",
        environment: "TENTERHOOK_OPERATIONAL_EVENTS",
        value: "BOOL",
        kind: Kind::One,
        group: OBSERVE,
        help: "Publishes changes and failures of webhooks as events of the types `tenterhook.**`, or `off`",
        more: "Only webhooks with a rule that names these types receive them; a namespace without such a webhook \
               has none. docs/NOTIFICATIONS.md lists them.\nExamples: on, off",
        default: "true",
    },
    Setting {
        key: "threads",
        environment: "TENTERHOOK_THREADS",
        value: "NUMBER",
        kind: Kind::One,
        group: OBSERVE,
        help: "Threads that serve and send; the store has its own",
        more: "From 1 to 256. One is best on few cores, because work then never moves between them.",
        default: "1 on up to 4 cores, else a quarter of the cores",
    },
];

/// The setting of that key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The known key that is closest to `key`, if one is close enough to be meant: less than half of it is wrong.
pub(crate) fn closest(key: &str) -> Option<&'static str> {
    let key = key.replace('_', "-").to_lowercase();
    SETTINGS
        .iter()
        .map(|setting| (distance(&key, setting.key), setting.key))
        .min()
        .filter(|(distance, _)| *distance <= 3 && 2 * distance < key.len())
        .map(|(_, key)| key)
}

/// Letters to change, add or take away to get from one text to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

impl Setting {
    /// The setting as a flag of the command line.
    pub(crate) fn flag(&self) -> Arg {
        let short = format!("{} [default: {}]", self.help, self.default);
        let long = format!("{}\n\n{}\n\n[default: {}]", self.help, self.more, self.default);
        let flag = Arg::new(self.key)
            .long(self.key)
            .value_name(self.value)
            .env(self.environment)
            .hide_env_values(true)
            .help_heading(self.group)
            .help(StyledStr::from(short))
            .long_help(StyledStr::from(long));
        match self.kind {
            Kind::One => flag.action(ArgAction::Set),
            Kind::Many => flag.action(ArgAction::Append).value_delimiter(','),
            Kind::Switch => {
                flag.action(ArgAction::Set).num_args(0..=1).require_equals(true).default_missing_value("true")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_variables_are_named_after_their_flags() {
        for setting in &SETTINGS {
            let expected = format!("TENTERHOOK_{}", setting.key.to_uppercase().replace('-', "_"));
            // Some variables have a name of OpenTelemetry's, which other programs know too.
            assert!(setting.environment == expected || setting.environment.starts_with("OTEL_"), "{}", setting.key);
        }
    }

    #[test]
    fn keys_are_unique_and_every_row_has_its_texts() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            assert!(SETTINGS[..index].iter().all(|other| other.key != setting.key), "{}", setting.key);
            for text in [setting.help, setting.more, setting.default, setting.value] {
                assert!(!text.is_empty(), "{}", setting.key);
            }
            assert!(!setting.help.ends_with('.'), "{}: one line, no full stop", setting.key);
        }
    }

    #[test]
    fn the_operations_page_has_every_setting_and_its_variable() {
        let page = include_str!("../../../../docs/OPERATIONS.md");
        for setting in &SETTINGS {
            assert!(page.contains(&format!("`{}`", setting.key)), "{}", setting.key);
            assert!(page.contains(&format!("`{}`", setting.environment)), "{}", setting.environment);
        }
    }

    #[test]
    fn a_mistyped_key_finds_the_one_that_was_meant() {
        for (typed, meant) in [
            ("listn", Some("listen")),
            ("ops_listen", Some("ops-listen")),
            ("allow_networks", Some("allow-network")),
            ("Retention", Some("retention")),
            ("database", None),
        ] {
            assert_eq!(closest(typed), meant, "{typed}");
        }
    }
}
