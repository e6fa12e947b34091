//! Tables of command lines and files, and what becomes of them.

use std::collections::BTreeMap;

use clap::{Args, Command, FromArgMatches};
use tenterhook_model::webhook::ProxyUse;
use tenterhook_model::{TargetUrl, limits};

use super::*;

fn args(line: &str) -> ServeArgs {
    let command = ServeArgs::augment_args(Command::new("serve"));
    let matches = command.try_get_matches_from(std::iter::once("serve").chain(line.split_whitespace())).unwrap();
    ServeArgs::from_arg_matches(&matches).unwrap()
}

fn load(line: &str) -> Result<Config, String> {
    Config::load(&args(line)).map_err(|error| error.to_string())
}

fn load_file(line: &str, file: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tenterhook.toml");
    std::fs::write(&path, file).unwrap();
    load(&format!("{line} --config {}", path.display()))
        .map_err(|text| text.replace(&path.display().to_string(), "FILE"))
}

#[test]
fn defaults_are_those_that_the_help_tells() {
    let config = load("").unwrap();
    for (shown, key) in [
        (config.listen.to_string(), "listen"),
        (config.ops_listen.unwrap().to_string(), "ops-listen"),
        (config.dev.to_string(), "dev"),
        (config.reflection.to_string(), "reflection"),
        (value::show_duration(config.drain_grace), "drain-grace"),
        (config.store.clone(), "store"),
        (value::show_duration(config.retention), "retention"),
        (config.operational_events.to_string(), "operational-events"),
        (config.addresses.allow_http.to_string(), "allow-http"),
        (config.addresses.allow_insecure_tls.to_string(), "allow-insecure-tls"),
        (config.max_in_flight.to_string(), "max-in-flight"),
        (config.telemetry.log_level.clone(), "log-level"),
        (config.telemetry.trace_ratio.to_string(), "trace-ratio"),
    ] {
        assert_eq!(shown, setting::find(key).unwrap().default, "{key}");
    }
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap();
    let defaults: BTreeMap<&str, u64> = [
        (millis(config.drain_grace), "drain-grace"),
        (millis(config.retention), "retention"),
        (config.max_in_flight as u64, "max-in-flight"),
        (millis(config.node.lease), "lease"),
        (config.telemetry.webhook_metrics as u64, "webhook-metrics"),
    ]
    .map(|(set, key)| (key, set))
    .into();
    let rows: BTreeMap<&str, u64> =
        limits::TABLE.iter().filter_map(|limit| limit.flag.map(|key| (key, limit.most))).collect();
    assert_eq!(defaults, rows, "a flag has the default of its row");
    assert_eq!(config.telemetry.log_format, LogFormat::Text);
    assert!(config.addresses.allow.is_empty() && config.tls.is_none() && config.api_keys.is_none());
}

#[test]
fn flags_are_read() {
    let config = load(
        "--listen [::1]:0 --ops-listen off --store memory: --retention 1h --max-in-flight 3 --log-format json \
         --allow-network 10.0.0.0/8 --allow-network 192.168.1.7,fd00::/8 --deny-network 10.1.0.0/16 --allow-http=false \
         --source-address 127.0.0.1 --source-address ::1 --drain-grace 250ms --threads 2 --operational-events off --public-url https://hooks.example.com/ --log-level warn --otlp-endpoint http://127.0.0.1:4317 --trace-ratio 0.5",
    )
    .unwrap();
    assert_eq!((config.listen.to_string().as_str(), config.ops_listen), ("[::1]:0", None));
    assert_eq!((config.store.as_str(), config.retention.as_secs()), ("memory:", 3_600));
    assert_eq!((config.max_in_flight, config.threads), (3, 2));
    assert_eq!(config.addresses.allow.len(), 3);
    assert_eq!(config.addresses.deny.len(), 1);
    assert_eq!(config.source.iter().collect::<Vec<_>>(), ["127.0.0.1", "::1"].map(|ip| ip.parse::<IpAddr>().unwrap()));
    assert!(!config.addresses.allow_http && !config.operational_events);
    assert_eq!(config.public_url.as_deref(), Some("https://hooks.example.com"));
    assert_eq!(config.telemetry.log_format, LogFormat::Json);
    assert_eq!(config.telemetry.otlp_endpoint.as_deref(), Some("http://127.0.0.1:4317"));
}

#[test]
fn proxies_are_read_with_their_password_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth");
    std::fs::write(&file, "usr:p:w\n").unwrap();
    let line = format!(
        "--proxy http://proxy.example:3128 --proxy-auth-file {} --no-proxy .corp.example,10.0.0.0/8 --allow-direct",
        file.display()
    );
    let config = load(&line).unwrap();
    assert!(!format!("{config:?}").contains("p:w"));
    let egress = config.egress;
    let way = |url: &str| egress.proxy(&TargetUrl::parse(url).unwrap(), ProxyUse::Default).map(ToString::to_string);
    assert_eq!(way("https://example.com/").as_deref(), Some("http://proxy.example:3128"));
    assert_eq!((way("https://a.corp.example/"), way("http://10.1.2.3/")), (None, None));
    let (user, password) = egress.https.as_ref().and_then(|proxy| proxy.credentials.as_ref()).unwrap();
    assert_eq!((user.as_str(), password.expose()), ("usr", "p:w"));
    assert!(egress.may_be_direct() && !egress.leaves_name_to_proxy(&TargetUrl::parse("https://example.com/").unwrap()));
    let remote =
        load("--proxy socks5h://proxy.example --proxy-resolve remote --proxy-hosts .example.com").unwrap().egress;
    let leaves = |url: &str| remote.leaves_name_to_proxy(&TargetUrl::parse(url).unwrap());
    assert_eq!(
        ["https://a.example.com/", "https://example.org/", "https://8.8.8.8/"].map(leaves),
        [true, false, false]
    );
    assert!(!remote.may_be_direct() && load("").unwrap().egress.may_be_direct());
}

#[test]
fn the_command_of_the_page_on_proxies_is_taken() {
    let page = include_str!("../../../../docs/PROXIES.md");
    let command = page.lines().find_map(|line| line.strip_prefix("tenterhook serve ")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxy");
    std::fs::write(&file, "usr:p\n").unwrap();
    let egress = load(&command.replace("/etc/tenterhook/proxy", &file.display().to_string())).unwrap().egress;
    assert_eq!(egress.https.map(|proxy| proxy.to_string()).as_deref(), Some("http://proxy.example:3128"));
}

#[test]
fn the_environment_names_proxies_where_it_is_asked_for() {
    let read = |line: &str, variables: &[(&str, &str)]| {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::read_with(&args(line), &find)
            .into_result()
            .map(|config| config.egress)
            .map_err(|error| error.to_string())
    };
    let way = |egress: &Egress, url: &str| {
        egress.proxy(&TargetUrl::parse(url).unwrap(), ProxyUse::Default).map(ToString::to_string)
    };
    let https = ("HTTPS_PROXY", "http://usr:hunter2@one.example:3128");
    // The empty variable counts as none, and both cases are read.
    let set = [https, ("HTTP_PROXY", ""), ("http_proxy", "two.example"), ("no_proxy", ".corp.example")];
    let egress = read("--proxy env", &set).unwrap();
    assert_eq!(way(&egress, "https://example.com/").as_deref(), Some("http://one.example:3128"));
    assert_eq!(way(&egress, "http://example.com/").as_deref(), Some("http://two.example:80"));
    assert_eq!(way(&egress, "https://a.corp.example/"), None);
    let (user, password) = egress.https.as_ref().and_then(|proxy| proxy.credentials.as_ref()).unwrap();
    assert_eq!((user.as_str(), password.expose()), ("usr", "hunter2"));
    let listed = read("--proxy env --no-proxy example.com", &set).unwrap();
    assert_eq!(way(&listed, "https://example.com/"), None);
    assert!(way(&listed, "https://a.corp.example/").is_some(), "the flag wins");
    let ignored = read("", &set).unwrap();
    assert_eq!(way(&ignored, "https://example.com/"), None);
    let other = read("--proxy http://three.example:1", &set).unwrap();
    assert_eq!(way(&other, "https://example.com/").as_deref(), Some("http://three.example:1"));
    assert_eq!(way(&read("--proxy env", &[]).unwrap(), "https://example.com/"), None);
    let wrong = read("--proxy env", &[("https_proxy", "ftp://usr:hunter2@x"), ("NO_PROXY", "a..b")]).unwrap_err();
    assert!(wrong.contains("HTTPS_PROXY") && wrong.contains("NO_PROXY") && !wrong.contains("hunter2"), "{wrong}");
}

#[test]
fn the_file_is_read_and_flags_win_over_it() {
    let file =
        "store = 'memory:'\nretention = '2d'\nmax-in-flight = 7\ndev = true\nallow-network = ['203.0.113.0/24']\n";
    let config = load_file("--retention 3d", file).unwrap();
    assert_eq!((config.store.as_str(), config.max_in_flight, config.dev), ("memory:", 7, true));
    assert_eq!(config.retention.as_secs(), 3 * 86_400);
    assert!(config.reflection, "--dev turns reflection on");
    assert!(config.addresses.permits("203.0.113.9".parse().unwrap()));
    assert!(config.addresses.permits("127.0.0.1".parse().unwrap()), "--dev allows private networks");
}

#[test]
fn every_fault_is_told_at_once_with_its_key() {
    let text =
        load("--listen here --retention 7 --max-in-flight 0 --allow-network 10.0.0.0/99 --log-format xml").unwrap_err();
    assert!(text.starts_with("5 configuration errors"), "{text}");
    for part in [
        "--listen: `here` is not an address and port",
        "--retention: `7` is not a duration",
        "--max-in-flight: `0` is not a whole number from 1 to 65536",
        "--allow-network: `10.0.0.0/99` is not a network",
        "--log-format: `xml` is neither text nor json",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_server_for_trying_out_may_forget_at_once() {
    assert_eq!(load("--dev --retention 1s").unwrap().retention.as_secs(), 1);
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for key in ["config", "api-keys", "tls-cert", "tls-key", "client-ca", "proxy-auth-file"] {
        for (path, why) in [
            (pipe.as_path(), "it is not a file, but a pipe, a socket or a device"),
            (Path::new("/dev/zero"), "it is not a file, but a pipe, a socket or a device"),
            (folder.path(), "is a directory"),
        ] {
            let text = load(&format!("--{key} {}", path.display())).expect_err(key);
            assert!(text.contains(&format!("cannot read {}: {why}", path.display())), "{key}: {text}");
        }
    }
    let key = crate::app::sealing::try_load(&pipe).unwrap_err();
    assert!(key.to_string().contains("it is not a file"), "{key:#}");
}

#[test]
fn single_faults_say_what_to_do() {
    let table = [
        ("--listen 0.0.0.0:1 --insecure", "give --api-keys FILE"),
        ("--listen 0.0.0.0:1 --api-keys /dev/null", "give --tls-cert FILE and --tls-key FILE, or --insecure"),
        ("--listen 0.0.0.0:1 --dev", "leave --dev out"),
        ("--tls-cert /dev/null", "has no PEM block `-----BEGIN CERTIFICATE-----`"),
        ("--tls-key /nowhere/key.pem", "cannot read /nowhere/key.pem"),
        ("--tls-key /nowhere/key.pem", "needs --tls-cert too"),
        ("--client-ca /nowhere/ca.pem", "needs --tls-cert too"),
        ("--api-keys /nowhere/keys", "cannot read /nowhere/keys"),
        ("--ops-listen 127.0.0.1:50051", "take another port"),
        ("--ops-listen 0.0.0.0:50051", "is 0.0.0.0:50051, where the API listens"),
        ("--listen [::1]:50051 --ops-listen localhost:50051", "is [::1]:50051, where the API listens"),
        ("--listen localhost:50051 --ops-listen [::]:50051", "is [::]:50051, where the API listens"),
        ("--store mysql:x", "give redb:DIR, sled:DIR, postgres://"),
        ("--store redb:", "give redb:DIR, sled:DIR, postgres://"),
        ("--store memory:x", "give redb:DIR, sled:DIR, postgres://"),
        ("--store postgres:x", "give redb:DIR, sled:DIR, postgres://"),
        ("--store postgres://th@localhost/x", "give --sealing-key-file FILE"),
        ("--lease 1s", "must be from 3s to 1m"),
        ("--node-name=", "must have 1 to 63 characters"),
        ("--node-address 10.0.0.1", "give --store postgres://"),
        ("--node-address 0.0.0.0:1", "not an address that other nodes can connect to"),
        ("--node-address a:0", "has no port from 1 to 65535"),
        ("--source-address 10.0.0.0/8", "`10.0.0.0/8` is not an IP address"),
        ("--source-address 0.0.0.0", "`0.0.0.0` is not an address of one machine"),
        ("--source-address 10.0.0.1,::ffff:10.0.0.2", "`10.0.0.2` is a second IPv4 address"),
        ("--proxy ftp://u:hunter2@proxy.example", "must begin with http://, https:// or socks5h://"),
        ("--proxy http://proxy.example/path", "must end after the port"),
        ("--proxy-auth-file /nowhere/auth", "cannot read /nowhere/auth"),
        ("--proxy-auth-file /dev/null", "must have one line `user:password`"),
        ("--proxy-hosts u:hunter2@proxy.example", "`***@proxy.example` is neither a host"),
        ("--allow-origin https://u:hunter2@a.example/x", "`https://***@a.example/x` is not an origin"),
        ("--console-host https://u:hunter2@a.example", "`https://***@a.example` is not a host name"),
        ("--no-proxy a..b", "`a..b` is neither a host, an address, a network nor `*`"),
        ("--proxy-resolve here", "`here` is neither local nor remote"),
        ("--retention 59s", "must be from 1m"),
        ("--retention 0s --dev", "must be from 1s"),
        ("--drain-grace 2h", "must be from 0s to 1h"),
        ("--log-level tenterhook=loud", "`tenterhook=loud` is not a level; write off, error"),
        ("--log-level loud", "`loud` is not a level"),
        ("--log-level info,hyper", "`hyper` is not a level"),
        ("--log-level info,,warn", "`` is not a level"),
        ("--log-level =debug", "`=debug` is not a level"),
        ("--api-keys /dev/null", "/dev/null lists no keys"),
        ("--otlp-endpoint collector:4317", "write it like http://127.0.0.1:4317"),
        ("--otlp-endpoint ftp://collector:4317", "write it like http://127.0.0.1:4317"),
        ("--otlp-protocol http/json", "neither grpc nor http/protobuf"),
        ("--trace-ratio 2", "from 0 to 1"),
        ("--dev=perhaps", "neither true nor false"),
        ("--threads 0", "from 1 to 256"),
        ("--config /nowhere/file.toml", "cannot read /nowhere/file.toml"),
    ];
    for (line, part) in table {
        let text = load(line).expect_err(line);
        assert!(text.contains(part), "{line}: {text}");
    }
}

#[test]
fn faults_of_the_file_name_the_file_and_the_key() {
    let table = [
        ("listn = '127.0.0.1:1'", "listn in FILE: is not a setting; do you mean `listen`?"),
        ("[tls]\ncert = 'a'", "tls in FILE: is not a setting; `tenterhook serve --help` lists them"),
        ("colour = 'blue'", "colour in FILE: is not a setting; `tenterhook serve --help` lists them"),
        ("listen = ['a', 'b']", "listen in FILE: takes one value, not an array"),
        ("[listen]\na = 1", "listen in FILE: must be a text, number or boolean"),
        ("allow-network = [[1]]", "allow-network in FILE: must be an array of texts"),
        ("retention = 7", "retention in FILE: `7` is not a duration"),
        ("a = 1\nlisten = ", "config in FILE: line 2 is not TOML"),
        ("a = 1\nb = 2\n= 3\n", "config in FILE: line 3 is not TOML"),
    ];
    for (file, part) in table {
        let text = load_file("", file).expect_err(file);
        assert!(text.contains(part), "{file}: {text}");
    }
}

#[test]
fn an_open_listener_is_fine_with_keys_and_insecure() {
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), "# no keys\n").unwrap();
    assert!(load(&format!("--listen 0.0.0.0:1 --api-keys {} --insecure", keys.path().display())).is_ok());
}

#[test]
fn the_console_is_on_wherever_callers_are_known_unless_it_is_turned_off() {
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), "# no keys\n").unwrap();
    let keys = format!("--api-keys {}", keys.path().display());
    for (flags, is_on) in [
        ("--dev", true),
        (keys.as_str(), true),
        ("", false),
        ("--dev --console=false", false),
        (&format!("{keys} --console=false"), false),
        ("--console", true),
    ] {
        assert_eq!(load(flags).unwrap().console, is_on, "{flags:?}");
    }
}

#[test]
fn dev_wins_over_nothing_else_than_its_own_defaults() {
    let config = load("--dev --reflection=false --deny-network 127.0.0.0/8").unwrap();
    assert!(!config.reflection);
    assert!(!config.addresses.permits("127.0.0.1".parse().unwrap()), "deny wins over --dev");
}

#[test]
fn levels_are_taken_for_everything_and_for_targets() {
    for level in ["warn", "OFF", "info,hyper=debug", "info,tenterhook::app=trace", "h2=error,info"] {
        assert_eq!(load(&format!("--log-level {level}")).unwrap().telemetry.log_level, level);
    }
}
