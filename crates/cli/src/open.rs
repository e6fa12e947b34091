//! `tenterhook open`: the page of a thing in the console.

use std::process::{Command, Stdio};

use clap::Args;
use serde_json::json;

use crate::failure::{Done, Failure};
use crate::session::Session;

/// Programs that open a page in the browser of the desktop: of Linux and of macOS.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

/// What `tenterhook open` takes.
#[derive(Debug, Clone, Args)]
pub struct OpenArgs {
    /// A webhook by name or id, or a delivery or an event by id; without it the overview
    #[arg(value_name = "THING")]
    thing: Option<String>,
    /// Prints the address without opening it
    #[arg(long)]
    print: bool,
}

/// Opens a page, or prints where it is.
///
/// # Errors
/// When there is no such thing, or no browser.
pub(crate) async fn run(args: OpenArgs, session: &Session) -> Done {
    let page = match &args.thing {
        None => String::new(),
        Some(thing) if thing.starts_with("dlv_") => format!("deliveries/{}", session.delivery_id(thing).await?),
        Some(thing) if thing.starts_with("evt_") => format!("events/{}", session.event_id(thing).await?),
        Some(thing) => page_of(thing, session).await?,
    };
    let namespace = if session.namespace.is_empty() { "default" } else { &session.namespace };
    let url = format!("{}/console/{page}?namespace={namespace}", session.origin());
    if !args.print && session.out.is_for_people() {
        browse(&url)?;
    }
    session.out.one(&json!({"url": url}), &url, || url.clone());
    Ok(0)
}

/// The page of a webhook, or of an event whose publisher chose its id.
async fn page_of(thing: &str, session: &Session) -> Result<String, Failure> {
    match session.webhook(thing).await {
        Ok(webhook) => Ok(format!("webhooks/{}", webhook.id)),
        Err(failure) => match session.event_id(thing).await {
            Ok(event_id) => Ok(format!("events/{}", encoded(&event_id))),
            Err(_) => Err(failure),
        },
    }
}

/// A segment of a path (RFC 3986, section 3.3).
fn encoded(segment: &str) -> String {
    let mut text = String::new();
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn browse(url: &str) -> Result<(), Failure> {
    for opener in OPENERS {
        let started =
            Command::new(opener).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if started.is_ok_and(|status| status.success()) {
            return Ok(());
        }
    }
    Err(Failure::usage(format!("no browser could be opened; the page is {url}")).next("--print only prints it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_character_is_percent_encoded() {
        assert_eq!(encoded("a/b ü?"), "a%2Fb%20%C3%BC%3F");
    }
}
