//! The systemd unit, as systemd itself sees it.

use std::process::{Command, Output};

use super::read;

/// The unit, relative to deploy/.
const UNIT: &str = "systemd/tenterhook.service";
/// Tenths on systemd's scale of exposure, from 0 (closed) to 100.
const EXPOSURE_MAX: &str = "15";

/// Runs systemd-analyze on the unit with a command that exists on every machine; `None` where it is missing.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenterhook.service");
    let unit = read(UNIT);
    assert!(unit.contains("/usr/bin/tenterhook serve"), "the unit starts the server");
    std::fs::write(&path, unit.replace("/usr/bin/tenterhook", "/bin/true")).unwrap();
    match Command::new("systemd-analyze").args(arguments).arg(&path).output() {
        Ok(output) => Some(output),
        Err(_) => {
            eprintln!("SKIPPED: systemd-analyze is not installed, so nothing has read {UNIT}");
            None
        }
    }
}

#[test]
fn systemd_takes_the_unit_without_a_complaint() {
    let Some(output) = analyze(&["verify"]) else { return };
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    // What is said of other units of the machine is not ours to mend.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("tenterhook")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}

#[test]
fn the_unit_leaves_the_server_few_rights() {
    let Some(output) = analyze(&["security", "--offline=true", "--threshold", EXPOSURE_MAX]) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
