//! By which way requests leave: the settings of proxies.

use std::path::Path;

use tenterhook_model::{Egress, HostList, Proxy, Secret, system};

use super::Reader;
use crate::regular;

/// The value of `--proxy` that reads the variables of other programs.
const ENVIRONMENT: &str = "env";

/// Who looks the names of receivers up.
enum Resolver {
    Local,
    Remote,
}

impl Reader<'_> {
    /// By which way requests leave.
    pub(super) fn egress(&mut self) -> Egress {
        let from_environment =
            self.given.get("proxy").is_some_and(|given| given.values.last().is_some_and(|text| text == ENVIRONMENT));
        let credentials = self.one("proxy-auth-file", credentials);
        let listed = self.lists("no-proxy");
        let resolver = self.one("proxy-resolve", resolver).unwrap_or(Resolver::Local);
        let hosts = self.lists("proxy-hosts").unwrap_or_else(HostList::all);
        let (https, http, mut direct) = match from_environment {
            true => (self.variable("HTTPS_PROXY"), self.variable("HTTP_PROXY"), self.no_proxy_of_environment()),
            false => {
                let proxy = self.one("proxy", |text| Proxy::parse(text).map_err(|error| error.to_string()));
                (proxy.clone(), proxy, HostList::default())
            }
        };
        if let Some(listed) = listed {
            direct = listed;
        }
        let with = |proxy: Option<Proxy>| {
            proxy.map(|proxy| Proxy { credentials: credentials.clone().or(proxy.credentials.clone()), ..proxy })
        };
        let resolved_by_proxy = match resolver {
            Resolver::Local => HostList::default(),
            Resolver::Remote => hosts,
        };
        let allow_direct = self.switch("allow-direct", false);
        Egress { https: with(https), http: with(http), direct, resolved_by_proxy, allow_direct }
    }

    /// The hosts of a setting that may be repeated.
    fn lists(&mut self, key: &'static str) -> Option<HostList> {
        let lists = self.many(key, |text| HostList::parse(text).map_err(|error| error.to_string()));
        self.is_given(key).then(|| HostList::joined(lists))
    }

    /// The proxy that a variable of the environment names.
    fn variable(&mut self, name: &str) -> Option<Proxy> {
        let text = self.text_of(name)?;
        let read = Proxy::parse(&text);
        read.map_err(|error| self.fault_of_proxy(format!("the variable {name} {error}"))).ok()
    }

    /// The text of a variable that is set and not empty; in capital letters first.
    fn text_of(&self, name: &str) -> Option<String> {
        let names = [name.to_owned(), name.to_ascii_lowercase()];
        names.iter().filter_map(|name| (self.variables)(name)).find(|value| !value.is_empty())
    }

    fn no_proxy_of_environment(&mut self) -> HostList {
        let read = HostList::parse(&self.text_of("NO_PROXY").unwrap_or_default());
        read.unwrap_or_else(|error| {
            self.fault_of_proxy(format!("the variable NO_PROXY: {error}"));
            HostList::default()
        })
    }

    fn fault_of_proxy(&mut self, message: String) {
        if let Some(given) = self.given.get("proxy") {
            self.fault("proxy", given, message);
        }
    }
}

/// Reads the file `user:password`.
fn credentials(path: &str) -> Result<(String, Secret), String> {
    let text = regular::read_text(Path::new(path))
        .map_err(|error| format!("cannot read {path}: {}", system::text_in_words(&error)))?;
    let (user, password) = text
        .trim_end_matches(['\r', '\n'])
        .split_once(':')
        .ok_or_else(|| format!("{path} must have one line `user:password`"))?;
    if user.is_empty() || password.contains(['\r', '\n']) {
        return Err(format!("{path} must have one line `user:password`"));
    }
    Ok((user.to_owned(), Secret::new(password)))
}

fn resolver(text: &str) -> Result<Resolver, String> {
    match text {
        "local" => Ok(Resolver::Local),
        "remote" => Ok(Resolver::Remote),
        _ => Err(format!("`{text}` is neither local nor remote")),
    }
}
