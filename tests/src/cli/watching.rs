//! A watch while its connection comes and goes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, yield_now};

use super::{Desk, NOWHERE};
use crate::process::running::Running;

/// A way to a server that can be closed.
#[derive(Clone)]
struct Relay {
    address: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Connections that are up; `None` while the way is closed.
    open: Mutex<Option<Vec<TcpStream>>>,
    /// Connections that were turned away.
    refused: AtomicUsize,
}

impl Relay {
    fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new(State { open: Mutex::new(Some(Vec::new())), ..State::default() });
        let made = Self { address: listener.local_addr().unwrap().to_string(), state };
        let (relay, server) = (made.clone(), server.to_owned());
        thread::spawn(move || listener.incoming().for_each(|client| relay.pass(client.unwrap(), &server)));
        made
    }

    fn pass(&self, client: TcpStream, server: &str) {
        let mut open = self.state.open.lock().unwrap();
        let Some(streams) = open.as_mut() else {
            self.state.refused.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let server = TcpStream::connect(server).unwrap();
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            thread::spawn(move || copy(from, to));
        }
        streams.extend([client, server]);
    }

    /// Cuts what is up, and turns away what comes until that happened so many times.
    fn close_until(&self, refused: usize) {
        for stream in self.state.open.lock().unwrap().take().unwrap() {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
        while self.state.refused.load(Ordering::Relaxed) < refused {
            yield_now();
        }
        *self.state.open.lock().unwrap() = Some(Vec::new());
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_watch_says_when_it_has_no_connection_and_when_it_has_one_again() {
    let desk = Desk::new();
    desk.create("orders", NOWHERE);
    let relay = Relay::to(&desk.server.api);
    let watch = desk.command(&["watch", "--address", &relay.address, "--from", "earliest", "-o", "table"]);
    let mut watch = Running::start(watch);
    desk.publish("first");
    watch.line_with("first");
    relay.close_until(3);
    desk.publish("second");
    watch.line_with("second");
    watch.signal("TERM");
    let log = watch.wait().log;
    let notes: Vec<&str> = log.lines().collect();
    let address = &relay.address;
    let lost = format!("no connection to {address}: trying again until there is one");
    assert_eq!(notes, [lost, format!("connected to {address} again")]);
}
