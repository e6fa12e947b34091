//! Numbers in deploy/ that must agree with each other and with the server's limits.

use std::time::Duration;

use tenterhook_model::limits;

use super::read;

/// How long the server may go on after its grace, to record what became of requests; in crates/server/src/app/drain.rs.
const SETTLE: Duration = Duration::from_secs(5);

/// The number behind `before` in a file below deploy/.
fn number(path: &str, before: &str) -> u64 {
    let text = read(path);
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("deploy/{path} has no `{before}`"));
    rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).expect("a number follows")
}

#[test]
fn supervisors_wait_longer_for_the_end_than_the_server_takes() {
    for (path, before) in [
        ("systemd/tenterhook.service", "TimeoutStopSec="),
        ("kubernetes/tenterhook.yaml", "terminationGracePeriodSeconds: "),
    ] {
        let seconds = number(path, before);
        assert!(Duration::from_secs(seconds) > limits::DRAIN_GRACE + SETTLE, "deploy/{path}: {before}{seconds}");
    }
}

#[test]
fn the_unit_allows_descriptors_for_every_request_in_flight() {
    let allowed = number("systemd/tenterhook.service", "LimitNOFILE=");
    assert!(allowed >= 2 * limits::IN_FLIGHT as u64, "{allowed}");
}

#[test]
fn the_image_is_built_with_the_rust_of_the_repository() {
    let toolchain = std::fs::read_to_string(super::folder().join("../rust-toolchain.toml")).unwrap();
    let channel = toolchain.split('"').nth(1).expect("the toolchain names a channel");
    let image = read("container/Containerfile");
    assert!(image.contains(&format!("/rust:{channel}-alpine ")), "the image is not built with {channel}");
}
