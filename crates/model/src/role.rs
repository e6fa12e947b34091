//! Roles: what the holder of a key, certificate or token is for.
//!
//! What each may do is in `api`, which asks; the store keeps those of tokens.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// What the holder of a key, certificate or token is for.
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

    /// Its name in key files, on the wire and in errors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Publisher => "publisher",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_round_trip_and_others_are_refused() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("Admin".parse::<Role>().unwrap_err().to_string().contains("the roles are admin"));
    }
}
