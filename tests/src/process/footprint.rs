//! What processes use, as Linux counts it: processor time and resident memory.

use std::path::Path;
use std::time::Duration;

/// Ticks of `/proc/PID/stat` a second (`sysconf(_SC_CLK_TCK)`, 100 on every Linux that runs here).
const TICKS_PER_SECOND: u64 = 100;

/// A process that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// The processes that it started and that still run.
    pub(crate) fn children(self) -> Vec<Self> {
        let mut children = Vec::new();
        for task in std::fs::read_dir(format!("/proc/{}/task", self.0)).expect("it runs") {
            let listed = task.map(|task| read(&task.path().join("children"))).unwrap_or_default();
            children.extend(listed.split_whitespace().map(|pid| Self(pid.parse().expect("it is a number"))));
        }
        children
    }

    /// Processor time of all its threads so far, in steps of 10 ms.
    pub(crate) fn cpu(self) -> Duration {
        let stat = self.file("stat");
        // After the name, which ends at the last parenthesis, utime and stime are the 12th and 13th field.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("it is a number")).sum();
        Duration::from_millis(1_000 * ticks / TICKS_PER_SECOND)
    }

    /// Bytes that are resident now.
    pub(crate) fn resident(self) -> u64 {
        self.status("VmRSS:")
    }

    /// Bytes that were resident at most since the start or the last [`Process::forget_peak`].
    pub(crate) fn peak(self) -> u64 {
        self.status("VmHWM:")
    }

    /// Lets the peak begin again at what is resident now (`man 5 proc`, `clear_refs`).
    pub(crate) fn forget_peak(self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.0), "5").expect("one may reset the peak of an own process");
    }

    fn status(self, name: &str) -> u64 {
        let status = self.file("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel tells it");
        1024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("it is in kB")
    }

    fn file(self, name: &str) -> String {
        read(Path::new(&format!("/proc/{}/{name}", self.0)))
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn memory_and_time_of_a_process_are_seen() {
    let me = Process(std::process::id());
    me.forget_peak();
    let before = me.resident();
    let block = std::hint::black_box(vec![1u8; 96 << 20]);
    assert!(me.peak() >= before.saturating_sub(32 << 20) + (block.len() as u64));
    assert!(me.cpu() < Duration::from_secs(86_400));
}
