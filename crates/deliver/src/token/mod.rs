//! Access tokens for receivers that want one: the OAuth 2.0 client credentials grant (RFC 6749
//! section 4.4), with the three ways in which a client authenticates.
//!
//! [`Tokens`] keeps them; the deliverer makes the token request like any other, through the same
//! guard and under the same trust.

mod absent;
mod assertion;
mod form;
mod granted;
mod tokens;

pub(crate) use absent::Failure;
pub(crate) use assertion::check as check_key;
pub(crate) use form::{form, transport};
pub(crate) use granted::{Token, read};
pub(crate) use tokens::{Fetched, Key, Place, Tokens};
