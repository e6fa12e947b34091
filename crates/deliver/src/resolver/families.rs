//! The addresses of one name: IPv4 and IPv6 asked for at once.
//!
//! As RFC 8305 section 3 says, the first kind that is found does not wait long for the other. A
//! kind that stays silent is then left alone for a while and asked for in the background, so
//! that a name server that never answers for it costs one short wait and not one a look-up.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{Either, select};
use hickory_resolver::proto::rr::Name;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::family::Family;
use super::servers::{Found, Servers};
use super::silence::Silence;

/// Questions that go on in the background. They are one a silent name and end by themselves.
const BACKGROUND_MAX: usize = 256;

/// A question to the name servers.
type Question = Pin<Box<dyn Future<Output = Found> + Send>>;

/// Asks the name servers of a configuration.
#[derive(Debug)]
pub(super) struct Families {
    servers: Arc<Servers>,
    silence: Arc<Silence>,
    background: Mutex<JoinSet<()>>,
}

impl Families {
    pub(super) fn new(servers: Servers) -> Self {
        Self { servers: Arc::new(servers), silence: Arc::default(), background: Mutex::default() }
    }

    /// The addresses of a complete name; empty when it has none.
    ///
    /// # Cancel safety
    /// Dropping the future gives the look-up up.
    pub(super) async fn look_up(&self, name: &Name) -> Found {
        let Some(silent) = self.silence.of(name) else { return self.both(name).await };
        if silent.is_due {
            self.go_on(name, self.question(name, silent.family));
        }
        match self.question(name, silent.family.other()).await {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            // What made up for the silence is gone.
            _ => self.both(name).await,
        }
    }

    /// Asks for both kinds at once.
    async fn both(&self, name: &Name) -> Found {
        let asked = select(self.question(name, Family::V6), self.question(name, Family::V4)).await;
        let (first, late, mut other) = match asked {
            Either::Left((first, other)) => (first, Family::V4, other),
            Either::Right((first, other)) => (first, Family::V6, other),
        };
        let mut addresses = match first {
            Ok(addresses) if !addresses.is_empty() => addresses,
            none => return either(none, other.await),
        };
        match timeout(late.wait(), &mut other).await {
            Ok(more) => addresses.extend(more.unwrap_or_default()),
            Err(_) => {
                self.silence.note(name, late);
                self.go_on(name, other);
            }
        }
        Ok(addresses)
    }

    fn question(&self, name: &Name, family: Family) -> Question {
        let (servers, name) = (Arc::clone(&self.servers), name.clone());
        Box::pin(async move { servers.ask(&name, family.record_type()).await })
    }

    /// Lets a question go on when nobody waits for it: its answer ends the silence, and
    /// hickory's cache keeps it for the next look-up.
    fn go_on(&self, name: &Name, question: Question) {
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        while background.try_join_next().is_some() {}
        if background.len() >= BACKGROUND_MAX {
            return;
        }
        let (silence, name) = (Arc::clone(&self.silence), name.clone());
        background.spawn(async move {
            if question.await.is_ok() {
                silence.forget(&name);
            }
        });
    }
}

/// What is known when the kind that answered first has no address: the other's answer, unless
/// that is no address either and the first was a failure.
fn either(first: Found, second: Found) -> Found {
    match (first, second) {
        (Err(failure), Ok(addresses)) if addresses.is_empty() => Err(failure),
        (_, second) => second,
    }
}
