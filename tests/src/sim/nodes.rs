//! The other nodes of the simulated server: they stand by and make attempts, over links that break and stall.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tenterhook_attempt::PassThrough;
use tenterhook_deliver::Deliverer;
use tenterhook_engine::{Compilations, InProcess};
use tenterhook_fleet::{Duty, Fleet, Joining, Outfit};
use tenterhook_model::PreparedRequest;
use tenterhook_store::Carrier;
use tokio::io::{copy_bidirectional, duplex};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tower::{Service as _, ServiceExt as _, service_fn};

use super::net::Net;

/// How long a node may send without asking again.
pub(crate) const GRANT: Duration = Duration::from_secs(2);
/// Pause before a node asks again to join.
const AGAIN: Duration = Duration::from_secs(1);
/// Bytes on their way over a link.
const LINK_BYTES: usize = 64 * 1024;

/// The nodes that stand by in one life of the process.
pub(super) struct Nodes {
    nodes: Vec<Arc<Node>>,
    tasks: JoinSet<()>,
}

/// One of them.
struct Node {
    /// Rung when its process is killed.
    killed: Notify,
    /// Until when nothing passes over its link.
    stalled_until: Mutex<Instant>,
}

impl Nodes {
    /// Starts so many nodes, each for `room` attempts at once.
    pub(super) fn start(
        count: usize,
        room: usize,
        fleet: &Fleet,
        carrier: &Carrier,
        net: &Net,
        deliverer: impl Fn() -> Deliverer<Net> + Clone + Send + 'static,
    ) -> Self {
        let (mut nodes, mut tasks) = (Vec::new(), JoinSet::new());
        for number in 0..count {
            let node = Arc::new(Node { killed: Notify::new(), stalled_until: Mutex::new(Instant::now()) });
            nodes.push(node.clone());
            let outfit = Outfit {
                render: Arc::new(InProcess),
                compilations: Arc::new(Compilations::new()),
                trace: Arc::new(PassThrough),
                carrier: carrier.clone(),
            };
            let joining = Joining::new(format!("node-{number}"), room);
            let standing = Standing { node, fleet: fleet.clone(), joining, outfit, net: net.clone() };
            tasks.spawn(standing.run(deliverer.clone()));
        }
        Self { nodes, tasks }
    }

    /// Kills the process of a node; another takes its place.
    pub(super) fn kill(&self, number: usize) {
        self.nodes[number].killed.notify_one();
    }

    /// Lets nothing pass over the link to a node for a while.
    pub(super) fn cut_off(&self, number: usize, length: Duration) {
        *self.nodes[number].stalled_until.lock().unwrap() = Instant::now() + length;
    }

    /// Ends all of them.
    pub(super) async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

/// A node at its work.
struct Standing {
    node: Arc<Node>,
    fleet: Fleet,
    joining: Joining,
    outfit: Outfit,
    net: Net,
}

impl Standing {
    async fn run(self, deliverer: impl Fn() -> Deliverer<Net>) {
        loop {
            let deliverer = deliverer();
            let (mut near, mut far) = (duplex(LINK_BYTES), duplex(LINK_BYTES));
            let (fleet, joining) = (self.fleet.clone(), self.joining.clone());
            let mut link = JoinSet::new();
            link.spawn(async move { fleet.work_with(joining, near.0, &CancellationToken::new()).await });
            let pump = async move { drop(copy_bidirectional(&mut near.1, &mut far.0).await) };
            link.spawn(Stalling { node: self.node.clone(), pump: Box::pin(pump), sleep: Box::pin(sleep(AGAIN)) });
            let (net, inner) = (self.net.clone(), deliverer.clone());
            let counted = service_fn(move |request: PreparedRequest| {
                net.count_elsewhere();
                let mut inner = inner.clone();
                async move { inner.ready().await?.call(request).await }
            });
            let duty = Duty { outfit: self.outfit.clone(), deliverer: counted, room: self.joining.room };
            let leave = CancellationToken::new();
            tokio::select! { biased;
                () = self.node.killed.notified() => self.net.count_killed(),
                _ = duty.run(far.1, Instant::now(), &leave) => {}
            }
            // Sockets close with a process.
            deliverer.close().await;
            // The node that serves finds out by itself.
            while link.join_next().await.is_some() {}
            sleep(AGAIN).await;
        }
    }
}

/// Moves the bytes of a link while it does not stall.
struct Stalling {
    node: Arc<Node>,
    pump: Pin<Box<dyn Future<Output = ()> + Send>>,
    sleep: Pin<Box<Sleep>>,
}

impl Future for Stalling {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let until = *self.node.stalled_until.lock().unwrap();
        if Instant::now() < until {
            self.sleep.set(sleep_until(until));
            if self.sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        self.pump.as_mut().poll(context)
    }
}
