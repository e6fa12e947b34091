//! `tenterhook listen`: a receiver to debug with. It prints each request as it arrives, checks
//! its signature and answers as it is told.

mod keep;
/// The HTTP server that `listen`, `demo` and `bench` receive with.
pub mod receiver;
mod send_on;
/// A request on the screen.
pub mod show;
mod signature;
mod spelling;
mod subscription;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use hyper::{StatusCode, Uri};
use tenterhook_model::{Clock, Secret, SystemClock, system};

use crate::receiver::{Answer, Answers, Received, receive_spelled};
use crate::send_on::Forward;
use crate::subscription::Subscription;
use tenterhook_server::app::listen_on;
use tenterhook_server::app::signals::Signals;
use tenterhook_server::config::value;
use tenterhook_server::failure::InWords;
use tenterhook_terminal::{Style, Terminal};

pub use signature::{Verdict, verify};
pub use spelling::{Spelled, Spelling};

/// What `tenterhook listen` is told.
#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 9000, value_name = "PORT")]
    port: u16,
    /// Address to listen on, or `localhost` for 127.0.0.1 and ::1; 0.0.0.0 takes requests from other machines too
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS", value_parser = host)]
    host: Host,
    /// Creates a webhook at this server that sends every event here, and deletes it on exit
    ///
    /// For a server on this machine with --dev. Requests are signed, and their signatures checked.
    #[arg(
        long, value_name = "URL", num_args = 0..=1, default_missing_value = "http://127.0.0.1:50051",
        value_parser = subscription::server
    )]
    server: Option<String>,
    /// Secret to check signatures with; repeatable while keys rotate
    ///
    /// Checks whichever of X-Hook-Signature (NetBox), webhook-signature (Standard Webhooks)
    /// and X-Hub-Signature-256 (GitHub) a request carries.
    #[arg(long = "secret", env = "TENTERHOOK_LISTEN_SECRET", hide_env_values = true, value_name = "SECRET", value_parser = secret)]
    secrets: Vec<Secret>,
    /// Status to respond with
    #[arg(long, default_value = "200", value_name = "STATUS", value_parser = status)]
    status: StatusCode,
    /// How long to wait before each response, such as 250ms or 2s
    #[arg(long, default_value = "0s", value_name = "DURATION", value_parser = value::duration)]
    delay: Duration,
    /// Responds to this many requests with 503 first, to watch the retries
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    fail_first: u64,
    /// Prints one JSON object per request instead of text for people
    #[arg(long)]
    json: bool,
    /// Forwards each request to this URL, and returns its response
    ///
    /// The certificate of an https URL must chain to the system's roots, or to those in the file that
    /// SSL_CERT_FILE names.
    #[arg(long, value_name = "URL", value_parser = send_on::url, conflicts_with_all = ["status", "fail_first"])]
    forward: Option<Uri>,
    /// Saves each request as a file in this folder, which is created if missing
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
    /// Shows bodies as received, without indenting them
    #[arg(long, conflicts_with = "json")]
    raw: bool,
}

/// Where to listen.
#[derive(Debug, Clone, Copy)]
struct Host {
    address: IpAddr,
    /// The IPv6 loopback, for `localhost`: some programs try it first and give up without it.
    ipv6: Option<IpAddr>,
}

fn host(text: &str) -> Result<Host, String> {
    if text == "localhost" {
        return Ok(Host { address: Ipv4Addr::LOCALHOST.into(), ipv6: Some(Ipv6Addr::LOCALHOST.into()) });
    }
    let address = text.parse().map_err(|_| format!("`{text}` is not an address; write it like 127.0.0.1 or ::1"))?;
    Ok(Host { address, ipv6: None })
}

fn secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(Secret::new(text)) }
}

fn status(text: &str) -> Result<StatusCode, String> {
    let status = text.parse().ok().filter(|status: &StatusCode| (200..600).contains(&status.as_u16()));
    status.ok_or_else(|| format!("`{text}` is not a status from 200 to 599"))
}

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// When the port is taken, or the server takes no webhook.
pub async fn run(mut args: ListenArgs, terminal: Terminal) -> Result<()> {
    let signals = Signals::install()?;
    let Host { address, ipv6 } = args.host;
    let at = |ip| SocketAddr::new(ip, args.port);
    let listeners = listen_on(at(address), ipv6.map(at)).await;
    let listeners = listeners.map_err(|error| anyhow!("--host and --port: {error:#}"))?;
    let address = listeners[0].local_addr().context("the listener has no address")?;
    if let Some(folder) = &args.save {
        keep::prepare(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let subscription = match &args.server {
        Some(server) => Some(Subscription::begin(server, address).await?),
        None => None,
    };
    args.secrets.extend(subscription.as_ref().map(|subscription| subscription.secret.clone()));
    if args.json {
        terminal.line(serde_json::json!({ "listening": format!("http://{address}/") }));
    } else {
        terminal.prose(greeting(&args, address, terminal));
    }
    let forward = args.forward.clone().map(Forward::to);
    let listener_end = signals.shutdown.clone();
    let answers = Arc::new(Listener { args, terminal, forward, arrived: AtomicU64::new(0) });
    receive_spelled(listeners, listener_end, answers).await;
    match subscription {
        Some(subscription) => {
            let ended = subscription.end().await;
            ended.map_err(|error| anyhow!("the webhook of this receiver was not deleted: {error}"))
        }
        None => Ok(()),
    }
}

fn greeting(args: &ListenArgs, address: SocketAddr, terminal: Terminal) -> String {
    let url = terminal.paint(Style::Cyan, format!("http://{address}/"));
    let mut text = format!("Waiting for webhooks at {url} and any path below; stop with Ctrl-C.");
    if let Some(server) = &args.server {
        text.push_str(&format!("\nThe server at {server} sends every event here until then."));
    }
    if args.fail_first > 0 {
        text.push_str(&format!("\nThe first {} get 503.", args.fail_first));
    }
    if args.secrets.is_empty() {
        text.push_str("\nSignatures are not checked; give --secret SECRET to check them.");
    }
    if address.ip().is_loopback() && args.server.is_none() {
        text.push_str("\nA server on this machine needs --dev or --allow-network 127.0.0.1 to send here.");
    }
    text
}

/// Prints requests and answers them.
#[derive(Debug)]
struct Listener {
    args: ListenArgs,
    terminal: Terminal,
    forward: Option<Forward>,
    arrived: AtomicU64,
}

impl Answers for Listener {
    async fn answer(&self, request: Received) -> Answer {
        let number = self.arrived.fetch_add(1, Ordering::Relaxed) + 1;
        let now = SystemClock.now();
        let status = if number <= self.args.fail_first { StatusCode::SERVICE_UNAVAILABLE } else { self.args.status };
        let verdicts = verify(&request, &self.args.secrets, now);
        let forwarded = match &self.forward {
            Some(forward) => Some(forward.send(&request).await),
            None => None,
        };
        let status = forwarded.as_ref().map_or(status, |forwarded| forwarded.status);
        let headers = request.spelling.of(&request.headers).await;
        let kept = self.args.save.as_ref().map(|folder| keep(folder, number, &request, &headers));
        let notes = [("forward", forwarded.as_ref().map(|forwarded| forwarded.said.clone())), ("saved", kept)];
        let notes = notes.into_iter().filter_map(|(name, said)| Some((name, said?))).collect();
        let raw = self.args.raw;
        let (request, headers, verdicts) = (&request, headers.as_slice(), verdicts.as_slice());
        let shown = show::Shown { number, now, request, headers, verdicts, status, notes, raw };
        self.terminal.line(if self.args.json { shown.json() } else { shown.text(self.terminal) });
        let answer = Answer { delay: self.args.delay, ..Answer::status(status) };
        match forwarded {
            Some(forwarded) => Answer { body: forwarded.body, ..answer },
            None => answer,
        }
    }
}

/// Keeps a request, and says where, or why it could not.
fn keep(folder: &Path, number: u64, request: &Received, headers: &[Spelled]) -> String {
    match keep::keep(folder, number, request, headers) {
        Ok(path) => path.display().to_string(),
        Err(error) => format!("not in {}: {}", folder.display(), system::text_in_words(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_both_families_and_other_names_are_no_address() {
        let both = host("localhost").unwrap();
        assert_eq!((both.address.to_string().as_str(), both.ipv6), ("127.0.0.1", Some(Ipv6Addr::LOCALHOST.into())));
        for one in ["0.0.0.0", "::1"] {
            let host = host(one).unwrap();
            assert_eq!((host.address.to_string().as_str(), host.ipv6), (one, None));
        }
        for bad in ["", "box.example", "127.0.0.1:9000", "[::1]"] {
            assert!(host(bad).unwrap_err().ends_with("is not an address; write it like 127.0.0.1 or ::1"), "{bad}");
        }
    }

    #[test]
    fn a_status_is_one_that_ends_a_request() {
        for right in [200, 204, 302, 404, 503, 599] {
            assert_eq!(status(&right.to_string()).unwrap().as_u16(), right);
        }
        for wrong in ["", "100", "199", "600", "999", "99", "ok", "200 OK", "-200", "٢٠٠"] {
            assert_eq!(status(wrong), Err(format!("`{wrong}` is not a status from 200 to 599")));
        }
    }

    #[test]
    fn a_secret_has_at_least_one_character() {
        assert_eq!(secret("").unwrap_err(), "must not be empty");
        assert_eq!(secret(" ").unwrap().expose(), " ", "a blank is one");
    }

    /// What the command line means.
    fn args(words: &[&str]) -> Result<ListenArgs, clap::Error> {
        use clap::Parser as _;
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: ListenArgs,
        }
        Line::try_parse_from(["listen"].iter().chain(words)).map(|line| line.args)
    }

    #[test]
    fn flags_that_would_contradict_each_other_are_refused() {
        let forward = ["--forward", "http://127.0.0.1:3000"];
        assert!(args(&forward).is_ok());
        for other in [&["--status", "500"][..], &["--fail-first", "1"]] {
            assert!(args(&[&forward[..], other].concat()).is_err(), "{other:?}");
        }
        assert!(args(&["--raw", "--json"]).is_err());
        let server = |words: &[&str]| args(words).unwrap().server;
        assert_eq!(server(&["--server"]).as_deref(), Some("http://127.0.0.1:50051"));
        assert_eq!(server(&["--server", "http://127.0.0.1:7/"]).as_deref(), Some("http://127.0.0.1:7"));
        assert_eq!(server(&[]), None);
    }

    #[test]
    fn the_greeting_says_what_is_checked_and_what_a_server_needs() {
        let greeted = |words: &[&str], address: &str| {
            greeting(&args(words).unwrap(), address.parse().unwrap(), Terminal::plain())
        };
        let plain = greeted(&[], "127.0.0.1:9000");
        assert!(plain.starts_with("Waiting for webhooks at http://127.0.0.1:9000/ and any path below"), "{plain}");
        assert!(plain.contains("Signatures are not checked") && plain.contains("--allow-network 127.0.0.1"), "{plain}");
        let checked = greeted(&["--secret", "s3cret", "--fail-first", "2"], "192.0.2.1:9000");
        assert!(
            !checked.contains("not checked") && !checked.contains("--dev") && !checked.contains("s3cret"),
            "{checked}"
        );
        assert!(checked.ends_with("The first 2 get 503."), "{checked}");
        let served = greeted(&["--server"], "127.0.0.1:9000");
        assert!(
            served.contains("The server at http://127.0.0.1:50051 sends every event here") && !served.contains("--dev"),
            "{served}"
        );
    }

    fn received(body: &'static [u8]) -> Received {
        Received {
            peer: "127.0.0.1:4000".parse().unwrap(),
            method: hyper::Method::POST,
            path: "/".to_owned(),
            headers: hyper::HeaderMap::new(),
            spelling: Default::default(),
            body: bytes::Bytes::from_static(body),
        }
    }

    fn listener(words: &[&str]) -> Listener {
        Listener { args: args(words).unwrap(), terminal: Terminal::plain(), forward: None, arrived: AtomicU64::new(0) }
    }

    #[tokio::test]
    async fn the_first_requests_fail_and_the_others_get_the_status() {
        let listener = listener(&["--fail-first", "2", "--status", "202", "--delay", "5ms"]);
        let mut statuses = Vec::new();
        for _ in 0..4 {
            let answer = listener.answer(received(b"{}")).await;
            statuses.push(answer.status.as_u16());
            assert_eq!(answer.delay, Duration::from_millis(5));
        }
        assert_eq!(statuses, [503, 503, 202, 202]);
    }

    #[tokio::test]
    async fn requests_are_kept_in_the_folder_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let listener = listener(&["--save", folder.path().to_str().unwrap(), "--json"]);
        for body in [&b"one"[..], b"two"] {
            listener.answer(received(body)).await;
        }
        for (name, body) in [("0001.http", "one"), ("0002.http", "two")] {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            assert_eq!(text, format!("POST / HTTP/1.1\r\n\r\n{body}"));
        }
        let gone = folder.path().join("gone");
        let said = keep(&gone, 1, &received(b""), &[]);
        assert!(said.starts_with(&format!("not in {}: ", gone.display())), "{said}");
    }
}
