//! Bytes that a request holds in front of the gate, while it is turned into a call.

use http::Extensions;
use tonic::Status;

use super::connection::{Connection, crowded};

/// What a request holds of its connection's bytes; given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    /// `None` for requests inside the process, which come without a connection.
    connection: Option<Connection>,
    bytes: usize,
}

impl Held {
    /// Nothing yet, of the connection in the `extensions` of a request.
    pub fn of(extensions: &Extensions) -> Self {
        Self { connection: extensions.get().cloned(), bytes: 0 }
    }

    /// Holds `bytes` in all, if that is more than now.
    ///
    /// # Errors
    /// When the connection may not hold so much at present.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Status> {
        let more = bytes.saturating_sub(self.bytes);
        if more > 0
            && let Some(connection) = &self.connection
            && !connection.bytes().take(more)
        {
            return Err(crowded().into());
        }
        self.bytes += more;
        Ok(())
    }

    /// Holds nothing from now on.
    pub fn release(&mut self) {
        if let Some(connection) = &self.connection {
            connection.bytes().give(self.bytes);
        }
        self.bytes = 0;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::Budgets;

    #[test]
    fn what_is_held_is_given_back_and_what_does_not_fit_is_refused() {
        let connection = Budgets::default().connection();
        let mut extensions = Extensions::new();
        extensions.insert(connection.clone());
        let mut held = Held::of(&extensions);
        held.grow(1_000).unwrap();
        held.grow(500).unwrap();
        assert_eq!(connection.bytes().held(), 1_000);
        assert!(held.grow(1 << 30).is_err());
        assert_eq!(connection.bytes().held(), 1_000, "what was refused is not held");
        held.release();
        held.grow(10).unwrap();
        drop(held);
        assert_eq!(connection.bytes().held(), 0);
    }
}
