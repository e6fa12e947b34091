//! The door of the real server under clients that mean it harm: each is cut off in time, memory
//! stays bounded, and good clients are served meanwhile.

mod cost;
mod floods;
mod frames;
mod http1;
mod latency;
mod memory;
mod shut;
mod small;
mod swollen;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use tenterhook_proto::tenterhook::v1::ListWebhooksRequest;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tonic::transport::Endpoint;

use crate::process::footprint::Process;
use crate::process::serve::{Log, Server, connect, get, start_logging};

/// What abuse may add to the memory of a server.
const MEMORY_MAX: u64 = 64 << 20;
/// Time in which an abuser is cut off, with some more for a busy machine.
const CUT_MAX: Duration = Duration::from_secs(20);

/// Where good clients come from: another network than abusers, whose places may all be taken.
const GOOD_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A server, and its memory before anything happened.
struct Target {
    server: Server,
    process: Process,
    before: u64,
}

fn target(folder: &Path, flags: &[&str]) -> Target {
    let server = start_logging(Log::Text, folder, &[&["--dev", "--log-level", "warn"], flags].concat());
    let process = Process(server.running.id());
    good_calls(&server.api);
    process.forget_peak();
    Target { process, before: process.resident(), server }
}

impl Target {
    /// Checks that good clients are served and that memory has stayed within bounds.
    fn is_well(&self) {
        good_calls(&self.server.api);
        let grown = self.process.peak().saturating_sub(self.before);
        assert!(grown < MEMORY_MAX, "the server has grown by {} MiB", grown >> 20);
    }

    /// How often a metric was counted.
    fn counted(&self, metric: &str) -> u64 {
        let (_, metrics) = get(&self.server.ops, "/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        line.map_or(0, |count| count.parse().expect("it is a number"))
    }
}

/// A good client connects and makes a few calls.
fn good_calls(api: &str) {
    let endpoint = Endpoint::from_shared(format!("http://{api}")).unwrap().timeout(Duration::from_secs(10));
    let endpoint = endpoint.local_address(api.starts_with("127.").then_some(GOOD_CLIENT));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = WebhookServiceClient::new(connect(endpoint).await);
        for _ in 0..3 {
            client.list_webhooks(ListWebhooksRequest::default()).await.unwrap();
        }
    });
}
