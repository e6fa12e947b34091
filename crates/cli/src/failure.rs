//! Why a command failed, for the person who typed it: what is wrong, every field at fault, and the command or
//! flag that helps.

use std::fmt::{self, Display};

use tenterhook_client::v1::ErrorReason;
use tenterhook_client::{BuildError, Code, Error};
use tenterhook_model::{harmless, harmless_line};

/// The server refused, or cannot be reached.
pub(crate) const REFUSED: u8 = 1;
/// Arguments or files are wrong; nothing was called.
pub(crate) const USAGE: u8 = 2;
/// `--dry-run` or `diff`: something would change.
pub(crate) const WOULD_CHANGE: u8 = 3;
/// The answer is no: a test failed, a preview did not match, `--wait` ended with failures.
pub(crate) const NO: u8 = 4;

/// A command that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Exit code.
    pub(crate) code: u8,
    message: String,
    /// Path and description of each field at fault.
    fields: Vec<(String, String)>,
    /// What to do.
    next: Option<String>,
}

/// What a command returns: its exit code.
pub(crate) type Done = Result<u8, Failure>;

impl Failure {
    /// Wrong arguments or files; nothing was called.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { code: USAGE, message: message.to_string(), fields: Vec::new(), next: None }
    }

    /// The server's no, in our words.
    pub(crate) fn refused(message: impl Display) -> Self {
        Self { code: REFUSED, ..Self::usage(message) }
    }

    /// The answer is no.
    pub(crate) fn no(message: impl Display) -> Self {
        Self { code: NO, ..Self::usage(message) }
    }

    /// The same with what to do.
    pub(crate) fn next(mut self, next: impl Display) -> Self {
        self.next = Some(next.to_string());
        self
    }

    /// What is wrong, with every field at fault.
    pub(crate) fn message(&self) -> String {
        Self { next: None, message: self.message.clone(), fields: self.fields.clone(), ..*self }.to_string()
    }

    /// What to do.
    pub(crate) fn next_step(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// The same with a further hint.
    pub(crate) fn also(mut self, hint: &str) -> Self {
        self.next = Some(self.next.map_or(hint.to_owned(), |next| format!("{next}; {hint}")));
        self
    }

    /// The same with fields at fault.
    pub(crate) fn fields(mut self, fields: Vec<(String, String)>) -> Self {
        self.fields = fields;
        self
    }

    /// A call to the server at `address` that failed.
    pub(crate) fn call(error: Error, address: &str) -> Self {
        let message = match error.code {
            // What the client's library adds is for programs.
            Code::Unavailable if error.permanent => {
                let what = error.message.split(": ").next().unwrap_or_default();
                format!("no connection to {address}: {what}")
            }
            Code::Unavailable if error.reason == ErrorReason::Unspecified => {
                format!("no server responds at {address}")
            }
            Code::DeadlineExceeded => format!("the server at {address} did not respond in time"),
            // The message repeats the first of them.
            _ if !error.field_violations.is_empty() => match error.field_violations.len() {
                1 => "the server refused a field".to_owned(),
                count => format!("the server refused {count} fields"),
            },
            _ => error.message.clone(),
        };
        let next = next_step(&error).map(str::to_owned);
        let fields = error.field_violations.into_iter().map(|v| (v.field, v.description)).collect();
        Self { code: REFUSED, message, fields, next }
    }

    /// A client that cannot be made.
    pub(crate) fn build(error: &BuildError) -> Self {
        match error {
            BuildError::Target(_) => Self::usage("the address is not host:port")
                .next("give --address HOST:PORT, with http:// before it for a server without TLS"),
            BuildError::KeyInTheClear => Self::usage("an API key is not sent without TLS to another machine")
                .next("give --address without http://, or unset the key"),
            BuildError::Key => Self::usage("the API key has characters that no key has"),
            _ => Self::usage("the certificates cannot be used").next("--ca takes a file of PEM certificates"),
        }
    }
}

/// What helps, by the reason.
fn next_step(error: &Error) -> Option<&'static str> {
    Some(match error.reason {
        ErrorReason::WebhookNotFound => "`tenterhook webhook list` shows what there is",
        ErrorReason::EventNotFound => "`tenterhook event list` shows what there is",
        ErrorReason::DeliveryNotFound => "`tenterhook delivery list` shows what there is",
        ErrorReason::EtagMismatch => "someone else changed it: look at `tenterhook webhook show`, then repeat",
        ErrorReason::DisplayNameTaken => "choose another name, or `tenterhook webhook edit` the one that has it",
        ErrorReason::KeyInvalid => "check TENTERHOOK_API_KEY, or the key of the context (`tenterhook context show`)",
        ErrorReason::KeyForbidden => "use a key with another role or namespace; `tenterhook status` shows yours",
        ErrorReason::UrlForbidden => {
            "give a URL that the server may send to, or start it with --allow-network for the network of this receiver"
        }
        ErrorReason::SigningKeyNotFound => "`tenterhook webhook show` lists the keys",
        ErrorReason::ResumeTokenInvalid | ErrorReason::ResumeTokenExpired => {
            "watch without --from, or with --from earliest"
        }
        ErrorReason::StorageFull => "make room on the server's disk, or lower --retention",
        ErrorReason::Internal => "repeat once; if it fails again, look at the log of the server",
        ErrorReason::Unspecified if error.code == Code::Unavailable => {
            "check --address and --ca (`tenterhook context show`); `tenterhook serve --dev` starts a server here"
        }
        _ => return None,
    })
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&harmless(&self.message))?;
        for (field, description) in &self.fields {
            write!(f, "\n  {}: {}", harmless_line(field), harmless(description))?;
        }
        match &self.next {
            Some(next) => write!(f, "\n  next: {}", harmless(next)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_every_field_and_the_next_step() {
        let fields =
            vec![("webhook.request.url".to_owned(), "is empty".to_owned()), ("a\n".into(), "\u{1b}[2J".into())];
        let failure = Failure::refused("2 fields are wrong").fields(fields).next("look");
        let shown = failure.to_string();
        assert_eq!(shown, "2 fields are wrong\n  webhook.request.url: is empty\n  a\\n: \\u{1b}[2J\n  next: look");
    }

    #[test]
    fn a_key_is_never_part_of_a_failure() {
        let error = tenterhook_client::Client::builder("http://hooks.example.com:80").api_key("th_secret").build();
        let failure = Failure::build(&error.unwrap_err());
        assert_eq!(failure.code, USAGE);
        assert!(!failure.to_string().contains("th_secret"), "{failure}");
    }

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let codes = [Failure::refused("x"), Failure::usage("x"), Failure::no("x")].map(|failure| failure.code);
        assert_eq!((codes, WOULD_CHANGE), ([1, 2, 4], 3));
    }

    #[test]
    fn a_hint_is_added_to_the_step_that_is_there() {
        let failure = Failure::refused("x");
        assert_eq!(failure.next_step(), None);
        let failure = failure.also("first");
        assert_eq!(failure.next_step(), Some("first"));
        let failure = failure.also("second");
        assert_eq!(failure.to_string(), "x\n  next: first; second");
        assert_eq!(
            (failure.next("other").to_string(), Failure::usage("a\u{7}b").to_string()),
            ("x\n  next: other".into(), "a\\u{7}b".into())
        );
    }

    #[test]
    fn a_message_is_without_the_step_and_with_the_fields() {
        let failure = Failure::usage("wrong").fields(vec![("a".into(), "b\nc".into())]).next("n");
        assert_eq!(failure.message(), "wrong\n  a: b\nc");
        assert_eq!(failure.next_step(), Some("n"));
    }

    #[test]
    fn a_client_that_cannot_be_made_is_a_wrong_argument_with_the_way_out() {
        for (error, message, next) in [
            (BuildError::Target("secret@host".into()), "the address is not host:port", Some("with http:// before it")),
            (BuildError::KeyInTheClear, "an API key is not sent without TLS to another machine", Some("unset the key")),
            (BuildError::Key, "the API key has characters that no key has", None),
            (
                BuildError::Environment(vec!["secret".into()]),
                "the certificates cannot be used",
                Some("--ca takes a file"),
            ),
        ] {
            let failure = Failure::build(&error);
            assert_eq!((failure.code, failure.message()), (USAGE, message.to_owned()));
            let step = failure.next_step();
            assert!(step.map_or(next.is_none(), |step| next.is_some_and(|part| step.contains(part))), "{step:?}");
            assert!(!failure.to_string().contains("secret"), "{failure}");
        }
    }
}
