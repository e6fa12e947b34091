//! What attempts are made with: by the node that serves, and by one that stands by.

use std::sync::Arc;

use anyhow::Result;
use tenterhook_attempt::{AttemptTrace, PassThrough};
use tenterhook_cage::{Cage, WorkerCommand};
use tenterhook_deliver::{Deliverer, Outbound, Roots, SystemResolver, TcpDialer};
use tenterhook_engine::Render;

use crate::config::{Config, template_variables};
use crate::failure::InWords;
use crate::telemetry::Telemetry;
use crate::telemetry::trace::Exported;

/// Child processes that render what is not plain, at most; one renders thousands a second.
const RENDER_WORKERS: usize = 2;

/// Lets the allocator of a render worker take memory as it is needed: what it would set aside at
/// its start, a gibibyte, is more than a worker may have (mimalloc's documentation, "Environment options").
const ALLOCATOR_OF_WORKERS: [(&str, &str); 3] =
    [("MIMALLOC_ARENA_RESERVE", "0"), ("MIMALLOC_ARENA_EAGER_COMMIT", "0"), ("MIMALLOC_EAGER_COMMIT", "0")];

/// What traces attempts, if spans are exported.
pub(super) fn trace(telemetry: &Telemetry) -> Arc<dyn AttemptTrace> {
    if telemetry.exports_spans() { Arc::new(Exported) } else { Arc::new(PassThrough) }
}

/// What renders.
pub(super) fn render(config: &Config) -> Result<Arc<dyn Render>> {
    Ok(Arc::new(cage()?.with_variables(template_variables(&config.template_env))))
}

/// What looks names up, and what sends requests with it.
pub(super) fn deliverer(config: &Config) -> (Arc<SystemResolver>, Deliverer) {
    let resolver = Arc::new(SystemResolver::new());
    let deliverer = Deliverer::new(Outbound {
        addresses: config.addresses.clone(),
        egress: config.egress.clone(),
        resolver: resolver.clone(),
        roots: Roots::from_system(),
        dialer: TcpDialer { source: config.source },
    });
    (resolver, deliverer)
}

/// Where templates that are not plain render: this program as `render-worker`, in child processes.
pub fn cage() -> Result<Cage> {
    let program =
        std::env::current_exe().context("cannot locate this executable, which also runs the render workers")?;
    let environment = ALLOCATOR_OF_WORKERS.map(|(name, value)| (name.into(), value.into())).to_vec();
    Ok(Cage::new(WorkerCommand { program, args: vec!["render-worker".into()], environment }, RENDER_WORKERS))
}
