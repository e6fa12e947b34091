//! The request that is sent, as NetBox sent it to a socket.

use std::collections::BTreeMap;

use tenterhook_engine::compile;

use super::wire::{context, facts, text, webhook};
use super::{check_all, same};

#[test]
fn requests_are_those_that_netbox_sends() {
    check_all("netbox_requests", |case| {
        let mut webhook = webhook(&case["webhook"], text(case, "secret"));
        webhook.spec.request.url = webhook.spec.request.url.replace("$RECEIVER", "127.0.0.1:9000");
        let compiled = compile(&webhook).map_err(|faults| format!("{faults:?}"))?;
        let sent = compiled.prepare(&context(&case["event"]), &facts()).map_err(|fault| fault.to_string())?;
        let expected = &case["expected"];
        same("the method", &sent.method.as_str(), &text(expected, "method"))?;
        same("the path", &sent.url.path_and_query(), &text(expected, "path_and_query"))?;
        same("the body", &std::str::from_utf8(&sent.body).unwrap(), &text(expected, "body"))?;
        let headers: BTreeMap<String, &str> =
            sent.headers.iter().map(|header| (header.name.to_ascii_lowercase(), &*header.value)).collect();
        assert_eq!(headers.len(), sent.headers.len(), "no header stands twice");
        for (name, value) in expected["headers"].as_object().unwrap() {
            let length = sent.body.len().to_string();
            let found = if name == "content-length" { Some(length.as_str()) } else { headers.get(name).copied() };
            same(name, &found, &value.as_str())?;
        }
        let mine = webhook.spec.request.additional_headers.contains("X-Hook-Signature");
        let signature = headers.get("x-hook-signature").copied().filter(|_| !mine);
        same("the signature", &signature, &expected["signature"].as_str())
    });
}
