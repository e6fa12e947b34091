//! What a supervisor such as systemd is sent: that the server is ready, and that it stops.
//!
//! The protocol is that of sd_notify(3): one datagram for each message, to the socket that the variable
//! `NOTIFY_SOCKET` names. `serve` reads the variable; without it, nothing is sent.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// The variable that names the socket.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// The way to a supervisor, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl Supervisor {
    /// The supervisor that the environment names. A socket that cannot be used is logged: the server
    /// then runs as without one.
    pub(crate) fn from_environment() -> Self {
        match std::env::var_os(NOTIFY_SOCKET) {
            Some(name) if !name.is_empty() => Self::at(name.as_bytes()),
            _ => Self::default(),
        }
    }

    /// The supervisor at a socket: a path, or a name in the abstract namespace behind `@`.
    fn at(name: &[u8]) -> Self {
        let address = match name {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            path => SocketAddr::from_pathname(Path::new(std::ffi::OsStr::from_bytes(path))),
        };
        match address.and_then(|address| Ok((UnixDatagram::unbound()?, address))) {
            Ok(socket) => Self { socket: Some(socket) },
            Err(error) => {
                tracing::warn!(kind = %error.kind(), "the supervisor's socket {NOTIFY_SOCKET} cannot be used");
                Self::default()
            }
        }
    }

    /// The server is ready: calls are accepted, webhooks are compiled.
    pub(crate) fn ready(&self) {
        self.send("READY=1\nSTATUS=Accepting calls");
    }

    /// The server runs, and takes calls once no other node has its database.
    pub(crate) fn standing_by(&self) {
        self.send("READY=1\nSTATUS=Standing by: another node has the database");
    }

    /// The server drains and then exits.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Draining: requests in flight may finish");
    }

    fn send(&self, message: &str) {
        let Some((socket, address)) = &self.socket else { return };
        // A supervisor that does not read must not hold the server up.
        let sent = socket.set_nonblocking(true).and_then(|()| socket.send_to_addr(message.as_bytes(), address));
        if let Err(error) = sent {
            tracing::warn!(kind = %error.kind(), "the supervisor was not reached");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn messages_reach_a_socket_by_path_and_one_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        Supervisor::at(path.as_os_str().as_bytes()).ready();
        assert!(received(&by_path).starts_with("READY=1\n"));

        let name = path.as_os_str().as_bytes();
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
        Supervisor::at(&[b"@", name].concat()).stopping();
        assert!(received(&by_name).starts_with("STOPPING=1\n"));
    }

    #[test]
    fn a_supervisor_that_is_gone_or_absent_holds_nothing_up() {
        Supervisor::default().ready();
        Supervisor::at(b"/nowhere/notify").ready();
        Supervisor::at(&[b'x'; 200]).ready();
    }

    #[test]
    fn a_supervisor_that_does_not_read_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _unread = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor::at(path.as_os_str().as_bytes());
        for _ in 0..10_000 {
            supervisor.ready();
        }
    }
}
