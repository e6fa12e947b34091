//! What each role may do, and the grants that a caller holds.

use std::fmt;
use std::sync::Arc;

use tenterhook_model::{AccessToken, Namespace, Role, Timestamp, WebhookId};

/// What a method needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Nothing: anybody may call it.
    Open,
    /// To put events in.
    Publish,
    /// To look at webhooks, events and deliveries.
    View,
    /// To steer what exists: retry, cancel, replay, pause, resume, test.
    Operate,
    /// To change what exists.
    Administer,
}

impl Permission {
    /// Whether `role` has it.
    pub const fn is_of(self, role: Role) -> bool {
        match (role, self) {
            (_, Self::Open) | (Role::Admin, _) => true,
            (Role::Publisher, Self::Publish) => true,
            (Role::Viewer | Role::Operator, Self::View) => true,
            (Role::Operator, Self::Operate) => true,
            (Role::Publisher | Role::Viewer | Role::Operator, _) => false,
        }
    }
}

/// Where a role holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// In every namespace.
    Every,
    /// In one.
    One(Namespace),
}

impl Scope {
    /// Whether it takes in `namespace`.
    pub fn holds(&self, namespace: &Namespace) -> bool {
        match self {
            Self::Every => true,
            Self::One(only) => only == namespace,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("*"),
            Self::One(namespace) => namespace.fmt(f),
        }
    }
}

/// A role in a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grant {
    /// What its holder may do.
    pub role: Role,
    /// When it ends, if it does.
    pub expire_time: Option<Timestamp>,
    /// Where.
    pub scope: Scope,
    /// The only webhook in it that the holder sees, with its deliveries; `None` when all of it.
    pub webhook: Option<WebhookId>,
    /// Who holds it, for logs; may be empty.
    pub name: Arc<str>,
}

impl Grant {
    /// Whether it holds at `now`.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.expire_time.is_none_or(|end| now < end)
    }

    /// What the holder of `token` may do.
    pub(crate) fn of_token(token: &AccessToken) -> Self {
        Self {
            role: token.role,
            expire_time: Some(token.expire_time),
            scope: Scope::One(token.namespace.clone()),
            webhook: token.webhook,
            name: token.name().into(),
        }
    }

    /// Everything everywhere, for a server that asks nobody for a key.
    pub fn everything(name: &str) -> Self {
        Self { role: Role::Admin, expire_time: None, scope: Scope::Every, webhook: None, name: name.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_just_what_it_is_for() {
        use Permission::{Administer, Open, Operate, Publish, View};
        let may = |role: Role| {
            [Open, Publish, View, Operate, Administer].into_iter().filter(|p| p.is_of(role)).collect::<Vec<_>>()
        };
        assert_eq!(may(Role::Admin), [Open, Publish, View, Operate, Administer]);
        assert_eq!(may(Role::Publisher), [Open, Publish]);
        assert_eq!(may(Role::Viewer), [Open, View]);
        assert_eq!(may(Role::Operator), [Open, View, Operate]);
    }

    #[test]
    fn a_scope_of_one_namespace_holds_no_other() {
        let (a, b) = ("a".parse::<Namespace>().unwrap(), "b".parse::<Namespace>().unwrap());
        assert!(Scope::Every.holds(&a));
        assert!(Scope::One(a.clone()).holds(&a));
        assert!(!Scope::One(a).holds(&b));
    }
}
