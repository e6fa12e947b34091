//! What supervisors rely on: systemd's notifications, and the health check of containers.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::serve::{Log, start_logging};
use super::{command, run, running::Running, stderr, stdout};

/// Far longer than a server takes to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

fn received(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let length = socket.recv(&mut bytes).expect("the server notifies its supervisor");
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

#[test]
fn a_supervisor_is_notified_when_the_server_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let arguments = ["serve", "--dev", "--listen", "127.0.0.1:0", "--ops-listen", "off", "--store", "memory:"];
    let mut command = command(&arguments);
    command.env("NOTIFY_SOCKET", &path);
    let server = Running::start(command);
    assert!(received(&supervisor).starts_with("READY=1\n"));
    server.signal("TERM");
    assert!(received(&supervisor).starts_with("STOPPING=1\n"));
    assert_eq!(server.wait().status.code(), Some(0));
}

#[test]
fn the_health_check_follows_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_logging(Log::Text, folder.path(), &["--dev"]);
    let ask = |flags: &[&str]| run(&[&["healthcheck", "--ops-listen", &server.ops], flags].concat());
    for (flags, state) in [(&[][..], "alive"), (&["--ready"], "ready")] {
        let output = ask(flags);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stdout(&output), format!("The server at {} is {state}.\n", server.ops));
    }
    // The gRPC listener speaks no HTTP/1.1.
    let output = run(&["healthcheck", "--ops-listen", &server.api]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    let ops = server.ops.clone();
    server.running.signal("TERM");
    server.running.wait();
    let output = run(&["healthcheck", "--ops-listen", &ops]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(&format!("no server responds at {ops}: connection refused")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_health_check_without_a_listener_to_ask_says_so() {
    let output = run(&["healthcheck", "--ops-listen", "off"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--ops-listen is off"), "{}", stderr(&output));
    let output = run(&["healthcheck", "--ops-listen", "somewhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`somewhere`"), "{}", stderr(&output));
}
