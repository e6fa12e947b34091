//! The door over real connections. Time is stopped once nothing more is to be sent, so that
//! deadlines come at once.

use tenterhook_model::SystemClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::telemetry::Telemetry;

/// What opens HTTP/2: the preface and empty SETTINGS (RFC 9113 sections 3.4 and 6.5).
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// Its acknowledgement of the server's settings.
const SETTINGS_ACK: &[u8] = b"\0\0\0\x04\x01\0\0\0\0";

struct Running {
    address: SocketAddr,
    telemetry: Telemetry,
    draining: CancellationToken,
    tasks: JoinSet<()>,
}

/// Longest time for calls in flight when the server stops.
const GRACE: Duration = Duration::from_secs(20);

async fn start(bounds: Bounds) -> Running {
    start_with(bounds, Times::new(GRACE)).await
}

async fn start_with(bounds: Bounds, times: Times) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let telemetry = Telemetry::quiet().unwrap();
    let metrics = Arc::new(Metrics::new(&telemetry, Arc::new(SystemClock)));
    let (draining, grace) = (CancellationToken::new(), GRACE);
    let routes = Routes::default();
    let parts = Parts { listeners: vec![listener], tls: None, routes, metrics, draining: draining.clone(), grace };
    let mut tasks = JoinSet::new();
    tasks.spawn(Door::with(parts, bounds, times).run());
    Running { address, telemetry, draining, tasks }
}

impl Running {
    async fn connect(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    /// A connection that has opened HTTP/2 and taken the server's settings.
    async fn opened(&self) -> TcpStream {
        let mut stream = self.connect(OPENING).await;
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        stream.read_exact(&mut vec![0; usize::from(head[2])]).await.unwrap();
        stream.write_all(SETTINGS_ACK).await.unwrap();
        stream
    }

    /// Waits until a connection is counted as cut for `reason`, which follows the end of its task.
    async fn has_cut(&self, reason: &str) {
        let line = format!("tenterhook_connections_cut_total{{reason=\"{reason}\"}}");
        let counted = async {
            while !self.telemetry.prometheus_text().contains(&line) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), counted).await.expect(reason);
    }
}

/// Reads to the end, with the clock stopped; how long it took.
async fn end_of(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    // The end may be a reset.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    begun.elapsed()
}

#[tokio::test]
async fn a_connection_that_does_not_open_is_cut_in_ten_seconds() {
    for sent in [b"".as_slice(), b"PRI", &OPENING[..24], &OPENING[..32]] {
        let door = start(BOUNDS).await;
        let mut stream = door.connect(sent).await;
        tokio::time::pause();
        let took = end_of(&mut stream).await;
        assert!((9..=11).contains(&took.as_secs()), "{took:?} after {} bytes", sent.len());
        door.has_cut("late").await;
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_full_door_opens_for_a_new_connection_and_the_oldest_idle_one_goes() {
    let door = start(Bounds { connections: 2, a_network: 100 }).await;
    let mut oldest = door.opened().await;
    let _younger = door.opened().await;
    let _new = door.opened().await;
    end_of(&mut oldest).await;
    door.has_cut("evicted").await;
}

#[tokio::test]
async fn a_client_that_does_not_react_holds_the_end_up_for_seconds_only() {
    let mut door = start(BOUNDS).await;
    let _silent = door.opened().await;
    let _not_open = door.connect(b"").await;
    door.draining.cancel();
    let begun = Instant::now();
    tokio::time::pause();
    door.tasks.join_next().await.unwrap().unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_connection_that_is_old_is_asked_to_go_and_then_cut() {
    // Before the first ping that would ask whether the client is alive.
    let (age, grace) = (Duration::from_secs(20), Duration::from_secs(5));
    let door = start_with(BOUNDS, Times { age: (age, grace), ..Times::new(GRACE) }).await;
    let mut stream = door.opened().await;
    let begun = Instant::now();
    tokio::time::pause();
    let mut seen = Vec::new();
    // The end may be a reset.
    let _ = stream.read_to_end(&mut seen).await;
    let second = Duration::from_secs(1);
    assert!((age * 9 / 10..=age + grace + second).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    // The acknowledgement of the client's settings comes first; then GOAWAY (RFC 9113 section 6.8).
    let kinds: Vec<u8> = kinds(&seen);
    assert!(kinds.contains(&7), "{kinds:?}");
    door.has_cut("lingered").await;
}

/// The types of the frames in `bytes`.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [high, middle, low, kind, ..] = *bytes {
        kinds.push(kind);
        let length = 9 + u32::from_be_bytes([0, high, middle, low]) as usize;
        bytes = &bytes[length.min(bytes.len())..];
    }
    kinds
}

#[tokio::test]
async fn a_flood_is_cut_and_counted() {
    let door = start(BOUNDS).await;
    let mut stream = door.opened().await;
    let pings = b"\0\0\x08\x06\0\0\0\0\0........".repeat(1_000);
    let mut sink = [0; 64 * 1024];
    let cut = async {
        loop {
            if stream.write_all(&pings).await.is_err() || stream.read(&mut sink).await.unwrap_or(0) == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), cut).await.expect("a flood ends");
    door.has_cut("flood").await;
}

#[test]
fn the_log_has_one_line_a_minute_however_many_are_cut() {
    let mut notices = Notices::default();
    notices.note(Cut::Full);
    assert!(notices.counts.is_empty(), "the first is said at once");
    notices.note(Cut::Full);
    notices.note(Cut::Flood);
    assert_eq!(notices.counts.values().sum::<u64>(), 2, "the others are gathered");
}
