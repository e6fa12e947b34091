//! Why a command failed, for the person who typed it: our own sentence, and of what led to it only
//! what the operating system, the store or a server of ours says.
//!
//! Libraries describe errors to programmers, with the names of types and sometimes with parts of
//! the input, so their texts end here. The commands use this trait in place of `anyhow::Context`.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind};

use anyhow::{Result, anyhow};
use tenterhook_model::system;
use tenterhook_store::{OpenError, StoreError};

/// Says what failed, in our own words.
pub trait InWords<T> {
    /// The value, or an error that says `what` and why, as far as the cause has words for people.
    ///
    /// # Errors
    /// When there is no value.
    fn context(self, what: impl Display) -> Result<T>;

    /// As [`InWords::context`], with words that are made only when they are needed.
    ///
    /// # Errors
    /// When there is no value.
    fn with_context<W: Display>(self, what: impl FnOnce() -> W) -> Result<T>;
}

impl<T, E: Error + 'static> InWords<T> for std::result::Result<T, E> {
    fn context(self, what: impl Display) -> Result<T> {
        self.with_context(|| what)
    }

    fn with_context<W: Display>(self, what: impl FnOnce() -> W) -> Result<T> {
        self.map_err(|error| match words(&error) {
            Some(why) => anyhow!("{}: {why}", what()),
            None => anyhow!("{}", what()),
        })
    }
}

impl<T> InWords<T> for Option<T> {
    fn context(self, what: impl Display) -> Result<T> {
        self.with_context(|| what)
    }

    fn with_context<W: Display>(self, what: impl FnOnce() -> W) -> Result<T> {
        self.ok_or_else(|| anyhow!("{}", what()))
    }
}

/// The first words for people among an error and its causes.
fn words(error: &(dyn Error + 'static)) -> Option<String> {
    let (mut next, mut by_kind) = (Some(error), None);
    while let Some(error) = next {
        match error.downcast_ref::<io::Error>() {
            Some(error) if error.get_ref().is_none() => return Some(system::text_in_words(error)),
            // A library has put its own text there; the kind is the system's, unless it is none.
            Some(error)
                if !matches!(error.kind(), ErrorKind::Other | ErrorKind::InvalidData | ErrorKind::InvalidInput) =>
            {
                by_kind = Some(system::in_words(&error.kind().into()));
            }
            _ => {}
        }
        if let Some(status) = error.downcast_ref::<tonic::Status>().filter(|status| !status.details().is_empty()) {
            return Some(status.message().to_owned());
        }
        if error.is::<OpenError>() || error.is::<StoreError>() {
            return Some(error.to_string());
        }
        next = error.source();
    }
    by_kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::{Code, Status};

    fn said<E: Error + 'static>(error: E) -> String {
        format!("{:#}", Err::<(), _>(error).context("cannot do it").unwrap_err())
    }

    #[derive(Debug, thiserror::Error)]
    #[error("hyper::Error(Connect, ConnectError(\"tcp connect error\"))")]
    struct Foreign(#[source] io::Error);

    #[test]
    fn the_words_of_libraries_end_here_and_those_of_the_system_do_not() {
        assert_eq!(said("x".parse::<u8>().unwrap_err()), "cannot do it");
        assert_eq!(said(io::Error::from(ErrorKind::ConnectionRefused)), "cannot do it: connection refused");
        // ECONNREFUSED of Linux (errno(3)), below the error of a library.
        assert_eq!(said(Foreign(io::Error::from_raw_os_error(111))), "cannot do it: connection refused");
        assert_eq!(said(Foreign(io::Error::other("tls: BadCertificate"))), "cannot do it");
        let with_a_path = io::Error::new(ErrorKind::NotFound, "PathError { path: \"/x\" }");
        assert_eq!(said(with_a_path), "cannot do it: no such file or directory");
        assert_eq!(said(StoreError::Full), format!("cannot do it: {}", StoreError::Full));
    }

    #[test]
    fn a_server_of_ours_is_quoted_and_a_gateway_is_not() {
        let ours = Status::with_details(Code::NotFound, "there is no webhook wh_1", vec![1].into());
        assert_eq!(said(ours), "cannot do it: there is no webhook wh_1");
        assert_eq!(said(Status::unknown("transport error: h2::Error")), "cannot do it");
    }

    #[test]
    fn what_is_absent_is_named() {
        assert_eq!(None::<u8>.context("no line").unwrap_err().to_string(), "no line");
    }
}
