//! GetServerInfo: version, limits, features, and who calls.

use std::time::Duration;

use tenterhook_model::{Limit, limits};
use tenterhook_proto::tenterhook::v1;

use crate::access::{Caller, Grant};
use crate::state::{About, Shared};
use crate::wire::time::{duration, timestamp};

/// Describes the server to the caller.
pub(super) fn describe(api: &Shared, caller: &Caller) -> v1::GetServerInfoResponse {
    let about = &api.about;
    let server = v1::ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store_engine: about.store_engine.clone(),
        start_time: Some(timestamp(about.start_time)),
        current_time: Some(timestamp(api.clock.now())),
        retention: Some(duration(Duration::from_millis(about.most(limit("RETENTION"))))),
        limits: limits::TABLE.iter().map(|limit| write_limit(limit, about)).collect(),
        features: features(api).into_iter().map(str::to_owned).collect(),
    };
    let grants = caller.grants().iter().map(write_grant).collect();
    let caller = v1::CallerInfo { name: caller.name().to_owned(), grants };
    v1::GetServerInfoResponse { server: Some(server), caller: Some(caller) }
}

fn limit(name: &str) -> &'static Limit {
    limits::TABLE.iter().find(|limit| limit.name == name).expect("its callers name rows of the table")
}

fn write_limit(limit: &Limit, about: &About) -> v1::ServerLimit {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    v1::ServerLimit {
        name: limit.name.to_ascii_lowercase(),
        description: limit.about.trim().to_owned(),
        value: number(about.most(limit)),
        minimum: number(limit.least),
        unit: limit.unit.as_str().to_owned(),
        flag: limit.flag.unwrap_or_default().to_owned(),
    }
}

/// What the server can do or is allowed to do, as the comment of `ServerInfo.features` lists it.
fn features(api: &Shared) -> Vec<&'static str> {
    let known = [
        ("anonymous", api.access.lets_anybody_in()),
        ("insecure_receivers", api.addresses.allow_insecure_tls),
        ("private_receivers", !api.addresses.allow.is_empty()),
        ("reflection", api.reflection),
    ];
    known.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect()
}

fn write_grant(grant: &Grant) -> v1::CallerGrant {
    v1::CallerGrant {
        role: grant.role.to_string(),
        namespace: grant.scope.to_string(),
        webhook_id: grant.webhook.map(|id| id.to_string()).unwrap_or_default(),
        expire_time: grant.expire_time.map(timestamp),
    }
}
