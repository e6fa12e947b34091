//! The engine against a PostgreSQL: who has the lease, and what becomes of a commit whose answer is lost.
//! All of what an engine does is tested by the suite.

use std::time::Duration;

use tenterhook_fixtures::postgres::{Safety, Server, schema};
use tenterhook_model::OsEntropy;

use super::*;

/// A lease that ends within a test.
const SHORT: Duration = Duration::from_millis(500);
/// One that does not.
pub(super) const LONG: Duration = Duration::from_secs(60);

pub(super) fn node(name: &str, lease: Duration) -> Node {
    Node { name: name.to_owned(), lease, ..Node::default() }
}

pub(super) fn open(url: &str, name: &str, lease: Duration) -> Result<PostgresKv, OpenError> {
    PostgresKv::open(url, &node(name, lease), &OsEntropy)
}

/// As [`open`], as often as it takes.
pub(super) fn open_in_turn(url: &str, name: &str) -> PostgresKv {
    loop {
        match open(url, name, LONG) {
            Ok(kv) => return kv,
            Err(OpenError::Held { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub(super) fn put(key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::default();
    batch.put(key, value.to_vec());
    batch
}

/// Runs SQL on a connection of its own.
pub(super) fn sql(url: &str, text: &'static str) -> u64 {
    let address = Address::parse(url).unwrap();
    let text = text.replace("SCHEMA", &address.schema);
    let driver = Driver::start().unwrap();
    let done = driver.ask(async move {
        let link = Link::connect(&address).await.map_err(|error| fault::store(&error))?;
        link.client.execute(&text, &[]).await.map_err(|error| fault::store(&error))
    });
    done.unwrap()
}

/// Stops renewing the lease, as a process that is stopped does.
pub(super) fn forget(kv: &PostgresKv) {
    let lease = kv.lease.as_ref().unwrap();
    // The task that renews it ends, and the database is not told.
    lease.lose();
}

#[test]
fn one_node_has_the_database_and_another_takes_over_when_it_ends() {
    let Some(url) = schema() else { return };
    let first = open(&url, "first", LONG).unwrap();
    first.commit(put(b"e1", b"one")).unwrap();
    let refused = open(&url, "second", LONG).unwrap_err();
    assert!(matches!(&refused, OpenError::Held { node, left, .. } if node == "first" && *left > SHORT), "{refused}");
    drop(first);
    let second = open(&url, "second", LONG).expect("a node that ends gives its lease up");
    assert_eq!(second.get(b"e1").unwrap().as_deref(), Some(&b"one"[..]));
}

/// Where a node that is refused finds the one that has the database.
pub(super) fn told(url: &str) -> (String, u64, Option<String>) {
    match open(url, "asker", LONG).unwrap_err() {
        OpenError::Held { node, epoch, address, .. } => (node, epoch, address),
        error => panic!("{error}"),
    }
}

#[test]
fn a_node_says_where_it_is_reached_for_as_long_as_it_has_the_database() {
    let Some(url) = schema() else { return };
    let address = Some("http://10.0.0.7:50051".to_owned());
    let first = Node { address: address.clone(), ..node("first", LONG) };
    let first = PostgresKv::open(&url, &first, &OsEntropy).unwrap();
    assert_eq!(told(&url), ("first".to_owned(), 1, address));
    drop(first);
    let second = open(&url, "second", LONG).unwrap();
    assert_eq!(told(&url), ("second".to_owned(), 2, None));
    drop(second);
}

#[test]
fn nodes_of_the_version_before_share_a_database_with_those_that_keep_addresses() {
    let Some(url) = schema() else { return };
    drop(open(&url, "old", LONG).unwrap());
    sql(&url, "alter table SCHEMA.lease drop column address, drop column address_epoch");
    let address = Some("https://hooks-1:50051".to_owned());
    let new = Node { address: address.clone(), ..node("new", LONG) };
    let new = PostgresKv::open(&url, &new, &OsEntropy).expect("what is missing is added");
    assert_eq!(told(&url), ("new".to_owned(), 2, address));
    drop(new);
    // As the version before takes it: it knows nothing of addresses, and leaves the one that is there.
    let taken = "update SCHEMA.lease set holder = 'h', node = 'old', version = '0', epoch = epoch + 1, \
        expires = clock_timestamp() + interval '1 minute' where expires <= clock_timestamp()";
    assert_eq!(sql(&url, taken), 1);
    assert_eq!(told(&url), ("old".to_owned(), 3, None), "the address was that of another");
}

#[test]
fn a_node_that_does_not_renew_its_lease_writes_nothing_after_another_has_it() {
    let Some(url) = schema() else { return };
    let first = open(&url, "first", SHORT).unwrap();
    first.commit(put(b"e1", b"first")).unwrap();
    forget(&first);
    assert!(!first.may_send());
    let second = open_in_turn(&url, "second");
    second.commit(put(b"e1", b"second")).unwrap();
    let refused = first.commit(put(b"e1", b"late")).unwrap_err();
    assert!(matches!(refused, StoreError::Closed), "{refused}");
    assert_eq!(*first.ownership().borrow(), Ownership::Lost);
    drop(first);
    assert_eq!(
        second.get(b"e1").unwrap().as_deref(),
        Some(&b"second"[..]),
        "its end gives nothing up that is not its own"
    );
    second.commit(put(b"e2", b"second")).unwrap();
}

#[test]
fn a_node_that_was_stopped_within_a_commit_is_moved_aside() {
    let Some(url) = schema() else { return };
    let first = open(&url, "first", SHORT).unwrap();
    let (holder, epoch) = first.lease.as_ref().unwrap().proof();
    let links = first.links.clone();
    let held = first.driver.ask(async move {
        let link = links.link(Role::Write).await?;
        link.client
            .batch_execute("begin; set local idle_in_transaction_session_timeout = 0")
            .await
            .map_err(|error| fault::store(&error))?;
        let fence = link.client.query_one(&lease::fence(links.schema()), &[&holder, &epoch]).await;
        fence.map(|_| link).map_err(|error| fault::store(&error))
    });
    let _stopped_here = held.unwrap();
    forget(&first);
    open_in_turn(&url, "second").commit(put(b"e1", b"second")).unwrap();
}

#[test]
fn a_commit_whose_connection_ends_is_made_all_the_same() {
    let Some(url) = schema() else { return };
    let kv = Arc::new(open(&url, "only", LONG).unwrap());
    let writing = kv.clone();
    let writer = std::thread::spawn(move || {
        for number in 0..200_u32 {
            let key = [b"e", number.to_be_bytes().as_slice()].concat();
            // One that was refused before it was sent may be made again by its caller.
            while let Err(error) = writing.commit(put(&key, b"x")) {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
            }
        }
    });
    let mut ended = 0;
    while !writer.is_finished() && ended < 20 {
        ended += sql(
            &url,
            "select pg_terminate_backend(a.pid) from pg_stat_activity a, SCHEMA.lease l where a.application_name = 'tenterhook ' || l.holder",
        );
    }
    writer.join().unwrap();
    assert!(ended > 0, "connections were ended meanwhile");
    assert_eq!(kv.range(Span::new(b"e", b"f", usize::MAX)).unwrap().len(), 200);
}

#[test]
fn a_database_that_was_away_is_used_again() {
    let Some(mut server) = Server::start(Safety::Durable) else { return };
    let kv = open(&server.url(), "only", LONG).unwrap();
    kv.commit(put(b"e1", b"one")).unwrap();
    server.kill();
    let refused = kv.get(b"e1").unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    std::thread::scope(|scope| {
        let committing = scope.spawn(|| kv.commit(put(b"e2", b"two")));
        server.resume();
        while kv.get(b"e1").is_err() {}
        // One that went out before its connection was known to be gone may have been made, and waits for that.
        let committed = committing.join().unwrap();
        assert!(matches!(committed, Ok(()) | Err(StoreError::Unavailable(_))), "{committed:?}");
    });
    while kv.commit(put(b"e2", b"two")).is_err() {}
    let pairs = kv.range(Span::new(b"e", b"f", 9)).unwrap();
    assert_eq!(pairs.iter().map(|(_, value)| value.as_ref()).collect::<Vec<_>>(), [b"one", b"two"]);
}

#[test]
fn a_lease_that_cannot_be_renewed_is_worth_nothing_until_it_can_be() {
    let Some(mut server) = Server::start(Safety::Durable) else { return };
    let kv = open(&server.url(), "only", SHORT).unwrap();
    let mut ownership = kv.ownership();
    let mut wait_for = |wanted| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { drop(ownership.wait_for(|now| *now == wanted).await.unwrap()) });
    };
    assert!(kv.may_send());
    server.kill();
    wait_for(Ownership::Muted);
    assert!(!kv.may_send(), "another node may take over from now on");
    server.resume();
    wait_for(Ownership::Held);
    assert!(kv.may_send(), "nobody has taken over");
    kv.commit(put(b"e1", b"one")).unwrap();
}

#[test]
fn a_view_shows_what_was_there_when_it_began() {
    let Some(url) = schema() else { return };
    let kv = open(&url, "only", LONG).unwrap();
    kv.commit(put(b"e1", b"one")).unwrap();
    let view = kv.view().unwrap();
    kv.commit(put(b"e2", b"two")).unwrap();
    assert_eq!(view.range(Span::new(&[], &[u8::MAX], 9)).unwrap().len(), 1);
    assert_eq!(kv.range(Span::new(&[], &[u8::MAX], 9).reversed()).unwrap()[0].1, "two");
}

#[test]
fn many_values_come_in_the_order_of_their_keys() {
    let Some(url) = schema() else { return };
    let kv = open(&url, "only", LONG).unwrap();
    let mut batch = put(b"e1", b"one");
    batch.put(b"z1", b"two".to_vec());
    kv.commit(batch).unwrap();
    let keys = [&b"z1"[..], b"e2", b"e1", b"nothing", b"e1"].map(<[u8]>::to_vec);
    let values = kv.get_many(&keys).unwrap();
    let values: Vec<_> = values.iter().map(Option::as_deref).collect();
    assert_eq!(values, [Some(&b"two"[..]), None, Some(b"one"), None, Some(b"one")]);
}

#[test]
fn a_look_makes_nothing_and_writes_nothing() {
    let Some(url) = schema() else { return };
    assert!(PostgresKv::look(&url).unwrap().is_none());
    let kv = open(&url, "only", LONG).unwrap();
    kv.commit(put(b"e1", b"one")).unwrap();
    let look = PostgresKv::look(&url).unwrap().expect("there are tables now");
    assert_eq!(look.get(b"e1").unwrap().as_deref(), Some(&b"one"[..]));
    look.commit(put(b"e1", b"two")).unwrap_err();
    assert!(!look.may_send());
}

#[test]
fn a_database_that_is_not_there_is_told_so() {
    let Some(url) = schema() else { return };
    let (before, after) = url.split_once('?').unwrap();
    let nowhere = format!("{}/nowhere?{after}", before.rsplit_once('/').unwrap().0);
    for refused in [open(&nowhere, "only", LONG).map(drop), PostgresKv::look(&nowhere).map(drop)] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("it has no such database"), "{refused}");
    }
}

#[test]
fn a_server_that_would_lose_events_is_refused() {
    let Some(url) = schema() else { return };
    let driver = Driver::start().unwrap();
    let address = Address::parse(&url).unwrap();
    let refused = driver.ask(async move {
        let link = Link::connect(&address).await.map_err(|error| fault::store(&error))?;
        link.client.batch_execute("set tenterhook.unsafe = off").await.map_err(|error| fault::store(&error))?;
        Ok(refuse_others(&link).await)
    });
    let refused = refused.unwrap().unwrap_err().to_string();
    assert!(refused.contains("fsync = off"), "{refused}");
}
