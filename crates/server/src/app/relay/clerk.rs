//! What answers the calls of one connection: the front of this node, or another node through it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::Either;
use hyper::body::Body as HttpBody;
use hyper::client::conn::http2::SendRequest;
use hyper::{Method, Request, Response, Version};
use tenterhook_api::{Connection, Forwarded, NotForwarded};
use tenterhook_http::{Answering, Form, Front};
use tenterhook_model::limits;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;

use super::dial::{Tasks, Unreached, dial};
use super::proof::Caller;
use super::relayed::Answer;
use super::rewrite::{as_it_came, for_a_node};
use super::standing::{Holder, Relay, Standing};

/// How long a node may take to be connected to and to prove itself.
pub(super) const DIAL_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause before a node that was not reached is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// The client of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// What the API knows of the connection.
    pub(crate) connection: Connection,
    /// Who it is.
    pub(crate) caller: Caller,
    /// Whether another node speaks for it: then its calls are not forwarded again.
    pub(crate) is_forwarded: bool,
}

/// Answers the calls of one connection. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Clerk {
    way: Way,
    /// Whether requests are those of HTTP/1.1 that another node hands on in HTTP/2.
    restores: bool,
}

#[derive(Debug, Clone)]
enum Way {
    Here(Arc<Front>),
    Relay(Arc<Line>),
}

/// The work on a call that may be forwarded.
type Working = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;
/// The work on a call with a body of type `B`.
pub(crate) type Clerking<B> = Either<Answering<B>, Working>;

impl Clerk {
    /// Answers by the `front` of this node.
    pub(super) fn here(front: Arc<Front>, client: &Client) -> Self {
        Self { way: Way::Here(front), restores: client.restores() }
    }

    /// Answers by the node that has the database, in tasks of `calls`.
    pub(super) fn by_relay(relay: Relay, client: Client, calls: TaskTracker) -> Self {
        let restores = client.restores();
        Self { way: Way::Relay(Arc::new(Line { relay, client, calls, open: Mutex::default() })), restores }
    }

    /// Answers a call.
    pub(crate) fn call<B>(&self, mut request: Request<B>) -> Clerking<B>
    where
        B: HttpBody<Data = Bytes, Error = hyper::Error> + Send + 'static,
    {
        if self.restores {
            request = as_it_came(request);
        }
        match &self.way {
            Way::Here(front) => Either::Left(front.call(request)),
            Way::Relay(line) => match &*line.relay.standing().borrow() {
                Standing::Here(front) => Either::Left(front.call(request)),
                Standing::Nobody | Standing::There(_) => {
                    let answering = line.clone().answer(request.map(Body::new));
                    Either::Right(Box::pin(async move { Ok(answering.await) }))
                }
            },
        }
    }
}

impl Client {
    fn restores(&self) -> bool {
        self.is_forwarded && self.caller.is_http1
    }
}

/// A client's connection to the node that serves.
#[derive(Debug)]
struct Line {
    relay: Relay,
    client: Client,
    calls: TaskTracker,
    open: Mutex<Option<Open>>,
}

/// A connection that is open.
#[derive(Debug)]
struct Open {
    /// To which node.
    epoch: u64,
    send: SendRequest<Body>,
}

/// What became of a call.
enum Tried {
    Answered(Response<Body>),
    /// The node has nothing of it.
    NotSent(Request<Body>),
    /// Nobody knows what the node has of it.
    Lost,
}

impl Line {
    /// Answers a call by the node that has the database, waiting for one if need be.
    async fn answer(self: Arc<Self>, mut request: Request<Body>) -> Response<Body> {
        let form = Form::of(&request);
        let refused = |why: NotForwarded| form.response(&Status::from(why));
        if request.method() == Method::CONNECT {
            return form.response(&Status::unimplemented("this server tunnels nothing"));
        }
        let deadline = Instant::now() + limits::NODE_WAIT;
        let mut call = Some(Forwarded::begin(self.client.connection.clone(), request.uri().path()));
        let mut standing = self.relay.standing().subscribe();
        loop {
            let now = standing.borrow_and_update().clone();
            match now {
                Standing::Here(front) => {
                    // The front counts it again.
                    drop(call);
                    let Ok(response) = front.call(request).await;
                    return response;
                }
                Standing::There(holder) if !self.client.is_forwarded => {
                    match self.send(&holder, request, deadline).await {
                        Tried::Answered(response) => return self.give(response, form, call.take()),
                        Tried::NotSent(again) => request = again,
                        Tried::Lost => return refused(NotForwarded::Lost),
                    }
                }
                Standing::There(_) | Standing::Nobody => {}
            }
            let Some(_place) = self.relay.place_to_wait() else { return refused(NotForwarded::Crowded) };
            // The end comes first, then what is waited for.
            tokio::select! { biased;
                () = self.relay.draining().cancelled() => return refused(NotForwarded::Stopping),
                changed = standing.changed() => if changed.is_err() {
                    return refused(NotForwarded::NoNode);
                },
                () = tokio::time::sleep_until(deadline) => return refused(NotForwarded::NoNode),
                () = sleep(AGAIN) => {}
            }
        }
    }

    /// Sends a call to a node, if that is reached before `deadline`.
    async fn send(&self, holder: &Arc<Holder>, request: Request<Body>, deadline: Instant) -> Tried {
        let mut send = match timeout_at(deadline, self.connected(holder)).await {
            Ok(Ok(send)) => send,
            Ok(Err(why)) => {
                self.relay.complain(holder, why);
                return Tried::NotSent(request);
            }
            Err(_late) => return Tried::NotSent(request),
        };
        let (head, body) = request.into_parts();
        let sent = send.try_send_request(for_a_node(head, body)).await;
        match sent {
            Ok(response) => Tried::Answered(response.map(Body::new)),
            Err(mut failed) => match failed.take_message() {
                Some(request) => {
                    // It is about to close.
                    *self.open.lock().await = None;
                    Tried::NotSent(if self.client.caller.is_http1 { as_it_came(request) } else { request })
                }
                None => Tried::Lost,
            },
        }
    }

    /// The connection to a node, which may be a new one.
    async fn connected(&self, holder: &Arc<Holder>) -> Result<SendRequest<Body>, Unreached> {
        let address = holder.address.as_ref().ok_or(Unreached::Address)?;
        let mut open = self.open.lock().await;
        if let Some(open) = open.as_ref().filter(|open| open.epoch == holder.epoch && !open.send.is_closed()) {
            return Ok(open.send.clone());
        }
        // The one before goes once its calls are answered.
        *open = None;
        let (key, caller) = (self.relay.key(), Some(&self.client.caller));
        let cut = CancellationToken::new();
        let tasks = Tasks { calls: self.calls.clone(), cut: cut.clone() };
        let dialled = timeout(DIAL_TIMEOUT, dial(address, key, caller, tasks)).await;
        let (send, moving) = dialled.unwrap_or(Err(Unreached::Silent))?;
        let (mut standing, epoch) = (self.relay.standing().subscribe(), holder.epoch);
        self.calls.spawn(async move {
            let gone = standing.wait_for(|now| now.epoch() != Some(epoch));
            // A node that has lost the database may be stopped, and would never say so.
            tokio::select! { biased;
                _ = gone => cut.cancel(),
                () = moving => {}
            }
        });
        *open = Some(Open { epoch, send: send.clone() });
        Ok(send)
    }

    /// The answer of a node as the client gets it.
    fn give(&self, mut response: Response<Body>, form: Form, call: Option<Forwarded>) -> Response<Body> {
        *response.version_mut() = Version::default();
        let Some(mut call) = call else { return response };
        call.answered(&response);
        let draining = self.relay.draining().clone();
        response.map(|body| Body::new(Answer::new(body, form, call, draining)))
    }
}
