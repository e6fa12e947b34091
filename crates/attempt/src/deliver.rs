//! What makes the HTTP exchange of an attempt.

use std::convert::Infallible;

use tenterhook_model::{Exchange, PreparedRequest};
use tower::Service;

/// Makes one HTTP exchange of a prepared request. A failure is an outcome, and the exchange has a
/// deadline of its own.
pub trait Deliver:
    Service<PreparedRequest, Response = Exchange, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<T> Deliver for T where
    T: Service<PreparedRequest, Response = Exchange, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}
