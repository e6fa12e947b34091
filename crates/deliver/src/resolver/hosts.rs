//! The hosts file (hosts(5)): names with their addresses, one address a line.

use std::collections::HashMap;
use std::net::IpAddr;

use tenterhook_model::HostName;

/// What a hosts file says.
#[derive(Debug, Default)]
pub(super) struct Hosts(HashMap<Box<str>, Vec<IpAddr>>);

impl Hosts {
    /// Reads the text of the file; a line that makes no sense is passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut hosts = Self::default();
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(Ok(address)) = words.next().map(|word| word.parse::<IpAddr>()) else { continue };
            for name in words.filter_map(|word| HostName::parse(word).ok()) {
                let addresses = hosts.0.entry(name.without_dot().into()).or_default();
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        hosts
    }

    /// The addresses of `host`, of both kinds; no name server is asked for a name that is here.
    pub(super) fn addresses(&self, host: &HostName) -> Option<&[IpAddr]> {
        self.0.get(host.without_dot()).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_every_legal_form_are_found() {
        let text = "127.0.0.1\tlocalhost my_box\r\n\n# comment\n10.0.0.7 Hooks.Example.TEST. hooks # hooks2\n\
                    2001:db8::7 hooks\n10.0.0.7 hooks\nnonsense here\n10.0.0.8 bad..name good xn--bcher-kva.example\n::1%lo scoped";
        let hosts = Hosts::parse(text);
        let found = |name: &str| {
            let addresses = hosts.addresses(&HostName::parse(name).unwrap())?;
            Some(addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(found("my_box").as_deref(), Some("127.0.0.1"));
        assert_eq!(found("MY_BOX.").as_deref(), Some("127.0.0.1"));
        assert_eq!(found("hooks.example.test").as_deref(), Some("10.0.0.7"));
        assert_eq!(found("hooks").as_deref(), Some("10.0.0.7 2001:db8::7"));
        assert_eq!(found("good").as_deref(), Some("10.0.0.8"));
        assert_eq!(found("xn--bcher-kva.example").as_deref(), Some("10.0.0.8"));
        assert_eq!((found("hooks2"), found("here"), found("scoped")), (None, None, None));
    }

    proptest! {
        #[test]
        fn every_name_has_the_addresses_of_its_lines_once_and_in_their_order(
            lines in prop::collection::vec((0u8..5, prop::collection::vec("[ABab]{1,2}\\.?", 1..3), any::<bool>()), 0..12),
        ) {
            let mut wanted: HashMap<String, Vec<IpAddr>> = HashMap::new();
            let mut text = String::new();
            for (last, names, is_comment) in lines {
                let address = IpAddr::from([10, 0, 0, last]);
                let mark = if is_comment { "#" } else { "" };
                text.push_str(&format!("{mark}{address}\t{} # x\n", names.join(" ")));
                for name in names.iter().filter(|_| !is_comment) {
                    let addresses = wanted.entry(name.trim_end_matches('.').to_lowercase()).or_default();
                    if !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
            }
            let hosts = Hosts::parse(&text);
            prop_assert_eq!(hosts.0.len(), wanted.len());
            for (name, addresses) in wanted {
                let host = HostName::parse(&name).unwrap();
                prop_assert_eq!(hosts.addresses(&host), Some(addresses.as_slice()), "{} in {}", name, text);
            }
        }
    }
}
