//! GetServerInfo and ListNamespaces.

use std::collections::BTreeMap;

use tenterhook_model::limits;
use tenterhook_proto::tenterhook::v1;

use crate::architecture::tree;

use super::bench::{Bench, event, webhook};

async fn info(bench: &Bench, who: &str) -> v1::GetServerInfoResponse {
    bench.info_as(who).get_server_info(v1::GetServerInfoRequest {}).await.unwrap().into_inner()
}

#[tokio::test]
async fn the_server_says_what_it_is_and_what_it_allows() {
    let bench = Bench::new().await;
    let server = info(&bench, "viewer").await.server.unwrap();
    assert_eq!((server.version.as_str(), server.store_engine.as_str()), (env!("CARGO_PKG_VERSION"), "memory"));
    assert_eq!(server.features, ["reflection"]);
    assert!(server.start_time.unwrap().seconds < server.current_time.unwrap().seconds);
    assert_eq!(server.retention.unwrap().seconds, 60, "as it is set, not the default");
    let by_name: BTreeMap<_, _> = server.limits.iter().map(|limit| (limit.name.as_str(), limit)).collect();
    assert_eq!(by_name.len(), limits::TABLE.len(), "every limit, once");
    let bytes = by_name["event_bytes"];
    assert_eq!((bytes.value, bytes.minimum, bytes.unit.as_str(), bytes.flag.as_str()), (262_144, 0, "bytes", ""));
    let timeout = by_name["attempt_timeout_seconds"];
    assert_eq!((timeout.minimum, timeout.value), (1, 60));
    let retention = by_name["retention"];
    assert_eq!((retention.value, retention.flag.as_str()), (60_000, "retention"));
    assert!(server.limits.iter().all(|limit| !limit.description.is_empty()));
}

/// The number and the least number of a cell of docs/LIMITS.md, in the unit of the API: `1 min to 30 d`.
fn number(cell: &str, unit: &str) -> (i64, i64) {
    let one = |text: &str| {
        let (number, size) = text.split_once(' ').unwrap_or((text, ""));
        let number: i64 = number.replace(',', "").parse().unwrap();
        let times = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        let sizes = [("KiB", 1 << 10), ("MiB", 1 << 20)];
        let factor = times.iter().chain(&sizes).find(|(name, _)| *name == size).map_or(1, |(_, factor)| *factor);
        number * factor / if unit == "seconds" { 1_000 } else { 1 }
    };
    cell.split_once(" to ").map_or_else(|| (0, one(cell)), |(least, most)| (one(least), one(most)))
}

#[tokio::test]
async fn the_limits_are_those_of_the_page() {
    let page = tree::read("docs/LIMITS.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let page: BTreeMap<&str, &str> = rows
        .map(|row| row.split_once('`').unwrap())
        .map(|(name, rest)| (name, rest.split('|').nth(1).unwrap().trim()))
        .collect();
    let server = info(&Bench::new().await, "viewer").await.server.unwrap();
    assert_eq!(server.limits.len(), page.len());
    for limit in server.limits.iter().filter(|limit| limit.name != "retention") {
        let (least, most) = number(page[limit.name.as_str()], &limit.unit);
        assert_eq!((limit.minimum, limit.value), (least, most), "{}: {}", limit.name, page[limit.name.as_str()]);
    }
    assert_eq!(number(page["retention"], "milliseconds").1, 7 * 86_400_000, "the bench sets its own");
}

#[tokio::test]
async fn the_caller_is_told_its_name_and_grants() {
    let bench = Bench::new().await;
    let caller = async |who| {
        let caller = info(&bench, who).await.caller.unwrap();
        let grants: Vec<_> = caller.grants.into_iter().map(|grant| (grant.role, grant.namespace)).collect();
        (caller.name, grants)
    };
    assert_eq!(caller("viewer").await, ("viewer".into(), vec![("viewer".into(), "*".into())]));
    assert_eq!(caller("admin@other").await, ("admin@other".into(), vec![("admin".into(), "other".into())]));
}

/// The namespaces that `who` sees, with the count of webhooks, in pages of `page_size`.
async fn namespaces(bench: &Bench, who: &str, page_size: i32) -> Vec<(String, i32)> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListNamespacesRequest { page_size, page_token };
        let page = bench.info_as(who).list_namespaces(request).await.unwrap().into_inner();
        assert!(page.namespaces.len() <= page_size as usize);
        all.extend(page.namespaces.into_iter().map(|found| (found.name, found.webhook_count)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

#[tokio::test]
async fn namespaces_that_hold_webhooks_or_events_are_listed_in_pages() {
    let bench = Bench::new().await;
    assert!(namespaces(&bench, "viewer", 2).await.is_empty());
    for (number, namespace) in ["b", "b", "other", "long-name"].into_iter().enumerate() {
        let webhook = v1::Webhook { namespace: namespace.into(), ..webhook(&format!("w{number}")) };
        bench.create(v1::CreateWebhookRequest { webhook: Some(webhook), ..Default::default() }).await;
    }
    for namespace in ["a", "b", "other", "third"] {
        let event = v1::Event { namespace: namespace.into(), ..event("created") };
        bench.events().publish_event(v1::PublishEventRequest { event: Some(event) }).await.unwrap();
    }
    let named = |(name, count): (&str, i32)| (name.to_owned(), count);
    let every = [("a", 0), ("b", 2), ("other", 1), ("third", 0), ("long-name", 1)].map(named);
    for page_size in [1, 2, 3, 5, 50] {
        assert_eq!(namespaces(&bench, "viewer", page_size).await, every, "pages of {page_size}");
    }
    assert_eq!(namespaces(&bench, "admin@other", 1).await, [named(("other", 1))], "no other is shown");
}
