//! How long good clients wait while each abuser is at work: `make bench-door`. What a run shows
//! depends on what else the machine does, so it is measured beside calls without the abuser, in
//! turns, and the table is for people.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::cost::calls;
use super::floods::kinds;
use super::frames::{END_STREAM, call, flood, open};
use super::memory::endless;
use super::{swollen, target};

/// The variable that asks for it.
const ASKED: &str = "TENTERHOOK_BENCH_DOOR";
/// Turns, of which each is calls alone and calls beside the abuser.
const TURNS: usize = 5;
/// How long an abuser floods before it looks whether it should stop.
const BURST: Duration = Duration::from_millis(200);

/// One burst against the API at an address.
type Abuse = Box<dyn Fn(&str) + Sync>;

fn abusers() -> Vec<(String, Abuse)> {
    let mut abusers: Vec<(String, Abuse)> = Vec::new();
    for (name, bytes) in kinds() {
        let many = bytes.repeat(64);
        let burst = move |api: &str| {
            flood(&mut open(api), || many.clone(), true, BURST);
        };
        abusers.push((format!("{name} frames without end"), Box::new(burst)));
    }
    let calls = |path: String, reads: bool| {
        move |api: &str| {
            let mut id = 1;
            let next = || {
                id += 2;
                call(id, &path, END_STREAM)
            };
            flood(&mut open(api), next, reads, BURST);
        }
    };
    let long = format!("/{}", "x".repeat(8_000));
    abusers.push(("refusals that are not read".into(), Box::new(calls(long, false))));
    abusers.push(("calls of no method".into(), Box::new(calls("/no.such/Method".into(), true))));
    abusers.push((
        "calls that never end".into(),
        Box::new(|api: &str| {
            endless(api, "/tenterhook.v1.EventService/PublishEvent");
        }),
    ));
    abusers.push(("messages that grow in memory".into(), Box::new(swollen::one_of_each)));
    abusers.push((
        "connections that do not open".into(),
        Box::new(|api: &str| {
            let _half_open: Vec<TcpStream> = (0..200).filter_map(|_| TcpStream::connect(api).ok()).collect();
        }),
    ));
    abusers.push((
        "bodies that do not end, over HTTP/1.1".into(),
        Box::new(|api: &str| {
            let begin = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4194304\r\n\r\n";
            let mut streams: Vec<TcpStream> = (0..64).filter_map(|_| TcpStream::connect(api).ok()).collect();
            for stream in &mut streams {
                // The server may have cut it already.
                let _ = stream.write_all(begin.as_bytes()).and_then(|()| stream.write_all(&[b' '; 16 * 1024]));
            }
        }),
    ));
    abusers
}

#[test]
fn the_99th_percentile_of_good_clients_beside_each_abuser() {
    if std::env::var_os(ASKED).is_none() {
        eprintln!("skipped: a measurement, for a quiet machine; `make bench-door` makes it");
        return;
    }
    println!("{:40} {:>10} {:>10} {:>6}", "abuser", "p99 alone", "p99 beside", "ratio");
    for (name, abuse) in abusers() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path(), &[]);
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            alone.extend(calls(&target).1);
            let stop = AtomicBool::new(false);
            beside.extend(thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        abuse(&target.server.api);
                    }
                });
                let times = calls(&target).1;
                stop.store(true, Ordering::Relaxed);
                times
            }));
        }
        let p99 = |times: &mut Vec<Duration>| {
            times.sort();
            times[times.len() * 99 / 100]
        };
        let (alone, beside) = (p99(&mut alone), p99(&mut beside));
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        assert!(!alone.is_zero() && !beside.is_zero(), "{name}: good clients are answered");
        println!("{name:40} {alone:>10.2?} {beside:>10.2?} {ratio:>6.2}");
    }
}
