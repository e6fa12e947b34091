//! Roles, what each may do, and the grants that a caller holds.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tenterhook_model::{Namespace, Timestamp};
use thiserror::Error;

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

/// What the holder of a key or certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// May do everything.
    Admin,
    /// May publish, and nothing else.
    Publisher,
    /// May look.
    Viewer,
    /// May look and steer.
    Operator,
}

/// A text that names no role. It is not repeated: who swaps two words may have put a key there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not a role; the roles are admin, publisher, viewer and operator")]
pub struct UnknownRole;

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Publisher, Self::Viewer, Self::Operator];

    /// Its name in key files and errors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Publisher => "publisher",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }

    /// Whether it may do what `permission` stands for.
    pub const fn may(self, permission: Permission) -> bool {
        match (self, permission) {
            (_, Permission::Open) | (Self::Admin, _) => true,
            (Self::Publisher, Permission::Publish) => true,
            (Self::Viewer | Self::Operator, Permission::View) => true,
            (Self::Operator, Permission::Operate) => true,
            (Self::Publisher | Self::Viewer | Self::Operator, _) => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
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
    /// Who holds it, for logs; may be empty.
    pub name: Arc<str>,
}

impl Grant {
    /// Whether it holds at `now`.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.expire_time.is_none_or(|end| now < end)
    }

    /// Everything everywhere, for a server that asks nobody for a key.
    pub fn everything(name: &str) -> Self {
        Self { role: Role::Admin, expire_time: None, scope: Scope::Every, name: name.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_just_what_it_is_for() {
        use Permission::{Administer, Open, Operate, Publish, View};
        let may = |role: Role| {
            [Open, Publish, View, Operate, Administer].into_iter().filter(|p| role.may(*p)).collect::<Vec<_>>()
        };
        assert_eq!(may(Role::Admin), [Open, Publish, View, Operate, Administer]);
        assert_eq!(may(Role::Publisher), [Open, Publish]);
        assert_eq!(may(Role::Viewer), [Open, View]);
        assert_eq!(may(Role::Operator), [Open, View, Operate]);
    }

    #[test]
    fn role_names_round_trip_and_others_are_refused() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("Admin".parse::<Role>().unwrap_err().to_string().contains("the roles are admin"));
    }

    #[test]
    fn a_scope_of_one_namespace_holds_no_other() {
        let (a, b) = ("a".parse::<Namespace>().unwrap(), "b".parse::<Namespace>().unwrap());
        assert!(Scope::Every.holds(&a));
        assert!(Scope::One(a.clone()).holds(&a));
        assert!(!Scope::One(a).holds(&b));
    }
}
