//! What the operating system knows of the process, under the names of Prometheus' client libraries
//! (<https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>).

use std::fs;

use opentelemetry::metrics::Meter;
use tenterhook_model::Timestamp;

/// Ticks a second in `/proc` (`USER_HZ`): 100 on every architecture that this program is built for.
const TICKS: f64 = 100.0;

/// Registers them. What cannot be read, as on systems without `/proc`, is left out.
pub(super) fn observe(meter: &Meter, start: Timestamp) {
    meter
        .f64_observable_counter("process.cpu")
        .with_unit("s")
        .with_description("User and system CPU time")
        .with_callback(|observer| {
            if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat)) {
                observer.observe(seconds, &[]);
            }
        })
        .build();
    let gauge = |name: &'static str, unit: &'static str, description: &'static str, read: fn() -> Option<f64>| {
        let gauge = meter.f64_observable_gauge(name).with_unit(unit).with_description(description);
        let observed = move || read();
        gauge
            .with_callback(move |observer| {
                if let Some(value) = observed() {
                    observer.observe(value, &[]);
                }
            })
            .build();
    };
    gauge("process.resident_memory", "By", "Memory in RAM", || status("VmRSS:").map(|kibibytes| kibibytes * 1_024.0));
    gauge("process.virtual_memory", "By", "Address space", || status("VmSize:").map(|kibibytes| kibibytes * 1_024.0));
    gauge("process.threads", "{thread}", "Threads", || status("Threads:"));
    gauge("process.open_fds", "{descriptor}", "Open file descriptors", || {
        Some(fs::read_dir("/proc/self/fd").ok()?.count() as f64)
    });
    gauge("process.max_fds", "{descriptor}", "File descriptors that may be open", || {
        descriptor_limit(&fs::read_to_string("/proc/self/limits").ok()?)
    });
    meter
        .f64_observable_gauge("process.start_time")
        .with_unit("s")
        .with_description("When the server started, in seconds since 1970")
        .with_callback(move |observer| observer.observe(start.millis() as f64 / 1_000.0, &[]))
        .build();
}

/// A number of `/proc/self/status`, whose unit is KiB for memory.
fn status(key: &str) -> Option<f64> {
    number_after(&fs::read_to_string("/proc/self/status").ok()?, key)
}

/// The first number of the line that begins with `key`.
fn number_after(text: &str, key: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// User and system time in `/proc/self/stat`: fields 14 and 15, counted behind the program's name,
/// which may contain blanks and parentheses (proc(5)).
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(|field| field.parse::<f64>().ok());
    Some((times.next()?? + times.next()??) / TICKS)
}

/// The soft limit of descriptors in `/proc/self/limits`.
fn descriptor_limit(limits: &str) -> Option<f64> {
    number_after(limits, "Max open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_as_its_manual_says() {
        let stat = "12 (a (b) c) S 1 12 12 0 -1 4194304 90 0 0 0 250 50 0 0 20 0 7 0 999 1000 25";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("junk"), None);
        assert_eq!(number_after("Name:\tx\nVmRSS:\t    2048 kB\n", "VmRSS:"), Some(2_048.0));
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(descriptor_limit(limits), Some(1_024.0));
        assert_eq!(descriptor_limit("Max open files  unlimited  unlimited  files"), None);
    }
}
