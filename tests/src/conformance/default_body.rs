//! The default body, byte for byte as Python's `json.dumps` writes it.

use tenterhook_model::webhook::BodyFormat;

use super::wire::{context, text};
use super::{check_all, same};

fn format(name: &str) -> BodyFormat {
    match name {
        "NETBOX_3_2" => BodyFormat::Netbox32,
        "NETBOX_4_4" => BodyFormat::Netbox44,
        "NETBOX_4_5" => BodyFormat::Netbox45,
        "NETBOX_4_6" => BodyFormat::Netbox46,
        "NETBOX_4_7" => BodyFormat::Netbox47,
        other => panic!("{other} is no body format"),
    }
}

#[test]
fn the_default_body_is_what_python_writes() {
    check("netbox_default_body");
}

#[test]
fn the_body_of_each_version_of_netbox_is_what_python_writes() {
    check("netbox_versions");
}

fn check(fixture: &str) {
    check_all(fixture, |case| {
        let format = format(case["body_format"].as_str().unwrap_or("NETBOX_3_2"));
        let body = String::from_utf8(context(&case["event"]).default_body(format).to_vec()).unwrap();
        same("the body", &body.as_str(), &text(case, "expected_body"))
    });
}
