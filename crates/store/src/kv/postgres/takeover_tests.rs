//! Who is taken for dead, against a PostgreSQL: a process whose connections have ended, and no other.

use std::thread::{spawn, yield_now};

use tenterhook_fixtures::postgres::{Safety, Server, schema};
use tenterhook_model::OsEntropy;

use super::tests::{LONG, forget, node, open, open_in_turn, put, sql, told};
use super::*;

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

#[test]
fn a_node_that_does_nothing_but_is_there_keeps_its_lease() {
    let Some(url) = schema() else { return };
    let first = open(&url, "first", LONG).unwrap();
    // As a process that is stopped: its connections stay.
    forget(&first);
    assert_eq!(told(&url), ("first".to_owned(), 1, None));
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
        let standing = lease::look(&link, links.schema()).await.unwrap();
        assert!(standing.lost_guard.is_some());
        assert_eq!(sql(&url, "update SCHEMA.lease set guard = guard + 1"), 1);
        Ok(lease::try_take(&link, links.schema(), Holder(1), &node("second", LONG), &standing).await.unwrap())
    });
    assert_eq!(taken.unwrap(), None);
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
