//! Cuts of the power under the real binary, on a file system of its own on a block device: ext4
//! on a loop device is stopped as by a power cut (`EXT4_IOC_SHUTDOWN` without flushing its
//! journal), so that all that nobody has synced is gone. Two bare loops on the same disk are cut
//! with it: one that syncs each write says what the disk keeps, one that syncs none that it forgets.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use tenterhook_proto::tenterhook::v1::GetEventRequest;
use tenterhook_proto::tenterhook::v1::event_service_client::EventServiceClient;
use tokio::task::JoinSet;

use super::{Acknowledged, EVENTS, PUBLISHERS, connect, publish};
use crate::process::serve::start;
use crate::sim::chance::Dice;
use crate::sim::chosen;

/// How often the power is cut; another number by its name in the environment.
const ROUNDS: u64 = 50;
const COUNT: &str = "TENTERHOOK_POWER_CUTS";
/// Bytes of the disk.
const DISK_BYTES: u64 = 256 << 20;
/// Bytes of a record of the control, and records that are not synced.
const RECORD: u64 = 4096;
const UNSYNCED: u64 = 256;
/// Tries to unmount the disk, while a process that was killed still ends.
const UNMOUNTS: usize = 1_000;
/// Makes the times of the cuts.
const SEED: u64 = 24;
/// Waits for a byte and stops the file system of the folder: the number is EXT4_IOC_SHUTDOWN, and
/// 2 is EXT4_GOING_FLAGS_NOLOGFLUSH (linux/fs/ext4/ext4.h).
const CUTTER: &str = "import fcntl, os, struct, sys
disk = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
os.read(0, 1)
fcntl.ioctl(disk, 0x8004587d, struct.pack('I', 2))";

/// A disk that can lose its power.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// A new one, or why there is none.
    fn new() -> Result<Self, String> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(disk.root()).unwrap();
        File::create(disk.image()).unwrap().set_len(DISK_BYTES).unwrap();
        run("mkfs.ext4", &["-q", "-F", path(&disk.image())])?;
        disk.mount()?;
        Ok(disk)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn mount(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", path(&self.image()), path(&self.root())])
    }

    /// The power is back: what was synced is there. Whoever was using it has been killed.
    fn come_back(&self) {
        let unmounted = (0..UNMOUNTS).find_map(|_| run("umount", &[path(&self.root())]).ok());
        unmounted.expect("a process that was killed lets go of its files");
        self.mount().expect("a disk that lost its power is still one");
    }

    /// Whoever cuts the power, as soon as a byte is written.
    fn cutter(&self) -> Child {
        let mut cutter = Command::new("python3");
        cutter.args(["-c", CUTTER, path(&self.root())]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut cutter = cutter.spawn().expect("python3 runs");
        let mut line = String::new();
        BufReader::new(cutter.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        cutter
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A test that failed may have left the server on it.
        let _ = run("umount", &["--lazy", path(&self.root())]);
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

fn run(command: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(command).args(arguments).output().map_err(|error| format!("{command}: {error}"))?;
    let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{command}: {error}")) }
}

/// Writes records until the disk takes no more, and syncs each if it is to; how many it wrote before the
/// power began to go. While it goes, ext4 may report a sync that it has not made.
fn control(file: PathBuf, synced: bool, going: Arc<AtomicBool>) -> JoinHandle<u64> {
    // A new file each time: ext4 flushes one that was cut to nothing when it is closed.
    let _ = std::fs::remove_file(&file);
    let file = OpenOptions::new().create_new(true).write(true).open(file).unwrap();
    thread::spawn(move || {
        let mut number = 0;
        // What is not synced is as fast as memory: it must not fill the disk, nor be in the way.
        while synced || number < UNSYNCED {
            let written = file.write_all_at(&record(number), number * RECORD);
            if written.and_then(|()| if synced { file.sync_data() } else { Ok(()) }).is_err()
                || going.load(Ordering::SeqCst)
            {
                break;
            }
            number += 1;
        }
        number
    })
}

fn record(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(RECORD as usize / 8)
}

/// How many of the first records of a file are gone.
fn lost(file: &Path, written: u64) -> u64 {
    let bytes = std::fs::read(file).unwrap_or_default();
    let is_there = |number: &u64| {
        let at = (number * RECORD) as usize;
        bytes.get(at..at + RECORD as usize) == Some(&record(*number)[..])
    };
    (0..written).filter(|number| !is_there(number)).count() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let disk = match Disk::new() {
        Ok(disk) => disk,
        Err(why) => return eprintln!("SKIPPED: no power was cut, for want of root, a loop device or ext4: {why}"),
    };
    let (mut dice, mut all) = (Dice::new(SEED), 0_u64);
    let (mut of_control, mut lost_by_control, mut lost_unsynced) = (0, 0, 0);
    let mut before = Vec::new();
    let rounds = chosen(COUNT).unwrap_or(ROUNDS);
    for round in 0..=rounds {
        let server = start(&disk.root(), &["--dev"]);
        let channel = connect(&server).await;
        let mut client = EventServiceClient::new(channel.clone());
        for event_id in std::mem::take(&mut before) {
            let request = GetEventRequest { namespace: String::new(), event_id };
            if let Err(status) = client.get_event(request.clone()).await {
                panic!("acknowledged before cut {round} and gone: {}: {status}", request.event_id);
            }
            all += 1;
        }
        let mut cutter = disk.cutter();
        let files = ["synced", "unsynced"].map(|name| disk.root().join(name));
        let going = Arc::new(AtomicBool::new(false));
        let loops = [(0, true), (1, false)].map(|(at, synced)| control(files[at].clone(), synced, Arc::clone(&going)));
        let acknowledged = Acknowledged::default();
        let mut publishers = JoinSet::new();
        for publisher in 0..PUBLISHERS {
            let name = format!("{round}-{publisher}");
            publishers.spawn(publish(channel.clone(), name, Arc::clone(&acknowledged), EVENTS));
        }
        // The one wait for real time: the power goes at a moment that nobody knows.
        tokio::time::sleep(dice.millis(20, 400)).await;
        going.store(true, Ordering::SeqCst);
        before = acknowledged.lock().unwrap().iter().cloned().collect();
        cutter.stdin.take().unwrap().write_all(b"x").unwrap();
        assert!(cutter.wait().unwrap().success(), "the file system can be stopped");
        server.running.signal("KILL");
        publishers.join_all().await;
        let written = loops.map(|control| control.join().unwrap());
        disk.come_back();
        // Its files are looked through for secrets, which is possible only now.
        server.running.wait();
        of_control += written[0];
        lost_by_control += lost(&files[0], written[0]);
        lost_unsynced += lost(&files[1], written[1]);
    }
    println!(
        "lost 0 of {all} events; of synced writes {lost_by_control} of {of_control}, and {lost_unsynced} that were not synced"
    );
    assert!(all > rounds, "only {all} events were acknowledged in all rounds");
    assert!(lost_unsynced > 0, "this disk forgets nothing: the cuts were none");
    assert_eq!(lost_by_control, 0, "this disk loses what was synced, of {of_control}");
}
