//! The service: one prepared request in, one exchange out.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::{DnsName, ServerName};
use tenterhook_model::webhook::TransportPolicy;
use tenterhook_model::{
    AddressPolicy, ClientCredentials, Clock, Egress, Exchange, Host, OsEntropy, PreparedRequest, Proxy, ProxyScheme,
    Resolve, SystemClock, TargetUrl, limits,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout, timeout_at};
use tower::Service;

use crate::dial::{Dial, TcpDialer};
use crate::error::AttemptError;
use crate::guard::{Guard, Way};
use crate::hidden::Hidden;
use crate::http1::Http1;
use crate::http1_only::Http1Only;
use crate::http2::{Http2, Tasks};
use crate::pool::{Connection, Pool, Route};
use crate::progress::{Phase, Progress};
use crate::proxy::{self, Destination, Leg, ProxyFailure};
use crate::race;
use crate::request;
use crate::resend::{Broken, RESENDS, Source};
use crate::single_flight::SingleFlight;
use crate::tls;
use crate::token::{self, Fetched, Place, Token, Tokens};
use crate::trust::{Roots, Trusts};
use crate::wire::Wire;

/// The status of an answer to credentials that are not good (RFC 9110 section 15.5.2).
const UNAUTHORIZED: u16 = 401;

/// What a deliverer is made of.
#[derive(Debug)]
pub struct Outbound<D = TcpDialer> {
    /// Where requests may go.
    pub addresses: AddressPolicy,
    /// By which way they leave.
    pub egress: Egress,
    /// How names are looked up.
    pub resolver: Arc<dyn Resolve>,
    /// Whom receivers' certificates must come from.
    pub roots: Roots,
    /// How connections are opened.
    pub dialer: D,
}

/// Delivers prepared requests, one attempt each; clones share connections.
///
/// One deadline, the webhook's, covers an attempt from the name look-up to the last byte of
/// the answer. Names are looked up at each attempt, so a kept connection is used only while
/// the name still stands for its address.
///
/// A request that the receiver has not processed is sent again within its attempt; see
/// [`crate::resend`].
pub struct Deliverer<D: Dial = TcpDialer> {
    shared: Arc<Shared<D>>,
}

impl<D: Dial> Clone for Deliverer<D> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<D: Dial> fmt::Debug for Deliverer<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliverer").field("shared", &self.shared).finish()
    }
}

#[derive(Debug)]
struct Shared<D: Dial> {
    guard: Guard,
    trusts: Trusts,
    dialer: D,
    pool: Arc<Pool<Leg<D::Stream>>>,
    handshakes: SingleFlight,
    http1_only: Http1Only,
    tasks: Tasks,
    tokens: Tokens,
    /// Answers of proxies so far, whatever they said: a sign of life.
    proxy_answers: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl<D: Dial> Deliverer<D> {
    /// A deliverer without connections. It must be made inside a tokio runtime, where the task
    /// that closes unused connections lives until [`Deliverer::close`].
    pub fn new(outbound: Outbound<D>) -> Self {
        let pool = Arc::new(Pool::new());
        let tasks = Tasks::default();
        let reaped = Arc::clone(&pool);
        tasks.spawn(async move { reaped.reap().await });
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let trusts = Trusts::new(outbound.roots, outbound.addresses.allow_insecure_tls, Arc::clone(&clock));
        let guard = Guard::new(outbound.addresses, outbound.egress, outbound.resolver);
        let (handshakes, tokens, dialer) = (SingleFlight::default(), Tokens::default(), outbound.dialer);
        let (proxy_answers, http1_only) = (AtomicU64::new(0), Http1Only::default());
        let shared =
            Shared { guard, trusts, dialer, pool, handshakes, http1_only, tasks, tokens, proxy_answers, clock };
        Self { shared: Arc::new(shared) }
    }

    /// Makes one attempt.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up; whether the receiver has got it is not known.
    pub async fn attempt(&self, request: PreparedRequest) -> Exchange {
        let limit = request.transport.deadline();
        let mut progress = Progress::new();
        let exchange = self.shared.deliver(&request, &mut progress);
        let result = match timeout_at(Instant::now() + limit, exchange).await {
            Ok(result) => result,
            Err(_) => Err(AttemptError::Deadline { limit, phase: progress.phase }),
        };
        let tokens = std::mem::take(&mut progress.tokens);
        let mut exchange = progress.finish(result);
        if let Some(answer) = &mut exchange.response {
            Hidden::of(&request, &tokens).mask(answer);
        }
        request.masks.mask_text(&mut exchange.error);
        exchange
    }

    /// Closes every connection and waits for their tasks; attempts under way end without
    /// an answer when theirs is shared.
    pub async fn close(&self) {
        self.shared.tasks.cancel.cancel();
        self.shared.pool.clear();
        self.shared.tasks.tracker.close();
        self.shared.tasks.tracker.wait().await;
    }
}

impl<D: Dial> Service<PreparedRequest> for Deliverer<D> {
    type Response = Exchange;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Exchange, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: PreparedRequest) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.attempt(request).await) })
    }
}

impl<D: Dial> Shared<D> {
    /// Sends `request`, with an access token if it needs one. A token that the receiver refuses is
    /// replaced, and the request sent once more.
    async fn deliver(self: &Arc<Self>, request: &PreparedRequest, progress: &mut Progress) -> Result<(), AttemptError> {
        let Some(credentials) = &request.credentials else { return self.exchange(request, progress).await };
        // In a box: most requests need no token.
        Box::pin(self.deliver_with_token(request, credentials, progress)).await
    }

    async fn deliver_with_token(
        self: &Arc<Self>,
        request: &PreparedRequest,
        credentials: &Arc<ClientCredentials>,
        progress: &mut Progress,
    ) -> Result<(), AttemptError> {
        let transport = token::transport(&request.transport);
        let trust = self.trusts.of(&transport, true).id;
        let key = token::Key { credentials: Arc::clone(credentials), trust };
        for is_last in [false, true] {
            let (phase, shared) = (progress.phase, Arc::clone(self));
            progress.phase = Phase::Token;
            let (credentials, transport) = (Arc::clone(credentials), Arc::clone(&transport));
            let fetch = |place: Place| {
                let fetch = async move { place.send_replace(Some(shared.fetch_token(credentials, transport).await)) };
                self.tasks.spawn(async move { drop(fetch.await) });
            };
            let token = self.tokens.get(key.clone(), fetch).await?;
            progress.phase = phase;
            if is_last {
                progress.again();
            }
            progress.tokens.push(Arc::clone(&token));
            self.exchange(&with_token(request, &token), progress).await?;
            if progress.capture.status() != Some(UNAUTHORIZED) {
                return Ok(());
            }
            self.tokens.discard(&key, &token);
        }
        Err(AttemptError::Unauthorized)
    }

    /// Asks the token server. It has a time of its own, since more than one attempt may wait for it.
    async fn fetch_token(
        self: Arc<Self>,
        credentials: Arc<ClientCredentials>,
        transport: Arc<TransportPolicy>,
    ) -> Fetched {
        let request = token::form(&credentials, transport, self.clock.now(), &OsEntropy)?;
        let (mut progress, limit) = (Progress::of_own(), limits::TOKEN_REQUEST_TIMEOUT);
        let result = match timeout(limit, self.exchange(&request, &mut progress)).await {
            Ok(result) => result,
            Err(_) => Err(AttemptError::Deadline { limit, phase: progress.phase }),
        };
        let exchange = progress.finish(result);
        match exchange.response {
            Some(answer) => token::read(&answer, &credentials).map(Arc::new).map_err(Arc::new),
            None => Err(Arc::new(token::Failure::unanswered(request.url.host(), exchange))),
        }
    }

    async fn exchange(&self, request: &PreparedRequest, progress: &mut Progress) -> Result<(), AttemptError> {
        let way = self.guard.way(&request.url, request.transport.proxy, progress).await?;
        let https = request.url.is_https();
        let mut route = Route {
            trust: self.trusts.of(&request.transport, https).id,
            https,
            authority: request.url.authority().into(),
            proxied: way.proxy.is_some(),
            address: way.targets[0],
        };
        let (mut resent, mut of_http2) = (0, None);
        loop {
            let source = if of_http2.is_some() { Source::Alone } else { Source::after(resent) };
            let wanted = Wanted { request, way: &way, source };
            let connection = self.connection(wanted, &mut route, progress).await;
            if connection.is_err()
                && let Some(before) = of_http2
            {
                self.http1_only.forget(&route.authority);
                return Err(before);
            }
            let connection = connection?;
            match self.send(connection, request, &route, progress).await {
                Err(broken) if of_http2.is_none() && broken.error.wants_http1() => {
                    self.http1_only.note(&route.authority);
                    of_http2 = Some(broken.error);
                }
                Err(broken) if broken.unprocessed && resent < RESENDS => resent += 1,
                result => {
                    if of_http2.is_some() {
                        progress.notes.add("over HTTP/2 it could not be read, so HTTP/1.1 was spoken");
                    }
                    return result.map_err(|broken| broken.error);
                }
            }
        }
    }

    /// A connection to one of `targets`, and `route` set to it.
    async fn connection(
        &self,
        wanted: Wanted<'_>,
        route: &mut Route,
        progress: &mut Progress,
    ) -> Result<Connection<Leg<D::Stream>>, AttemptError> {
        if wanted.source == Source::Kept
            && let Some(kept) = self.kept(&wanted.way.targets, route)
        {
            return Ok(kept);
        }
        // In a box: a handshake takes five times what all the rest does, and most attempts make none.
        Box::pin(self.connect(wanted, route, progress)).await
    }

    /// A kept connection to one of `targets`, and `route` set to it.
    fn kept(&self, targets: &[SocketAddr], route: &mut Route) -> Option<Connection<Leg<D::Stream>>> {
        targets.iter().find_map(|target| {
            route.address = *target;
            self.pool.take(route)
        })
    }

    /// Sends over `connection` and keeps it if it can be used again.
    async fn send(
        &self,
        connection: Connection<Leg<D::Stream>>,
        request: &PreparedRequest,
        route: &Route,
        progress: &mut Progress,
    ) -> Result<(), Broken> {
        assert_eq!(
            &*route.authority,
            request.url.authority(),
            "a request for one receiver would go out on a connection to another"
        );
        match connection {
            Connection::Http1(mut connection) => {
                progress.sending(route.address, false);
                connection.exchange(request, progress).await?;
                if connection.is_idle() {
                    self.pool.put(route.clone(), connection);
                }
                Ok(())
            }
            Connection::Http2(seat) => {
                let request = request::write(request)?;
                progress.sending(route.address, true);
                let connection = seat.connection();
                let unanswered = Unanswered { pool: &self.pool, route, connection };
                let result = seat.exchange(request, progress).await;
                if result.is_ok() {
                    unanswered.was_answered();
                }
                result
            }
        }
    }

    /// A new connection to the first of `targets` that accepts one, or one that somebody else
    /// has just made and that can be shared; and `route` set to it.
    async fn connect(
        &self,
        wanted: Wanted<'_>,
        route: &mut Route,
        progress: &mut Progress,
    ) -> Result<Connection<Leg<D::Stream>>, AttemptError> {
        let Wanted { request, way, source } = wanted;
        assert_eq!(route.https, request.url.is_https(), "a request goes out in plain text only if its URL says so");
        progress.phase = Phase::Connect;
        if !route.https {
            let stream = self.dial(wanted, route, progress).await?;
            let wire = Wire::plain(stream);
            let http1 = match way.forwarder(&request.url) {
                Some(forwarder) => Http1::open_to_forwarder(wire, forwarder),
                None => Http1::open(wire),
            };
            return Ok(Connection::Http1(Box::new(http1)));
        }
        let trust = self.trusts.of(&request.transport, true);
        let config = if self.http1_only.holds(&route.authority) { trust.config_of_http1() } else { trust.config() }?;
        if source == Source::Alone {
            let stream = self.dial(wanted, route, progress).await?;
            return self.secure(config, &request.url, stream, progress).await;
        }
        route.address = way.targets[0];
        let turn = self.handshakes.take(route).await;
        let connection = match self.kept(&way.targets, route) {
            Some(connection) => connection,
            None => {
                let stream = self.dial(wanted, route, progress).await?;
                let connection = self.secure(config, &request.url, stream, progress).await?;
                if let Connection::Http2(seat) = &connection {
                    self.pool.share(route.clone(), seat.connection().clone());
                }
                connection
            }
        };
        if let Connection::Http2(_) = connection {
            turn.was_shared();
        }
        Ok(connection)
    }

    /// The TLS handshake, and what the receiver has chosen to speak.
    async fn secure(
        &self,
        config: Arc<ClientConfig>,
        url: &TargetUrl,
        stream: Leg<D::Stream>,
        progress: &mut Progress,
    ) -> Result<Connection<Leg<D::Stream>>, AttemptError> {
        progress.phase = Phase::Handshake;
        let name = certified_name(url.host());
        let start = Instant::now();
        let handshake = timeout(limits::TLS_TIMEOUT, tls::shake_hands(config, name, stream)).await;
        progress.timings.tls = Some(start.elapsed());
        let stream =
            handshake.map_err(|_| AttemptError::TlsTimeout(limits::TLS_TIMEOUT))?.map_err(AttemptError::Tls)?;
        if tls::speaks_http2(&stream) {
            let connection = Http2::open(Wire::new(stream), &self.tasks).await?;
            return connection.join().map(Connection::Http2).ok_or(AttemptError::Closed);
        }
        Ok(Connection::Http1(Box::new(Http1::open(Wire::new(stream)))))
    }

    /// A stream to the first of the targets that accepts one, and `route` set to it.
    async fn dial(
        &self,
        Wanted { request, way, .. }: Wanted<'_>,
        route: &mut Route,
        progress: &mut Progress,
    ) -> Result<Leg<D::Stream>, AttemptError> {
        let Some(proxy) = way.proxy else {
            let check = |dialled, peer| self.guard.check_peer(dialled, peer);
            let (address, stream) = race::connect(&self.dialer, &check, &way.targets, progress).await?;
            assert!(way.targets.contains(&address), "{address} was dialled and is not one that was checked");
            route.address = address;
            return Ok(Leg::Plain(stream));
        };
        let start = Instant::now();
        progress.phase = Phase::Proxy;
        let leg = self.through(proxy, (way, &request.url), route).await;
        progress.timings.connect = Some(start.elapsed());
        leg
    }

    /// A tunnel through `proxy` to the first of the targets to which it connects; to a proxy that passes
    /// requests on, the connection to it.
    async fn through(
        &self,
        proxy: &Proxy,
        (way, url): (&Way<'_>, &TargetUrl),
        route: &mut Route,
    ) -> Result<Leg<D::Stream>, AttemptError> {
        let mut failure = None;
        for target in &way.targets {
            let mut leg = self.reach(proxy).await?;
            route.address = *target;
            if way.forwarder(url).is_some() {
                return Ok(leg);
            }
            let destination = match (way.leaves_name, url.host()) {
                (true, Host::Name(name)) => Destination::Name(name.clone(), target.port()),
                _ => Destination::Address(*target),
            };
            let (limit, before) = (limits::CONNECT_TIMEOUT, self.proxy_answers.load(Ordering::Relaxed));
            let tunnel = timeout(limit, proxy::tunnel(proxy, &mut leg, &destination)).await;
            let failed = match tunnel {
                Ok(Ok(())) => {
                    self.proxy_answers.fetch_add(1, Ordering::Relaxed);
                    return Ok(leg);
                }
                Ok(Err(failed @ ProxyFailure::Unreachable { .. })) => {
                    self.proxy_answers.fetch_add(1, Ordering::Relaxed);
                    failed
                }
                Ok(Err(failed)) => return Err(failed.into()),
                // One that answers others meanwhile is well: the receiver is silent.
                Err(_) => {
                    let answers_others = self.proxy_answers.load(Ordering::Relaxed) != before;
                    return Err(ProxyFailure::silent(proxy, &destination, limit, answers_others).into());
                }
            };
            failure = Some(failed);
        }
        Err(failure.expect("the guard gives at least one target").into())
    }

    /// A connection to `proxy`.
    async fn reach(&self, proxy: &Proxy) -> Result<Leg<D::Stream>, AttemptError> {
        let failed = |error: AttemptError| match error.excuse() {
            Some(_) => error,
            None => ProxyFailure::unreached(proxy, &error.in_short()).into(),
        };
        let targets = self.guard.addresses_of(proxy).await.map_err(failed)?;
        let check = |dialled, peer| if dialled == peer { Ok(()) } else { Err(AttemptError::Peer { dialled, peer }) };
        let dialled = race::connect(&self.dialer, &check, &targets, &mut Progress::new()).await;
        let (_, stream) = dialled.map_err(failed)?;
        if proxy.scheme != ProxyScheme::Https {
            return Ok(Leg::Plain(stream));
        }
        let handshake = tls::shake_hands(self.trusts.of_proxy()?, certified_name(&proxy.host), stream);
        match timeout(limits::TLS_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => Ok(Leg::Secured(Box::new(TokioIo::new(stream)))),
            Ok(Err(error)) => Err(failed(AttemptError::Tls(error))),
            Err(_) => Err(failed(AttemptError::TlsTimeout(limits::TLS_TIMEOUT))),
        }
    }
}

/// The request as it goes out, with its access token.
fn with_token(request: &PreparedRequest, token: &Token) -> PreparedRequest {
    let mut request = request.clone();
    request.headers.push(token.header());
    request
}

/// What the receiver's certificate must name.
fn certified_name(host: &Host) -> ServerName<'static> {
    match host {
        Host::Address(address) => ServerName::IpAddress((*address).into()),
        Host::Name(name) => {
            let name = DnsName::try_from(name.without_dot().to_owned());
            ServerName::DnsName(name.expect("a host name is made of what certificates can hold"))
        }
    }
}

/// The connection that a request needs.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    request: &'a PreparedRequest,
    way: &'a Way<'a>,
    source: Source,
}

/// An exchange on a shared connection. If it ends without an answer, or is dropped at its
/// deadline, the connection is not offered to others any more: a dead one would swallow
/// their requests too.
struct Unanswered<'a, S: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    pool: &'a Pool<S>,
    route: &'a Route,
    connection: &'a Http2,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Unanswered<'_, S> {
    fn was_answered(self) {
        std::mem::forget(self);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Drop for Unanswered<'_, S> {
    fn drop(&mut self) {
        self.pool.forget(self.route, self.connection);
    }
}
