//! What a webhook may choose of the way by which its requests leave.

use tenterhook_model::{Egress, HostList, Proxy};
use tenterhook_proto::tenterhook::v1;

use super::bench::{Bench, webhook};
use super::fields;

fn request(proxy: v1::ProxyUse, host: &str) -> v1::CreateWebhookRequest {
    let transport = Some(v1::TransportPolicy { proxy: proxy.into(), ..Default::default() });
    let request = Some(v1::RequestTemplate { url: format!("https://{host}/"), ..Default::default() });
    let webhook = Some(v1::Webhook { transport, request, ..webhook("w") });
    v1::CreateWebhookRequest { webhook, validate_only: true, ..Default::default() }
}

async fn refused(egress: Egress, proxy: v1::ProxyUse, host: &str) -> Vec<String> {
    let bench = Bench::behind(egress).await;
    let answer = bench.webhooks().create_webhook(request(proxy, host)).await;
    answer.err().map(|status| fields(&status)).unwrap_or_default()
}

fn proxied() -> Egress {
    Egress { https: Proxy::parse("proxy.example:3128").ok(), ..Egress::default() }
}

#[tokio::test]
async fn the_direct_way_is_for_webhooks_of_a_server_that_allows_it_or_has_no_proxy() {
    let (direct, host) = (v1::ProxyUse::Direct, "hooks.example.com");
    assert_eq!(refused(proxied(), direct, host).await, ["webhook.transport.proxy"]);
    assert!(refused(proxied(), v1::ProxyUse::Default, host).await.is_empty());
    assert!(refused(Egress { allow_direct: true, ..proxied() }, direct, host).await.is_empty());
    assert!(refused(Egress::default(), direct, host).await.is_empty());
}

#[tokio::test]
async fn names_that_the_proxy_looks_up_are_not_judged_here_and_addresses_are() {
    let remote = Egress { resolved_by_proxy: HostList::all(), ..proxied() };
    let default = v1::ProxyUse::Default;
    assert_eq!(refused(proxied(), default, "inside.example.com").await, ["webhook.request.url"]);
    assert!(refused(remote.clone(), default, "inside.example.com").await.is_empty());
    assert_eq!(refused(remote, default, "10.0.0.7").await, ["webhook.request.url"]);
}
