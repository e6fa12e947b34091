//! The nodes that make attempts for the one that serves, as its dispatcher sees them.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::future::BoxFuture;
use tenterhook_attempt::{Elsewhere, Job, Load, Made, Place};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::granting::Granting;
use crate::joining::Joining;
use crate::link::{self, Link};
use crate::talk::{Order, Ordered};

/// The nodes that have joined. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Fleet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    serving: OnceLock<Granting>,
    links: Mutex<Vec<Arc<Link>>>,
    /// How many attempts they take at once.
    room: watch::Sender<usize>,
    closed: CancellationToken,
}

impl Default for Shared {
    fn default() -> Self {
        let (serving, links, closed) = (OnceLock::new(), Mutex::default(), CancellationToken::new());
        Self { serving, links, room: watch::Sender::new(0), closed }
    }
}

impl Fleet {
    /// Lets nodes join from now on.
    pub fn serve(&self, serving: Granting) {
        assert!(!serving.grant.is_zero(), "a grant that lasts no time lets nobody send");
        assert!(self.0.serving.set(serving).is_ok(), "a node begins to serve once");
    }

    /// Works with a node that joins over `stream`, until it goes, is lost, or `end`.
    ///
    /// # Cancel safety
    /// Dropped, attempts may wait for ever. Cancel `end` instead.
    pub async fn work_with<S>(&self, joining: Joining, stream: S, end: &CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Send,
    {
        let fault = joining.fault();
        let (Some(serving), None) = (self.0.serving.get(), &fault) else {
            let why = fault.unwrap_or_else(|| "this node does not serve".to_owned());
            return link::refuse(stream, Order { ordered: Some(Ordered::Refused(why)) }).await;
        };
        if !serving.may_grant() {
            // It asks again, and nothing is worth saying until the database is back.
            return;
        }
        let (link, orders) = Link::new(joining);
        let link = Arc::new(link);
        self.0.change(|links| links.push(link.clone()));
        let attempts_at_once = link.load().room;
        tracing::info!(node = link.node(), attempts_at_once, "a node sends for this one from now on");
        let gone = || self.0.change(|links| links.retain(|other| !Arc::ptr_eq(other, &link)));
        let end = async {
            tokio::select! { biased;
                () = end.cancelled() => {}
                () = self.0.closed.cancelled() => {}
            }
        };
        link.run(stream, orders, serving, end, gone).await;
        tracing::info!(node = link.node(), "a node sends no longer for this one");
    }

    /// Lets all nodes go, once no attempt is under way.
    pub fn close(&self) {
        self.0.closed.cancel();
    }
}

impl Shared {
    /// Changes which nodes get jobs, and counts what they take.
    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Link>>)) {
        let mut links = self.links();
        change(&mut links);
        let room = links.iter().map(|link| link.load().room).sum();
        self.room.send_if_modified(|now| std::mem::replace(now, room) != room);
    }

    fn links(&self) -> MutexGuard<'_, Vec<Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Elsewhere for Fleet {
    fn room(&self) -> watch::Receiver<usize> {
        self.0.room.subscribe()
    }

    fn place(&self, here: Load) -> Option<Box<dyn Place>> {
        let links = self.0.links();
        let with_room = links.iter().filter(|link| link.load().has_room());
        let lightest =
            with_room.reduce(|best, link| if link.load().is_lighter_than(best.load()) { link } else { best });
        let link = lightest.filter(|link| link.load().is_lighter_than(here) || !here.has_room())?.clone();
        drop(links);
        let taken = link.take();
        assert!(taken <= link.room(), "{} has {taken} places taken of {}", link.node(), link.room());
        Some(Box::new(Berth { link, shared: self.0.clone() }))
    }
}

/// A place for one attempt on a node.
#[derive(Debug)]
struct Berth {
    link: Arc<Link>,
    shared: Arc<Shared>,
}

impl Place for Berth {
    fn make<'a>(&'a self, job: Job<'a>, cut: &'a CancellationToken) -> BoxFuture<'a, Option<Made>> {
        Box::pin(async move {
            let serving = self.shared.serving.get().expect("nodes join only while this one serves");
            let Some((flight, mut end)) = self.link.begin(&job, serving) else {
                self.shared.change(|links| links.retain(|link| !Arc::ptr_eq(link, &self.link)));
                return None;
            };
            tokio::select! { biased;
                made = &mut end => return made.ok(),
                () = cut.cancelled() => self.link.cut(flight),
            }
            end.await.ok()
        })
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        self.link.give_back();
    }
}
