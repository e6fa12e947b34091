//! One run of a command against one server: the client, how to print, and when to ask first.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::{Stream, TryStreamExt as _};
use tenterhook_client::v1::{ListWebhooksRequest, WatchDeliveriesRequest, Webhook};
use tenterhook_client::{Client, Connectivity, Error, RetryPolicy, Watch};
use tenterhook_model::{Secret, system};
use tokio::process::Command;
use tokio::time::timeout;

use crate::args::Common;
use crate::context;
use crate::context::contexts::{Context, Contexts};
use crate::failure::Failure;
use crate::output::Output;

/// The server of someone who names none.
const DEFAULT_ADDRESS: &str = "127.0.0.1:50051";
/// Holds the API key.
const KEY_VARIABLE: &str = "TENTERHOOK_API_KEY";
/// Names a file that holds it.
const KEY_FILE_VARIABLE: &str = "TENTERHOOK_API_KEY_FILE";
/// Time for one call: a server that counts millions of deliveries takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time for the command that prints the key, which may ask for a passphrase.
const KEY_COMMAND_TIME: Duration = Duration::from_secs(120);

/// A client and how to print.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) out: Output,
    /// Where the server is, as it was named.
    pub(crate) address: String,
    /// The name of the context, if one is in use.
    pub(crate) context: Option<String>,
    /// Empty for the default.
    pub(crate) namespace: String,
    /// Whether certificates were given, which implies TLS.
    has_certificates: bool,
    yes: bool,
    /// Whether every write asks first.
    confirm: bool,
}

impl Session {
    /// A watch that says when it has no connection, and when it has one again.
    pub(crate) fn watch(&self, request: WatchDeliveriesRequest) -> Watch {
        let (out, address, mut failures) = (self.out, self.address.clone(), 0_u32);
        self.client.watch(request).on_connectivity(move |state| {
            let waits = matches!(state, Connectivity::Waiting { .. });
            // A connection that is back at once, as when the server ends an old one, is worth no word.
            match (waits, failures) {
                (true, 1) => out.note(&format!("no connection to {address}: trying again until there is one")),
                (false, 2..) => out.note(&format!("connected to {address} again")),
                _ => {}
            }
            failures = if waits { failures.saturating_add(1) } else { 0 };
        })
    }

    /// As flags, environment and context have it, in this order.
    ///
    /// # Errors
    /// When the context, the key or the certificates cannot be read. Nothing was called.
    pub(crate) async fn open(common: &Common, out: Output) -> Result<Self, Failure> {
        let (name, context) = context_in_use(common)?;
        let address = common.address.clone().or_else(|| Some(context.address.clone()).filter(|a| !a.is_empty()));
        let address = address.unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
        let namespace = common.namespace.clone().or_else(|| context.namespace.clone()).unwrap_or_default();
        // A person sees at once that there is no server, and repeats the command when there is.
        let mut builder =
            Client::builder(&address).namespace(&namespace).retry(RetryPolicy::disabled()).timeout(PATIENCE);
        if let Some(ca) = common.ca.as_ref().or(context.ca.as_ref()) {
            builder = builder.ca(read(ca)?);
        }
        let certificate = common.client_cert.as_ref().or(context.client_cert.as_ref());
        match (certificate, common.client_key.as_ref().or(context.client_key.as_ref())) {
            (Some(certificate), Some(key)) => builder = builder.identity(read(certificate)?, read(key)?),
            (None, None) => {}
            _ => {
                return Err(Failure::usage("a client certificate and its key belong together")
                    .next("give --client-cert FILE and --client-key FILE"));
            }
        }
        if let Some(key) = api_key(&context).await? {
            builder = builder.api_key(key.expose());
        }
        let client = builder.build().map_err(|error| Failure::build(&error))?;
        let has_certificates = certificate.is_some() || common.ca.is_some() || context.ca.is_some();
        let (yes, confirm) = (common.yes, context.confirm);
        Ok(Self { client, out, address, context: name, namespace, has_certificates, yes, confirm })
    }

    /// Where the pages of the server are.
    pub(crate) fn origin(&self) -> String {
        origin(&self.address, self.has_certificates)
    }

    /// A call that failed.
    pub(crate) fn fail(&self, error: impl Into<Error>) -> Failure {
        Failure::call(error.into(), &self.address)
    }

    /// Asks before a write of one thing, where the context wants that.
    ///
    /// # Errors
    /// When the answer is no, or nobody can be asked.
    pub(crate) fn may_write(&self, what: &str) -> Result<(), Failure> {
        if self.confirm { self.must_confirm(what) } else { Ok(()) }
    }

    /// Asks before a write of several things, unless `--yes` answers.
    ///
    /// # Errors
    /// When the answer is no, or nobody can be asked.
    pub(crate) fn must_confirm(&self, what: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        let what = tenterhook_model::harmless_line(what);
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(Failure::usage(format!("{what}? Nobody can be asked, so nothing was changed"))
                .next("give --yes to do it, or --dry-run to see what it would do"));
        }
        let _ = write!(io::stderr(), "{what}? [y/N] ").and_then(|()| io::stderr().flush());
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        match (read, answer.trim().to_ascii_lowercase().as_str()) {
            (Ok(_), "y" | "yes") => Ok(()),
            _ => Err(Failure::usage("nothing was changed")),
        }
    }

    /// Every webhook of the namespace.
    ///
    /// # Errors
    /// When the call fails.
    pub(crate) async fn webhooks(&self) -> Result<Vec<Webhook>, Failure> {
        self.all(self.client.list_webhooks(ListWebhooksRequest::default())).await
    }

    /// The names of webhooks by id. A key that may not list them leaves the ids without names.
    pub(crate) async fn names(&self) -> Names {
        let webhooks = self.webhooks().await.unwrap_or_default();
        Names(webhooks.into_iter().map(|webhook| (webhook.id, webhook.display_name)).collect())
    }

    /// Everything that a list has.
    ///
    /// # Errors
    /// When a call fails.
    pub(crate) async fn all<T>(&self, list: impl Stream<Item = Result<T, Error>>) -> Result<Vec<T>, Failure> {
        list.try_collect().await.map_err(|error| self.fail(error))
    }
}

/// The origin of an address, by the client's own rule: TLS unless the host is this machine and there are no
/// certificates.
fn origin(address: &str, has_certificates: bool) -> String {
    if address.contains("://") {
        return address.trim_end_matches('/').to_owned();
    }
    let scheme = if is_local(address) && !has_certificates { "http" } else { "https" };
    format!("{scheme}://{address}")
}

/// Whether an address is this machine's.
pub(crate) fn is_local(address: &str) -> bool {
    let address = address.rsplit_once("://").map_or(address, |(_, rest)| rest);
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The names of webhooks by id.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    /// The name, or the id of a webhook that has none any more.
    pub(crate) fn of<'a>(&'a self, webhook_id: &'a str) -> &'a str {
        self.0.get(webhook_id).map_or(webhook_id, String::as_str)
    }
}

/// The context that is named or in use. An address that is given stands for itself, without the key of a context that
/// belongs to another server.
fn context_in_use(common: &Common) -> Result<(Option<String>, Context), Failure> {
    if common.context.is_none() && common.address.is_some() {
        return Ok((None, Context::default()));
    }
    let contexts = context::contexts::path().map(|path| Contexts::read(&path)).transpose()?.unwrap_or_default();
    let Some(name) = common.context.clone().or_else(|| contexts.current.clone()) else {
        return Ok((None, Context::default()));
    };
    let context = context::find(&contexts, &name)?.clone();
    Ok((Some(name), context))
}

/// The key: of the environment, else as the context has it.
async fn api_key(context: &Context) -> Result<Option<Secret>, Failure> {
    if let Some(key) = std::env::var_os(KEY_VARIABLE).filter(|key| !key.is_empty()) {
        let key = key.into_string().map_err(|_| Failure::usage(format!("{KEY_VARIABLE} holds no key")))?;
        return Ok(Some(Secret::new(key.trim().to_owned())));
    }
    let named = std::env::var_os(KEY_FILE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(file) = named.as_ref().or(context.key_file.as_ref()) {
        let text = String::from_utf8(read(file)?);
        let text = text.map_err(|_| Failure::usage(format!("{} holds no key", file.display())))?;
        return Ok(Some(Secret::new(text.trim().to_owned())));
    }
    let Some(command) = &context.key_command else { return Ok(None) };
    let broken =
        |why: &str| Failure::usage(format!("the key-command of the context {why}")).next("tenterhook context show");
    let child = Command::new("sh").args(["-c", command]).stderr(Stdio::inherit()).kill_on_drop(true).output();
    let output = timeout(KEY_COMMAND_TIME, child).await.map_err(|_| broken("takes too long"))?;
    let output = output.map_err(|_| broken("cannot be run"))?;
    if !output.status.success() {
        return Err(broken("failed"));
    }
    let key = String::from_utf8(output.stdout).map_err(|_| broken("prints no key"))?;
    Ok(Some(Secret::new(key.trim().to_owned())))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {}", path.display(), system::in_words(&error))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_where_the_client_connects() {
        for (address, has_certificates, want) in [
            ("127.0.0.1:50051", false, "http://127.0.0.1:50051"),
            ("127.0.0.1:50051", true, "https://127.0.0.1:50051"),
            ("[::1]:50051", false, "http://[::1]:50051"),
            ("localhost:1", false, "http://localhost:1"),
            ("hooks.example.com:443", false, "https://hooks.example.com:443"),
            ("http://10.0.0.1:80/", true, "http://10.0.0.1:80"),
        ] {
            assert_eq!(origin(address, has_certificates), want);
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for local in ["127.0.0.1:1", "https://[::1]:1", "localhost:1", "http://127.9.9.9:80"] {
            assert!(is_local(local), "{local}");
        }
        for other in ["10.127.0.1:1", "localhost.example.com:1", "https://hooks.example.com:443"] {
            assert!(!is_local(other), "{other}");
        }
    }
}
