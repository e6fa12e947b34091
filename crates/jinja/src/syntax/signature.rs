//! What is assigned to: targets of `set`, `for` and `with`, parameters of macros.

use tenterhook_model::limits;

use super::ast::{Signature, Target};
use super::parser::{Parsed, Parser};
use super::token::Tok;

/// Names that cannot be assigned: constants, and those the engine itself binds.
const RESERVED: [&str; 8] = ["true", "false", "none", "True", "False", "None", "loop", "self"];

impl Parser {
    /// A name that is bound.
    pub(super) fn binding(&mut self) -> Parsed<String> {
        let at = self.at();
        let name = self.expect_name()?;
        if RESERVED.contains(&name.as_str()) {
            return Err(self.tell_at(at, format!("cannot assign to '{name}'")));
        }
        Ok(name)
    }

    /// One target or several separated by commas; `ends` is the name that may
    /// follow a trailing comma.
    pub(super) fn target(&mut self, members: bool, ends: &str) -> Parsed<Target> {
        let mut targets = Vec::new();
        let mut is_tuple = false;
        loop {
            let done = self.is_name(ends) || self.is_op("=") || self.is_op(")");
            if done || matches!(self.tok(), Tok::BlockEnd) {
                break;
            }
            targets.push(self.one_target(members)?);
            if !self.skip_op(",") {
                break;
            }
            is_tuple = true;
        }
        self.bounded_targets(targets.len())?;
        match (is_tuple, targets.pop()) {
            (false, Some(single)) => Ok(single),
            (true, Some(last)) => {
                targets.push(last);
                Ok(Target::Tuple(targets))
            }
            (_, None) => Err(self.expected("a name to assign to")),
        }
    }

    fn bounded_targets(&mut self, count: usize) -> Parsed<()> {
        /// Names in one assignment at most.
        const TARGETS_MAX: usize = limits::TEMPLATE_TARGETS;
        if count > TARGETS_MAX {
            let message = format!("more than {TARGETS_MAX} names in one assignment");
            return Err(self.tell(message));
        }
        Ok(())
    }

    fn one_target(&mut self, members: bool) -> Parsed<Target> {
        if self.skip_op("(") {
            let inner = self.nested(|p| p.target(members, ")"))?;
            self.expect_op(")")?;
            return Ok(inner);
        }
        if members && matches!(self.look(), Tok::Op(".")) {
            let namespace = self.expect_name()?;
            self.expect_op(".")?;
            return Ok(Target::Member(namespace, self.expect_name()?));
        }
        self.binding().map(Target::Name)
    }

    /// `(a, b=1)`
    pub(super) fn signature(&mut self) -> Parsed<Signature> {
        let mut signature = Signature::default();
        self.expect_op("(")?;
        while !self.is_op(")") {
            if !signature.names.is_empty() {
                self.expect_op(",")?;
            }
            let at = self.at();
            let name = self.binding()?;
            if signature.names.contains(&name) {
                return Err(self.tell_at(at, format!("'{name}' is a parameter twice")));
            }
            signature.names.push(name);
            if self.skip_op("=") {
                signature.defaults.push(self.expression()?);
            } else if !signature.defaults.is_empty() {
                return Err(self.tell_at(at, "non-default argument follows default argument"));
            }
        }
        self.expect_op(")")?;
        let count = signature.names.len();
        self.bounded_targets(count)?;
        Ok(signature)
    }
}
