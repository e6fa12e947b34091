//! Whether there are colours, and the sign and colour of each state.

use tenterhook_client::v1::{DeliveryState, WebhookState};
pub(crate) use tenterhook_terminal::Style;

/// `text` in `style`, if there are colours.
pub(crate) fn paint(colour: bool, style: Option<Style>, text: &str) -> String {
    match style {
        Some(style) if colour && !text.is_empty() => style.paint(text),
        _ => text.to_owned(),
    }
}

/// A webhook's state as sign, word and colour. One that is active but fails is shown as failing.
pub(crate) fn webhook_state(state: WebhookState, fails: bool) -> (&'static str, Option<Style>) {
    match state {
        WebhookState::Active if fails => ("! failing", Some(Style::Yellow)),
        WebhookState::Active => ("* active", Some(Style::Green)),
        WebhookState::Paused => ("= paused", Some(Style::Yellow)),
        WebhookState::Suspended => ("x suspended", Some(Style::Red)),
        WebhookState::Disabled => ("- disabled", Some(Style::Dim)),
        WebhookState::Unspecified => ("? unknown", None),
    }
}

/// A delivery's state as sign, word and colour.
pub(crate) fn delivery_state(state: DeliveryState) -> (&'static str, Option<Style>) {
    match state {
        DeliveryState::Pending => (". pending", None),
        DeliveryState::InFlight => ("> in flight", None),
        DeliveryState::Retrying => ("! retrying", Some(Style::Yellow)),
        DeliveryState::Succeeded => ("* succeeded", Some(Style::Green)),
        DeliveryState::Failed => ("x failed", Some(Style::Red)),
        DeliveryState::Cancelled => ("- cancelled", Some(Style::Dim)),
        DeliveryState::Unspecified => ("? unknown", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        assert_eq!(paint(true, Some(Style::Red), "x"), Style::Red.paint("x"));
        assert_eq!(paint(true, Some(Style::Red), ""), "");
        assert_eq!(paint(false, Some(Style::Red), "x"), "x");
        assert_eq!(paint(true, None, "x"), "x");
    }

    #[test]
    fn every_state_has_a_sign_that_no_other_has() {
        let states = ["PENDING", "IN_FLIGHT", "RETRYING", "SUCCEEDED", "FAILED", "CANCELLED"];
        let signs: std::collections::BTreeSet<_> = states
            .map(|name| DeliveryState::from_str_name(&format!("DELIVERY_STATE_{name}")).unwrap())
            .map(|state| delivery_state(state).0.chars().next().unwrap())
            .into();
        assert_eq!(signs.len(), states.len());
    }
}
