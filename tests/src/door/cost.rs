//! What abusers cost good clients: the server's processor time for the same calls, alone and while
//! every kind of flood is at work. Time of the processor does not depend on what else a machine does.

use std::thread;
use std::time::Duration;

use tenterhook_proto::tenterhook::v1::ListWebhooksRequest;
use tenterhook_proto::tenterhook::v1::webhook_service_client::WebhookServiceClient;
use tokio::time::Instant;
use tonic::transport::Endpoint;

use super::floods::kinds;
use super::frames::{flood, open};
use super::{CUT_MAX, GOOD_CLIENT, Target, target};
use crate::process::serve::connect;

/// Calls of the good client, one after the other.
const CALLS: usize = 1_000;
/// Connections of each kind of flood, one after the other.
const CONNECTIONS: usize = 4;
/// What calls may cost while abusers are at work, as a multiple of what they cost alone.
const RATIO_MAX: u32 = 2;

/// Makes the calls; the server's processor time for them, and the time of each, in order of length.
pub(super) fn calls(target: &Target) -> (Duration, Vec<Duration>) {
    let before = target.process.cpu();
    let endpoint = Endpoint::from_shared(format!("http://{}", target.server.api)).unwrap();
    let endpoint = endpoint.local_address(Some(GOOD_CLIENT));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut times = runtime.block_on(async {
        let mut client = WebhookServiceClient::new(connect(endpoint).await);
        let mut times = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let begun = Instant::now();
            client.list_webhooks(ListWebhooksRequest::default()).await.unwrap();
            times.push(begun.elapsed());
        }
        times
    });
    times.sort();
    (target.process.cpu() - before, times)
}

#[test]
fn abusers_at_work_cost_good_clients_no_more_than_as_much_again() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), &[]);
    let (alone, quiet) = calls(&target);
    let (together, busy) = thread::scope(|scope| {
        for (name, bytes) in kinds() {
            let api = &target.server.api;
            scope.spawn(move || {
                let many = bytes.repeat(64);
                for _ in 0..CONNECTIONS {
                    assert!(flood(&mut open(api), || many.clone(), true, CUT_MAX).is_some(), "{name} goes on");
                }
            });
        }
        calls(&target)
    });
    let p99 = |times: &[Duration]| times[times.len() * 99 / 100];
    println!("alone {alone:?}, p99 {:?}; among abusers {together:?}, p99 {:?}", p99(&quiet), p99(&busy));
    assert!(together <= alone * RATIO_MAX, "{together:?} of the processor among abusers, {alone:?} alone");
}
