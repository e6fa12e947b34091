//! Who is taken for dead, against a PostgreSQL: a process whose connections have ended, and no other.

use std::thread::{spawn, yield_now};

use tenterhook_fixtures::postgres::{Safety, Server, schema};
use tenterhook_model::OsEntropy;

use super::lease::Standstill;
use super::tests::{LONG, forget, node, open, open_in_turn, put, sql, told};
use super::*;

/// The length of a lease whose holder is soon taken for frozen.
const BRISK: Duration = Duration::from_secs(9);

/// Ends the connection that the lease was last renewed over.
const END_GUARD: &str = "select pg_terminate_backend(pid) from pg_locks, SCHEMA.lease where locktype = 'advisory' \
    and (classid::int8 << 32 | objid::int8) = (('x' || holder)::bit(64)::int8 # guard)";
/// Ends all connections of the holder.
const END_ALL: &str = "select pg_terminate_backend(a.pid) from pg_stat_activity a, SCHEMA.lease l \
    where a.application_name = 'tenterhook ' || l.holder";
/// Makes a lease that is not waited for.
const FOR_EVER: &str = "update SCHEMA.lease set expires = 'infinity'";

/// Leaves the lease as a process that is killed does.
fn kill(url: &str, kv: &PostgresKv) {
    forget(kv);
    sql(url, FOR_EVER);
    assert!(sql(url, END_ALL) > 0);
}

#[test]
fn a_node_whose_process_was_killed_is_replaced_before_its_lease_ends() {
    let Some(url) = schema() else { return };
    let first = open(&url, "first", LONG).unwrap();
    first.commit(put(b"e1", b"first")).unwrap();
    kill(&url, &first);
    let second = open(&url, "second", LONG).expect("nobody is there whose lease could end");
    assert!(second.may_send());
    assert_eq!(second.get(b"e1").unwrap().as_deref(), Some(&b"first"[..]));
    assert!(first.commit(put(b"e1", b"late")).is_err(), "what of it is left writes nothing");
}

#[test]
fn a_node_that_was_killed_right_after_it_took_over_is_replaced_too() {
    let Some(url) = schema() else { return };
    kill(&url, &open(&url, "first", LONG).unwrap());
    kill(&url, &open(&url, "second", LONG).unwrap());
    drop(open(&url, "third", LONG).expect("each guards its lease from the beginning"));
}

/// Opens the database for a node that waits for it as long as it takes.
fn open_patiently(url: &str, name: &str) -> PostgresKv {
    let patient = Node { patience: Duration::from_secs(3_600), ..node(name, BRISK) };
    PostgresKv::open(url, &patient, &OsEntropy).unwrap()
}

#[test]
fn a_node_that_asks_nothing_is_replaced_before_its_lease_ends_and_nothing_is_sent_until_it_has() {
    let Some(url) = schema() else { return };
    let first = open(&url, "first", BRISK).unwrap();
    first.commit(put(b"e1", b"first")).unwrap();
    // As a process that is frozen: its connections stay, and its lease does not end.
    sql(&url, FOR_EVER);
    forget(&first);
    let second = open_patiently(&url, "second");
    second.commit(put(b"e2", b"second")).unwrap();
    assert_eq!(second.get(b"e1").unwrap().as_deref(), Some(&b"first"[..]));
    assert!(first.commit(put(b"e1", b"late")).is_err(), "what of it runs on writes nothing");
    assert!(!second.may_send(), "the first may have something in flight");
    let third = open(&url, "third", LONG).unwrap_err();
    assert!(matches!(&third, OpenError::Held { node, .. } if node == "second"), "{third}");
    drop(first);
    while !second.may_send() {
        yield_now();
    }
}

#[test]
fn what_the_next_node_waits_for_the_one_after_it_waits_for_too() {
    let Some(url) = schema() else { return };
    let first = open(&url, "first", BRISK).unwrap();
    sql(&url, "update SCHEMA.lease set expires = clock_timestamp() + interval '1 hour'");
    forget(&first);
    let second = open_patiently(&url, "second");
    assert!(!second.may_send());
    drop(second);
    let third = open(&url, "third", BRISK).expect("a node that ends gives its lease up");
    third.commit(put(b"e1", b"third")).unwrap();
    assert!(!third.may_send());
    sql(&url, "update SCHEMA.lease set sends_from = clock_timestamp() + interval '1 millisecond'");
    drop(third);
    let fourth = open(&url, "fourth", BRISK).unwrap();
    while !fourth.may_send() {
        yield_now();
    }
}

#[test]
fn a_node_that_was_only_slow_is_told_that_another_has_the_database() {
    let Some(url) = schema() else { return };
    let slow = open(&url, "slow", BRISK).unwrap();
    let taken = "update SCHEMA.lease set holder = '00000000000000ff', node = 'other', epoch = epoch + 1";
    assert_eq!(sql(&url, taken), 1);
    let mut ownership = slow.ownership();
    while *ownership.borrow_and_update() != Ownership::Lost {
        yield_now();
    }
    assert!(!slow.may_send());
}

#[test]
fn a_node_that_asks_is_not_taken_for_frozen_nor_is_one_whose_question_the_database_works_on() {
    let Some(url) = schema() else { return };
    let first = open(&url, "first", BRISK).unwrap();
    let waits = Node { patience: BRISK / 3, ..node("second", BRISK) };
    // Whether it asks ten times a second is a matter of the machine, but it does ask.
    match PostgresKv::open(&url, &waits, &OsEntropy) {
        Err(refused) => assert!(matches!(&refused, OpenError::Held { node, .. } if node == "first"), "{refused}"),
        Ok(_) => return,
    }
    // Its renewal waits for a commit of somebody that takes its time.
    let (driver, links) = (Driver::start().unwrap(), Links::new(Address::parse(&url).unwrap()));
    let looked = driver.ask(async move {
        let (link, other) = (links.link(Role::Lease).await?, links.link(Role::Write).await?);
        let lock = format!("begin; select from {}.lease for update", links.schema());
        other.client.batch_execute(&lock).await.unwrap();
        let is_waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' \
            and application_name like 'tenterhook %' and query like 'update%'";
        let mut seen = Vec::new();
        while seen.len() < 50 {
            if link.client.query_one(is_waiting, &[]).await.unwrap().get::<_, i64>(0) > 0 {
                seen.push(lease::look(&link, links.schema(), Duration::ZERO).await.unwrap().holder);
            }
        }
        other.client.batch_execute("rollback").await.unwrap();
        Ok(seen)
    });
    assert!(looked.unwrap().iter().all(|standing| matches!(standing, Standstill::None)));
    drop(first);
}

#[test]
fn a_node_whose_connections_were_ended_goes_on_over_new_ones() {
    let Some(url) = schema() else { return };
    for ended in [END_GUARD, END_ALL] {
        let kv = open(&url, "first", LONG).unwrap();
        let guard = kv.lease.as_ref().unwrap().guard();
        assert!(sql(&url, ended) > 0);
        while kv.lease.as_ref().unwrap().guard() == guard {
            yield_now();
        }
        assert_eq!(told(&url).0, "first", "it has a guard again");
        kv.commit(put(b"e1", b"first")).unwrap();
        while !kv.may_send() {
            yield_now();
        }
    }
}

#[test]
fn at_no_time_two_nodes_send() {
    let Some(url) = schema() else { return };
    let first = open(&url, "first", LONG).unwrap();
    let waits = Node { patience: Duration::from_secs(2), ..node("second", LONG) };
    let to = url.clone();
    let waiting = spawn(move || PostgresKv::open(&to, &waits, &OsEntropy));
    for _ in 0..5 {
        sql(&url, END_GUARD);
        while !waiting.is_finished() && !first.may_send() {
            yield_now();
        }
    }
    // Whether it was fast enough is a matter of the machine.
    match waiting.join().unwrap() {
        Ok(second) => assert!(second.may_send() && !first.may_send()),
        Err(refused) => assert!(matches!(&refused, OpenError::Held { node, .. } if node == "first"), "{refused}"),
    }
}

#[test]
fn a_guard_that_was_replaced_meanwhile_stops_a_take_over() {
    let Some(url) = schema() else { return };
    let first = open(&url, "first", LONG).unwrap();
    kill(&url, &first);
    let (driver, links) = (Driver::start().unwrap(), Links::new(Address::parse(&url).unwrap()));
    let taken = driver.ask(async move {
        let link = links.link(Role::Lease).await?;
        let standing = lease::look(&link, links.schema(), LONG).await.unwrap();
        assert!(matches!(standing.holder, Standstill::Gone), "{:?}", standing.holder);
        assert_eq!(sql(&url, "update SCHEMA.lease set guard = guard + 1"), 1);
        Ok(lease::try_take(&link, links.schema(), Holder(1), &node("second", LONG), &standing).await.unwrap())
    });
    assert!(taken.unwrap().is_none());
}

#[test]
fn a_database_that_was_started_again_takes_nobody_for_dead() {
    let Some(mut server) = Server::start(Safety::Durable) else { return };
    let first = open(&server.url(), "first", LONG).unwrap();
    forget(&first);
    server.kill();
    server.resume();
    assert_eq!(told(&server.url()).0, "first", "the locks of all ended with the server");
    drop(first);
    let second = open(&server.url(), "second", LONG);
    assert!(second.is_err(), "only the lease says when it has ended");
    sql(&server.url(), "update SCHEMA.lease set expires = '-infinity'");
    open_in_turn(&server.url(), "second").commit(put(b"e1", b"second")).unwrap();
}

#[test]
fn a_lease_of_a_version_that_guards_none_ends_by_its_time_only() {
    let Some(url) = schema() else { return };
    drop(open(&url, "new", LONG).unwrap());
    // As a version takes it that does not know the columns: it leaves the guard that is there.
    let taken = "update SCHEMA.lease set holder = '00000000000000ff', node = 'old', version = '0', epoch = epoch + 1, \
        expires = clock_timestamp() + interval '1 minute' where expires <= clock_timestamp()";
    assert_eq!(sql(&url, taken), 1);
    assert_eq!(told(&url), ("old".to_owned(), 2, None));
}
