//! `tenterhook doctor`: everything between this machine and deliveries that arrive, checked one after the other.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tenterhook_client::Error;
use tenterhook_client::v1::{CallerInfo, GetServerInfoRequest, ServerInfo, Webhook, WebhookState};
use tenterhook_model::harmless;

use crate::args::Common;
use crate::failure::{Done, Failure, NO};
use crate::output::style::Style;
use crate::output::{Output, count, now, times};
use crate::session::{Session, is_local};
use crate::status::{fails, quoted};

/// Receivers refuse signatures that are five minutes off; a clock is mended long before that.
const CLOCK_OFF_MAX: Duration = Duration::from_secs(30);
/// How long before its end a key is spoken of.
const EXPIRES_SOON: Duration = Duration::from_secs(7 * 86_400);

/// What `tenterhook doctor` takes: nothing but what all commands take.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Well,
    /// It works, and will not for ever.
    Warning,
    Fault,
}

impl Verdict {
    const fn word(self) -> (&'static str, &'static str, Style) {
        match self {
            Self::Well => ("*", "ok", Style::Green),
            Self::Warning => ("!", "warning", Style::Yellow),
            Self::Fault => ("x", "fault", Style::Red),
        }
    }
}

/// One check, and what it found.
#[derive(Debug)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    /// What helps.
    next: Option<String>,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { name, verdict, found: found.into(), next: None }
    }

    fn well(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Well, found)
    }

    fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    fn failed(name: &'static str, failure: &Failure) -> Self {
        let check = Self::new(name, Verdict::Fault, failure.message());
        match failure.next_step() {
            Some(next) => check.next(next),
            None => check,
        }
    }
}

/// Checks everything, and says 4 when something is at fault.
///
/// # Errors
/// Never: what fails is a finding.
pub(crate) async fn run(common: &Common, out: Output) -> Done {
    let checks = checks(common, out).await;
    let value = checks.iter().map(|check| {
        json!({"check": check.name, "verdict": check.verdict.word().1, "found": check.found, "next": check.next})
    });
    let worst = checks.iter().any(|check| check.verdict == Verdict::Fault);
    out.one(&value.collect(), if worst { "fault" } else { "ok" }, || people(&checks, out));
    Ok(if worst { NO } else { 0 })
}

fn people(checks: &[Check], out: Output) -> String {
    let mut text = String::new();
    for check in checks {
        let (sign, _, style) = check.verdict.word();
        text.push_str(&format!("{} {:<9} {}\n", out.paint(style, sign), check.name, harmless(&check.found)));
        for line in check.next.iter().flat_map(|next| next.lines()) {
            text.push_str(&format!("            {}\n", harmless(line)));
        }
    }
    text
}

async fn checks(common: &Common, out: Output) -> Vec<Check> {
    let session = match Session::open(common, out).await {
        Ok(session) => session,
        Err(failure) => return vec![Check::failed("setup", &failure)],
    };
    let context = session.context.as_ref().map_or("no context".to_owned(), |name| format!("context {name}"));
    let mut checks = vec![Check::well("setup", format!("{context}, server {}", session.address))];
    let asked = now();
    let info = match session.client.server().get_server_info(GetServerInfoRequest {}).await {
        Ok(info) => info.into_inner(),
        Err(status) => {
            checks.push(unreached(&session, status.into()));
            return checks;
        }
    };
    let (server, caller) = (info.server.unwrap_or_default(), info.caller.unwrap_or_default());
    checks.push(version(&server));
    checks.extend(key(&session, &server, &caller));
    checks.push(clock(&server, asked));
    match session.webhooks().await {
        Ok(webhooks) => checks.extend(of_webhooks(&webhooks)),
        Err(failure) => checks.push(Check::failed("webhooks", &failure)),
    }
    checks
}

/// A server that did not say what it is. A key that may only publish is as good as any for that.
fn unreached(session: &Session, error: Error) -> Check {
    if error.code == tenterhook_client::Code::PermissionDenied {
        return Check::well("server", "it responds, and this key may not look further");
    }
    Check::failed("server", &session.fail(error))
}

fn version(server: &ServerInfo) -> Check {
    let own = env!("CARGO_PKG_VERSION");
    let series = |version: &str| version.rsplit_once('.').map_or(version.to_owned(), |(series, _)| series.to_owned());
    let found = format!("version {}, store {}", server.version, server.store_engine);
    if series(&server.version) == series(own) {
        Check::well("server", found)
    } else {
        Check::new("server", Verdict::Warning, format!("{found}; this command is {own}"))
            .next("use the command of the server's version")
    }
}

fn key(session: &Session, server: &ServerInfo, caller: &CallerInfo) -> Vec<Check> {
    let mut checks = Vec::new();
    let is_open = server.features.iter().any(|feature| feature == "anonymous");
    for grant in &caller.grants {
        let name = if caller.name.is_empty() { "anyone" } else { &caller.name };
        let found = format!("{name}: {} of {}", grant.role, grant.namespace);
        let end = times::timestamp(grant.expire_time.as_ref());
        checks.push(match end.filter(|end| end.since(now()) < EXPIRES_SOON) {
            Some(_) => Check::new(
                "key",
                Verdict::Warning,
                format!("{found}; it expires {}", session.out.time(grant.expire_time.as_ref())),
            )
            .next("`tenterhook token create` or `tenterhook key new` makes another"),
            None => Check::well("key", found),
        });
    }
    if is_open && !is_local(&session.address) {
        checks.push(
            Check::new("key", Verdict::Warning, "the server lets everyone in without a key")
                .next("start it with --api-keys; `tenterhook key new --append FILE` makes one"),
        );
    }
    checks
}

/// The server's clock against this machine's.
fn clock(server: &ServerInfo, asked: tenterhook_model::Timestamp) -> Check {
    let Some(theirs) = times::timestamp(server.current_time.as_ref()) else {
        return Check::new("clock", Verdict::Warning, "the server does not say what time it has");
    };
    // It said so at some time between the question and now.
    let (early, late) = (asked.since(theirs), theirs.since(now()));
    let off = early.max(late);
    if off <= CLOCK_OFF_MAX {
        return Check::well("clock", "the server has the time of this machine");
    }
    let which = if early > late { "behind" } else { "ahead of" };
    Check::new("clock", Verdict::Fault, format!("the server is {} {which} this machine", times::short(off)))
        .next("let both follow NTP: receivers refuse signatures that are 5 minutes off")
}

fn of_webhooks(webhooks: &[Webhook]) -> Vec<Check> {
    let mut checks = Vec::new();
    for webhook in webhooks {
        let name = quoted(&tenterhook_model::harmless_line(&webhook.display_name));
        let next = format!("tenterhook webhook show {name}");
        if webhook.state() == WebhookState::Suspended {
            let found = format!("{name} is suspended and sends nothing");
            checks.push(Check::new("webhooks", Verdict::Fault, found).next(&next));
        } else if fails(webhook) {
            checks.push(Check::new("webhooks", Verdict::Fault, format!("{name} is failing")).next(&next));
        }
        for warning in &webhook.warnings {
            checks.push(Check::new("webhooks", Verdict::Warning, format!("{name}: {warning}")));
        }
    }
    if checks.is_empty() {
        let number = i64::try_from(webhooks.len()).unwrap_or(i64::MAX);
        checks.push(Check::well("webhooks", format!("{}, none failing", count(number, "webhook", "webhooks"))));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(seconds: i64) -> ServerInfo {
        let current_time = Some(prost_types::Timestamp { seconds, nanos: 0 });
        ServerInfo { version: env!("CARGO_PKG_VERSION").to_owned(), current_time, ..Default::default() }
    }

    #[test]
    fn a_clock_that_is_off_is_a_fault_in_both_directions() {
        let here = now();
        for (off, verdict, words) in
            [(0, Verdict::Well, "the time"), (-90, Verdict::Fault, "behind"), (90, Verdict::Fault, "ahead of")]
        {
            let check = clock(&server(here.seconds() + off), here);
            assert_eq!(check.verdict, verdict, "{off}: {check:?}");
            assert!(check.found.contains(words), "{check:?}");
        }
    }

    #[test]
    fn another_series_is_a_warning() {
        assert_eq!(version(&server(0)).verdict, Verdict::Well);
        let other = ServerInfo { version: "999.0.0".to_owned(), ..Default::default() };
        assert_eq!(version(&other).verdict, Verdict::Warning);
    }

    #[test]
    fn what_needs_a_person_is_named_and_the_rest_is_counted() {
        let webhook = |name: &str, state: WebhookState| Webhook {
            display_name: name.to_owned(),
            state: state.into(),
            ..Default::default()
        };
        let well = of_webhooks(&[webhook("a", WebhookState::Active), webhook("b", WebhookState::Paused)]);
        assert_eq!((well.len(), well[0].found.as_str()), (1, "2 webhooks, none failing"));
        let mut warned = webhook("c", WebhookState::Active);
        warned.warnings.push("its CA expires in 3 days".to_owned());
        let found = of_webhooks(&[webhook("a", WebhookState::Suspended), warned]);
        let verdicts: Vec<Verdict> = found.iter().map(|check| check.verdict).collect();
        assert_eq!(verdicts, [Verdict::Fault, Verdict::Warning]);
        assert_eq!(found[0].next.as_deref(), Some("tenterhook webhook show a"));
    }
}
