//! The numbers that stand for states, outcomes, methods and the like on disk. They are given here once and
//! for ever, whatever the order of the model's own lists: a number is never changed or used again.

use tenterhook_model::{DeliveryState, HttpMethod, NoticeKind, Outcome, Role, TriedResult};

use crate::error::StoreError;

/// A value of a few, which has a number on disk.
pub(crate) trait Numbered: Copy + 'static {
    /// What it is called in errors.
    const NAME: &'static str;
    /// Every value.
    const VALUES: &'static [Self];

    /// Its number.
    fn number(self) -> u32;

    /// The value of a number.
    ///
    /// # Errors
    /// When no value has the number: a newer version wrote it, or it is damaged. `row` names where.
    fn of(number: u32, row: &str) -> Result<Self, StoreError> {
        let found = Self::VALUES.iter().copied().find(|value| value.number() == number);
        found.ok_or_else(|| {
            StoreError::Damaged(format!("{row} has the {} {number}, which this version does not know", Self::NAME))
        })
    }
}

impl Numbered for DeliveryState {
    const NAME: &'static str = "state";
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> u32 {
        match self {
            Self::Pending => 0,
            Self::InFlight => 1,
            Self::Retrying => 2,
            Self::Succeeded => 3,
            Self::Failed => 4,
            Self::Cancelled => 5,
        }
    }
}

impl Numbered for Outcome {
    const NAME: &'static str = "outcome";
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> u32 {
        match self {
            Self::Success => 0,
            Self::HttpStatus => 1,
            Self::Timeout => 2,
            Self::Dns => 3,
            Self::Connection => 4,
            Self::Tls => 5,
            Self::Blocked => 6,
            Self::Render => 7,
            Self::Interrupted => 8,
            Self::Authentication => 9,
            Self::Proxy => 10,
        }
    }
}

impl Numbered for HttpMethod {
    const NAME: &'static str = "method";
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> u32 {
        match self {
            Self::Get => 0,
            Self::Post => 1,
            Self::Put => 2,
            Self::Patch => 3,
            Self::Delete => 4,
        }
    }
}

impl Numbered for Role {
    const NAME: &'static str = "role";
    const VALUES: &'static [Self] = &Self::ALL;

    // 0 is none, so that a row without its role grants nothing.
    fn number(self) -> u32 {
        match self {
            Self::Publisher => 1,
            Self::Viewer => 2,
            Self::Operator => 3,
            Self::Admin => 4,
        }
    }
}

impl Numbered for NoticeKind {
    const NAME: &'static str = "kind";
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> u32 {
        match self {
            Self::Created => 1,
            Self::Updated => 2,
            Self::Deleted => 3,
            Self::Paused => 4,
            Self::Resumed => 5,
            Self::Suspended => 6,
            Self::BreakerOpened => 7,
            Self::BreakerClosed => 8,
            Self::Failing => 9,
            Self::Recovered => 10,
            Self::KeyRotated => 11,
            Self::CertificateExpiring => 12,
        }
    }
}

impl Numbered for TriedResult {
    const NAME: &'static str = "result of an address";
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> u32 {
        match self {
            Self::Connected => 0,
            Self::Failed => 1,
            Self::TimedOut => 2,
            Self::Dropped => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers by name: those of the first format, which stores have.
    fn numbers<T: Numbered>(name: impl Fn(T) -> &'static str) -> Vec<(u32, &'static str)> {
        T::VALUES.iter().map(|value| (value.number(), name(*value))).collect()
    }

    #[test]
    fn numbers_are_those_that_stores_have() {
        let states = ["PENDING", "IN_FLIGHT", "RETRYING", "SUCCEEDED", "FAILED", "CANCELLED"];
        let outcomes = [
            "success",
            "http_status",
            "timeout",
            "dns",
            "connection",
            "tls",
            "blocked",
            "render",
            "interrupted",
            "authentication",
            "proxy",
        ];
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        let sorted = |mut numbers: Vec<(u32, &'static str)>| {
            numbers.sort_unstable();
            numbers
        };
        let expected = |names: &[&'static str]| (0..).zip(names.iter().copied()).collect::<Vec<_>>();
        assert_eq!(sorted(numbers(DeliveryState::as_str)), expected(&states));
        assert_eq!(sorted(numbers(Outcome::as_str)), expected(&outcomes));
        assert_eq!(sorted(numbers(HttpMethod::as_str)), expected(&methods));
        let roles = [Role::Publisher, Role::Viewer, Role::Operator, Role::Admin];
        assert_eq!(roles.map(Numbered::number), [1, 2, 3, 4]);
        assert!(Role::of(0, "").is_err());
        let results = [TriedResult::Connected, TriedResult::Failed, TriedResult::TimedOut, TriedResult::Dropped];
        assert_eq!(results.map(Numbered::number), [0, 1, 2, 3]);
        let kinds = [
            "webhook.created",
            "webhook.updated",
            "webhook.deleted",
            "webhook.paused",
            "webhook.resumed",
            "webhook.suspended",
            "webhook.breaker_opened",
            "webhook.breaker_closed",
            "webhook.failing",
            "webhook.recovered",
            "webhook.key_rotated",
            "certificate.expiring",
        ];
        let named = |kind: NoticeKind| kind.event_type().trim_start_matches("tenterhook.");
        assert_eq!(sorted(numbers(named)), (1..).zip(kinds).collect::<Vec<_>>());
    }

    #[test]
    fn every_value_is_the_one_of_its_number_and_no_other_number_has_one() {
        fn check<T: Numbered + PartialEq + std::fmt::Debug>() {
            for value in T::VALUES {
                assert_eq!(T::of(value.number(), "a row").unwrap(), *value);
            }
            let known = (0..1_000).filter(|number| T::of(*number, "a row").is_ok()).count();
            assert_eq!(known, T::VALUES.len(), "{}", T::NAME);
            let error = T::of(u32::MAX, "a row").unwrap_err().to_string();
            assert!(error.contains(&format!("a row has the {} {}", T::NAME, u32::MAX)), "{error}");
        }
        check::<DeliveryState>();
        check::<Outcome>();
        check::<HttpMethod>();
        check::<Role>();
        check::<NoticeKind>();
        check::<TriedResult>();
    }

    #[test]
    fn a_number_that_nothing_has_is_an_error_that_names_the_row() {
        let error = DeliveryState::of(6, "the delivery dlv_1").unwrap_err().to_string();
        assert!(error.contains("the delivery dlv_1") && error.contains("state 6"), "{error}");
        assert!(Outcome::of(11, "").is_err() && HttpMethod::of(5, "").is_err() && TriedResult::of(4, "").is_err());
    }
}
