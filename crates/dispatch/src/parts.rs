//! What the dispatcher works with.

use std::convert::Infallible;
use std::sync::Arc;

use tenterhook_engine::{Compilations, Contexts, Render};
use tenterhook_model::{Clock, Entropy, Exchange, PreparedRequest};
use tenterhook_store::Store;
use tower::Service;

use crate::meter::Meter;
use crate::trace::AttemptTrace;

/// Makes one HTTP exchange of a prepared request. What goes wrong is an outcome, and it has
/// a deadline of its own.
pub trait Deliver:
    Service<PreparedRequest, Response = Exchange, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<T> Deliver for T where
    T: Service<PreparedRequest, Response = Exchange, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

/// What the dispatcher works with, beside the deliverer.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where deliveries come from and outcomes go.
    pub store: Arc<dyn Store>,
    /// Renders and signs.
    pub render: Arc<dyn Render>,
    /// Compiled webhooks, shared with the API.
    pub compilations: Arc<Compilations>,
    /// The contexts of events in memory, shared with the intake.
    pub contexts: Arc<Contexts>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance for the jitter of retries.
    pub entropy: Arc<dyn Entropy>,
    /// Whoever counts.
    pub meter: Arc<dyn Meter>,
    /// Whoever traces.
    pub trace: Arc<dyn AttemptTrace>,
}
