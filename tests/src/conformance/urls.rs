//! Which URLs can be saved.

use tenterhook_engine::compile;

use super::wire::{text, webhook_to};
use super::{check_all, same};

#[test]
fn urls_are_accepted_and_refused_by_their_text() {
    check_all("netbox_urls", |case| {
        let mut webhook = webhook_to(text(case, "url"));
        let hosts = case["allowed_hosts"].as_array().cloned().unwrap_or_default();
        webhook.spec.request.allowed_hosts = hosts.iter().map(|host| host.as_str().unwrap().to_owned()).collect();
        let verdict = match compile(&webhook) {
            Ok(_) => "accept",
            Err(faults) => {
                assert!(faults.iter().all(|fault| fault.field.starts_with("request.url")), "{faults:?}");
                "refuse"
            }
        };
        same("the verdict", &verdict, &text(case, "expected"))
    });
}
