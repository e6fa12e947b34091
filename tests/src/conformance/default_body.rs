//! The default body, byte for byte as Python's `json.dumps` writes it.

use super::wire::{context, text};
use super::{check_all, same};

#[test]
fn the_default_body_is_what_python_writes() {
    check_all("netbox_default_body", |case| {
        let body = String::from_utf8(context(&case["event"]).default_body().to_vec()).unwrap();
        same("the body", &body.as_str(), &text(case, "expected_body"))
    });
}
