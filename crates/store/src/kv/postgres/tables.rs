//! The tables: one for each family of records, with the keys and rows that the embedded engines have too,
//! and the one row of the lease.

use crate::keys::Family;

/// The version of the tables. It is not that of keys and rows, which is in a record.
pub(super) const LAYOUT: i32 = 1;

/// The table of a family.
pub(super) const fn name(family: Family) -> &'static str {
    match family {
        Family::Attempt => "attempt",
        Family::Count => "count",
        Family::Webhook => "webhook",
        Family::Open => "open_delivery",
        Family::Event => "event",
        Family::Journal => "journal",
        Family::Health => "health",
        Family::Turn => "turn",
        Family::Lane => "lane",
        Family::Meta => "meta",
        Family::Notice => "notice",
        Family::Waiting => "waiting",
        Family::Report => "report",
        Family::Due => "due",
        Family::Request => "request",
        Family::State => "state",
        Family::Timeline => "timeline",
        Family::Token => "access_token",
        Family::Replayed => "replayed",
        Family::Expiry => "expiry",
        Family::Done => "done_delivery",
    }
}

/// Whether rows of a family come and go by the thousand: what is dead among them is cleared away soon.
const fn is_queue(family: Family) -> bool {
    matches!(family, Family::Open | Family::Due | Family::Waiting | Family::Turn | Family::Expiry | Family::Notice)
}

/// Makes all that is missing in a schema. Whoever may not create it uses one that is there.
pub(super) fn make(schema: &str) -> String {
    let mut text = format!(
        "do $$ begin if not exists (select from pg_namespace where nspname = '{schema}') then \
           create schema {schema}; end if; end $$;\n\
         create table if not exists {schema}.lease (one bool primary key default true check (one), layout int not null, \
           holder text, node text not null, version text not null, epoch bigint not null, expires timestamptz not null);\n\
         insert into {schema}.lease (layout, node, version, epoch, expires) \
           values ({LAYOUT}, '', '', 0, '-infinity') on conflict do nothing;\n\
         create or replace function {schema}.must(holds bool, code text) returns bool language plpgsql as \
           $$ begin if not holds then raise 'refused' using errcode = code; end if; return true; end $$;\n"
    );
    for family in Family::ALL {
        let name = name(family);
        text.push_str(&format!(
            "create table if not exists {schema}.{name} (key bytea primary key, value bytea not null);\n\
             alter table {schema}.{name} alter column value set storage external;\n"
        ));
        if is_queue(family) {
            text.push_str(&format!(
                "alter table {schema}.{name} set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);\n"
            ));
        }
    }
    text
}

/// What later versions have added to the lease: where its holder is reached, the connection that shows that
/// it is alive, and from when on it sends. A node that does not know these columns leaves them as they are when it takes
/// the lease, so each counts only with the epoch that it was written for; but a time, which only grows.
const ADDED: [(&str, &str); 6] = [
    ("address", "text"),
    ("address_epoch", "bigint not null default -1"),
    ("guard", "bigint not null default 0"),
    ("guard_epoch", "bigint not null default -1"),
    ("guard_server", "timestamptz"),
    ("sends_from", "timestamptz not null default '-infinity'"),
];

/// How many of the columns that later versions have added are missing; it asks for the name of the lease.
pub(super) fn missing() -> String {
    let names = ADDED.map(|(name, _)| format!("('{name}')")).join(", ");
    format!(
        "select count(*) from (values {names}) as added (name) where not exists \
         (select from pg_attribute where attrelid = to_regclass($1) and attname = name and not attisdropped)"
    )
}

/// Adds what later versions have added.
pub(super) fn complete(schema: &str) -> String {
    let added = ADDED.map(|(name, kind)| format!("add column if not exists {name} {kind}")).join(", ");
    format!("alter table {schema}.lease {added}")
}

/// The families that have keys from `from` to `to`, in the order of their keys, each with its part of the span.
pub(super) fn parts(from: &[u8], to: &[u8]) -> Vec<(Family, Vec<u8>, Vec<u8>)> {
    let part = |family: Family| {
        let (first, end) = family.range();
        let (from, to) = (first.as_slice().max(from).to_vec(), end.as_slice().min(to).to_vec());
        (from < to).then_some((family, from, to))
    };
    let parts: Vec<_> = Family::ALL.into_iter().filter_map(part).collect();
    debug_assert!(
        parts.windows(2).all(|two| two[0].2 <= two[1].1),
        "the parts of a span follow each other: what is read of them is in the order of its keys"
    );
    parts
}

/// The family of a key, if there is one.
pub(super) fn family_of(key: &[u8]) -> Option<Family> {
    let letter = key.first()?;
    Family::ALL.into_iter().find(|family| family.letter() == *letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_a_table_of_its_own() {
        let names: std::collections::BTreeSet<_> = Family::ALL.into_iter().map(name).collect();
        assert_eq!(names.len(), Family::ALL.len());
        let text = make("hooks");
        for name in names {
            assert!(text.contains(&format!("create table if not exists hooks.{name} ")), "{name}");
        }
    }

    #[test]
    fn a_span_is_cut_at_the_borders_of_families() {
        let parts: Vec<_> = parts(b"d\x01", b"f").into_iter().collect();
        let open = (Family::Open, b"d\x01".to_vec(), b"e".to_vec());
        let event = (Family::Event, b"e".to_vec(), b"f".to_vec());
        assert_eq!(parts, [open, event]);
        assert_eq!(super::parts(&[], &[u8::MAX]).len(), Family::ALL.len());
        assert!(super::parts(b"g", b"h").is_empty());
        assert_eq!(family_of(b"e123"), Some(Family::Event));
        assert_eq!((family_of(b"g"), family_of(b"")), (None, None));
    }
}
