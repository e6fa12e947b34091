//! Counts what is refused in front of the gate, by the listener's other ways in.

use std::sync::Arc;

use http::Extensions;

use super::connection::Connection;
use crate::meter::{Meter, Refused};

/// Counts refusals as the gate does: in the metrics, and for the connection that is asked to go
/// when it calls only to be refused.
#[derive(Debug, Clone)]
pub struct Refusals(Arc<dyn Meter>);

impl Refusals {
    /// Counts with `meter`.
    pub fn new(meter: Arc<dyn Meter>) -> Self {
        Self(meter)
    }

    /// Counts the refusal of the request with these `extensions`.
    pub fn count(&self, extensions: &Extensions, why: Refused) {
        self.0.refused(why);
        if let Some(connection) = extensions.get::<Connection>() {
            connection.refused();
        }
    }
}
