//! The resolver's configuration (resolv.conf(5)): name servers, search domains, `ndots`.

use hickory_resolver::proto::rr::Name;
use tenterhook_model::HostName;

use super::zone::ServerAddress;

/// Name servers that are asked; as many as the system's own resolver takes (`MAXNS`).
const SERVERS_MAX: usize = 3;
/// Search domains that are tried.
const SEARCH_MAX: usize = 32;
/// The largest `ndots` that counts (`RES_MAXNDOTS`).
const NDOTS_MAX: usize = 15;
/// Where Linux keeps the name of the machine, whose domain is searched when the file names none.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// The name server that is asked when the file names none.
const THIS_MACHINE: &str = "127.0.0.1";

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conf {
    /// Never empty: without a name server the one on this machine is asked.
    pub(super) servers: Vec<ServerAddress>,
    /// Whether name servers are asked over TCP only.
    pub(super) tcp_only: bool,
    search: Vec<HostName>,
    ndots: usize,
}

impl Conf {
    /// Reads the text of the file; what makes no sense is passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut conf = Self { servers: Vec::new(), tcp_only: false, search: Vec::new(), ndots: 1 };
        let mut names_search = false;
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().and_then(server)),
                Some("options") => words.for_each(|option| conf.set(option)),
                // The last of them that names a domain counts.
                Some("search" | "domain") if words.clone().next().is_some() => {
                    names_search = true;
                    conf.search = words.filter_map(domain).take(SEARCH_MAX).collect();
                }
                _ => {}
            }
        }
        conf.servers.truncate(SERVERS_MAX);
        if conf.servers.is_empty() {
            tracing::warn!("no name server is configured; asking the one on this machine");
            conf.servers.extend(ServerAddress::read(THIS_MACHINE));
        }
        assert!((1..=SERVERS_MAX).contains(&conf.servers.len()), "{} name servers are asked", conf.servers.len());
        if !names_search {
            conf.search = std::fs::read_to_string(HOSTNAME).ok().as_deref().and_then(own_domain).into_iter().collect();
        }
        conf
    }

    fn set(&mut self, option: &str) {
        match option.split_once(':') {
            Some(("ndots", number)) => self.ndots = number.parse().unwrap_or(1).min(NDOTS_MAX),
            None if option == "use-vc" => self.tcp_only = true,
            _ => {}
        }
    }

    /// The names to ask for in turn: with each search domain and by itself. A name with `ndots`
    /// dots or more is first asked for by itself; one that ends in a dot is not searched for.
    pub(super) fn candidates(&self, host: &HostName) -> Vec<Name> {
        let name = host.without_dot();
        let itself = absolute(name);
        if host.is_absolute() {
            return itself.into_iter().collect();
        }
        let searched = self.search.iter().filter_map(|domain| absolute(&format!("{name}.{}", domain.without_dot())));
        if name.matches('.').count() >= self.ndots {
            itself.into_iter().chain(searched).collect()
        } else {
            searched.chain(itself).collect()
        }
    }
}

/// The address of a name server.
fn server(word: &str) -> Option<ServerAddress> {
    let address = ServerAddress::read(word);
    if address.is_none() {
        tracing::warn!(entry = word, "ignoring a name server that is no address");
    }
    address
}

/// A search domain. The root, which some write, adds nothing to a name.
fn domain(word: &str) -> Option<HostName> {
    if word == "." {
        return None;
    }
    match HostName::parse(word) {
        Ok(domain) => Some(domain),
        Err(reason) => {
            tracing::warn!(entry = word, "ignoring a search domain that {reason}");
            None
        }
    }
}

/// The domain of a machine with this name.
fn own_domain(hostname: &str) -> Option<HostName> {
    hostname.trim().split_once('.').and_then(|(_, domain)| HostName::parse(domain).ok())
}

/// A name that is complete; `None` when it is longer than DNS allows.
fn absolute(text: &str) -> Option<Name> {
    Name::from_ascii(format!("{text}.")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidates(conf: &str, host: &str) -> Vec<String> {
        let names = Conf::parse(conf).candidates(&HostName::parse(host).unwrap());
        names.iter().map(ToString::to_string).collect()
    }

    fn servers(conf: &str) -> Vec<String> {
        Conf::parse(conf).servers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn odd_files_leave_a_configuration_that_works() {
        for empty in
            ["", "\n\n", "# nameserver 10.0.0.1\n; x", "nameserver\n", "nameserver x.example\n", "\u{fffd}\u{fffd}"]
        {
            assert_eq!(servers(empty), ["127.0.0.1"], "{empty:?}");
        }
        assert_eq!(
            servers("nameserver 10.0.0.1\r\n  nameserver\tfe80::1%eth0 # x\nnameserver ::1\nnameserver 10.0.0.4"),
            ["10.0.0.1", "fe80::1%eth0", "::1"]
        );
        assert!(Conf::parse("options use-vc rotate ndots:99 timeout:x").tcp_only);
        assert_eq!(Conf::parse("options ndots:99").ndots, NDOTS_MAX);
    }

    #[test]
    fn a_search_domain_that_no_name_can_have_is_left_out() {
        let conf = "search -bad.example.test good.example.test -- . Under_score. a..b";
        assert_eq!(candidates(conf, "box"), ["box.good.example.test.", "box.under_score.", "box."]);
    }

    #[test]
    fn names_are_searched_for_as_the_system_does() {
        let conf = "domain first.test\nsearch a.test b.test\noptions ndots:2";
        assert_eq!(candidates(conf, "box.x"), ["box.x.a.test.", "box.x.b.test.", "box.x."]);
        assert_eq!(candidates(conf, "box.x.y"), ["box.x.y.", "box.x.y.a.test.", "box.x.y.b.test."]);
        assert_eq!(candidates(conf, "box."), ["box."]);
        assert_eq!(candidates("search a.test\ndomain last.test", "box"), ["box.last.test.", "box."]);
        assert_eq!(candidates("domain a.test\nsearch\n", "box"), ["box.a.test.", "box."]);
        assert_eq!(candidates("search a.test", "my_box"), ["my_box.a.test.", "my_box."]);
        let long = ["a".repeat(63).as_str(); 3].join(".") + &format!(".{}", "b".repeat(60));
        assert_eq!(candidates("search example.test", &long).len(), 1, "with a domain it would be too long");
        assert_eq!(own_domain("box.corp.example\n").unwrap().as_str(), "corp.example");
        assert_eq!(own_domain("box\n"), None);
    }

    proptest! {
        #[test]
        fn a_file_of_any_kind_gives_servers_and_candidates(
            lines in prop::collection::vec("(nameserver|search|domain|options|#|x)? ?[a-z0-9.:%# -]{0,30}", 0..12),
            host in "[a-z]{1,5}(\\.[a-z]{1,5}){0,3}\\.?",
        ) {
            // The name of this machine plays no part where a file says what to search.
            let text = format!("{}\nsearch a.test b.test", lines.join("\n"));
            let conf = Conf::parse(&text);
            prop_assert!((1..=SERVERS_MAX).contains(&conf.servers.len()));
            prop_assert!(conf.ndots <= NDOTS_MAX);
            let host = HostName::parse(&host).unwrap();
            let names: Vec<String> = conf.candidates(&host).iter().map(ToString::to_string).collect();
            let itself = format!("{}.", host.without_dot());
            prop_assert!(names.iter().all(|name| name.starts_with(host.without_dot()) && name.ends_with('.')));
            prop_assert_eq!(names.iter().filter(|name| **name == itself).count(), 1, "{:?}", names);
            prop_assert_eq!(names.len(), if host.is_absolute() { 1 } else { 3 });
            let is_first = host.without_dot().matches('.').count() >= conf.ndots;
            let place = if is_first || host.is_absolute() { 0 } else { names.len() - 1 };
            prop_assert_eq!(&names[place], &itself);
        }
    }
}
