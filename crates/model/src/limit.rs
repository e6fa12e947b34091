//! A row of the table of limits, and the macro that writes the table.

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Unicode scalar values.
    Characters,
    /// Things.
    Items,
    /// Levels of nesting.
    Levels,
    /// Units of a template's work.
    Steps,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    /// Its name on the wire and in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Characters => "characters",
            Self::Items => "items",
            Self::Levels => "levels",
            Self::Steps => "steps",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
        }
    }
}

/// A limit of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Name of its constant in [`crate::limits`].
    pub name: &'static str,
    /// What it limits: the constant's comment.
    pub about: &'static str,
    /// The smallest value allowed; 0 when there is none.
    pub least: u64,
    /// The largest value allowed, or the default where a flag or field sets it.
    pub most: u64,
    /// The unit of both.
    pub unit: Unit,
    /// The crate that enforces it.
    pub enforced_by: &'static str,
    /// The flag of `serve` that changes it, without its dashes.
    pub flag: Option<&'static str>,
}

/// Declares limits: `most NAME: TYPE = VALUE, UNIT, "CRATE"[, flag "FLAG"];` for a number, `time`
/// for a [`Duration`](std::time::Duration), `range` and `times` for a range of either. Each becomes
/// a constant, and a row of `TABLE`.
macro_rules! table {
    ($( $(#[doc = $about:literal])+ $kind:ident $name:ident: $type:ty = $value:expr, $unit:ident, $by:literal $(, flag $flag:literal)?; )+) => {
        $( $(#[doc = $about])+ pub const $name: $type = $value; )+

        /// Every limit, in the order of this file.
        #[allow(clippy::unnecessary_cast, reason = "some of the numbers are u64 already")]
        pub const TABLE: &[Limit] = &[$( Limit {
            name: stringify!($name),
            about: concat!($($about),+),
            least: table!(@least $kind $name),
            most: table!(@most $kind $name),
            unit: Unit::$unit,
            enforced_by: $by,
            flag: table!(@flag $($flag)?),
        } ),+];
    };
    (@least most $name:ident) => { 0 };
    (@least time $name:ident) => { 0 };
    (@least range $name:ident) => { *$name.start() as u64 };
    (@least times $name:ident) => { $name.start().as_millis() as u64 };
    (@most most $name:ident) => { $name as u64 };
    (@most time $name:ident) => { $name.as_millis() as u64 };
    (@most range $name:ident) => { *$name.end() as u64 };
    (@most times $name:ident) => { $name.end().as_millis() as u64 };
    (@flag) => { None };
    (@flag $flag:literal) => { Some($flag) };
}
pub(crate) use table;
