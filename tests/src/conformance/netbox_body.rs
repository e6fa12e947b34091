//! Body templates over events, against what NetBox's own renderer gives.

use tenterhook_engine::compile;

use super::wire::{context, facts, text, webhook_to};
use super::{check_all, same};

#[test]
fn body_templates_print_what_netbox_prints() {
    check_all("netbox_body", |case| {
        let mut webhook = webhook_to("https://hooks.example.com/in");
        webhook.spec.request.body = text(case, "body_template").to_owned();
        let made = compile(&webhook).map_err(|faults| format!("{faults:?}")).and_then(|compiled| {
            compiled.prepare(&context(&case["event"]), &facts()).map_err(|fault| fault.to_string())
        });
        match (made, case["error"] == true) {
            (Ok(request), false) => {
                let body = String::from_utf8(request.body.to_vec()).unwrap();
                same("the body", &body.as_str(), &text(case, "expected_body"))
            }
            (Err(_), true) => Ok(()),
            (Ok(request), true) => Err(format!("an error is expected, not {:?}", request.body)),
            (Err(error), false) => Err(error),
        }
    });
}
