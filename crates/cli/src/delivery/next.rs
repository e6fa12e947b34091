//! What a person can do about a delivery that has not arrived.

use tenterhook_client::v1::{Delivery, DeliveryState, WaitingReason};
use tenterhook_model::harmless_line;

use crate::status::quoted;

/// The status with which a receiver says that it is gone for good (RFC 9110, section 15.5.11); it suspends the webhook.
pub(crate) const GONE: i32 = 410;

/// What helps, as commands below a sentence; empty when nothing is to be done.
pub(super) fn next(delivery: &Delivery, webhook: &str) -> String {
    let retry =
        format!("Send it again when the receiver is well:\n  tenterhook delivery retry {} --wait\n", delivery.id);
    match suspension(delivery, webhook) {
        Some(command) if delivery.state() == DeliveryState::Failed => {
            format!("The receiver is gone (410), which suspends the webhook:\n  {command}\n{retry}")
        }
        Some(command) => format!("The webhook is suspended:\n  {command}\n"),
        None if delivery.state() == DeliveryState::Failed => retry,
        None if reason(delivery) == WaitingReason::Paused => {
            format!("Send what waits:\n  tenterhook webhook resume {} --wait\n", quoted(&harmless_line(webhook)))
        }
        None => String::new(),
    }
}

/// The command that shows why the webhook of a delivery is suspended, and what to do; `None` when it is not, as far as the
/// delivery says.
pub(crate) fn suspension(delivery: &Delivery, webhook: &str) -> Option<String> {
    let last = delivery.last_attempt.as_ref().and_then(|attempt| attempt.response.as_ref());
    let is_gone = delivery.state() == DeliveryState::Failed && last.is_some_and(|response| response.status == GONE);
    let is_suspended = is_gone || reason(delivery) == WaitingReason::Suspended;
    is_suspended.then(|| format!("tenterhook webhook show {}", quoted(&harmless_line(webhook))))
}

fn reason(delivery: &Delivery) -> WaitingReason {
    delivery.waiting.as_ref().map_or(WaitingReason::Unspecified, |waiting| waiting.reason())
}

#[cfg(test)]
mod tests {
    use tenterhook_client::v1::{DeliveryAttempt, HttpResponse, Waiting};

    use super::*;

    fn failed(status: i32) -> Delivery {
        let response = Some(HttpResponse { status, ..Default::default() });
        let last_attempt = Some(DeliveryAttempt { response, ..Default::default() });
        Delivery { id: "dlv_1".into(), state: DeliveryState::Failed.into(), last_attempt, ..Default::default() }
    }

    fn waiting(reason: WaitingReason) -> Delivery {
        let waiting = Some(Waiting { reason: reason.into(), ..Default::default() });
        Delivery { id: "dlv_1".into(), state: DeliveryState::Pending.into(), waiting, ..Default::default() }
    }

    #[test]
    fn what_helps_depends_on_why_it_has_not_arrived() {
        let retry = "Send it again when the receiver is well:\n  tenterhook delivery retry dlv_1 --wait\n";
        assert_eq!(next(&failed(500), "orders"), retry);
        let gone = "The receiver is gone (410), which suspends the webhook:\n  tenterhook webhook show 'my orders'\n";
        assert_eq!(next(&failed(410), "my orders"), format!("{gone}{retry}"));
        let suspended = waiting(WaitingReason::Suspended);
        assert_eq!(next(&suspended, "orders"), "The webhook is suspended:\n  tenterhook webhook show orders\n");
        let paused = waiting(WaitingReason::Paused);
        assert_eq!(next(&paused, "orders"), "Send what waits:\n  tenterhook webhook resume orders --wait\n");
        assert_eq!(next(&waiting(WaitingReason::RateLimit), "orders"), "");
    }

    #[test]
    fn a_delivery_that_is_tried_again_says_nothing_of_a_suspension() {
        let retrying = Delivery { state: DeliveryState::Retrying.into(), ..failed(410) };
        assert_eq!((suspension(&retrying, "orders"), next(&retrying, "orders")), (None, String::new()));
    }
}
