//! `tenterhook demo --nodes`: what it shows, and what it leaves behind.

use tenterhook_fixtures::postgres::{Safety, Server as Database};

use crate::process::{run, stderr, stdout};

#[test]
fn the_demo_kills_the_node_that_serves_and_loses_nothing() {
    let Some(database) = Database::start(Safety::Fast) else { return };
    let output = run(&["demo", "--nodes", "3", "--store", &database.url()]);
    let text = stdout(&output);
    assert!(output.status.success(), "{text}\n{}", stderr(&output));
    for part in [
        "node-1    127.0.0.1:",
        "has the database and serves",
        "forwards calls to node-1",
        "kill -9 of node-1, which serves",
        " has taken over, ",
        "events acknowledged, 0 of them lost",
        "3 ordering keys, 0 events out of order",
        "3 watches, one on each node, showed the same ",
        "Nothing is left behind.",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "over 80 columns: {wide:#?}");
    assert_eq!(database.sql("select count(*) from pg_namespace where nspname like 'tenterhook%'"), "0");
}

#[test]
fn the_demo_with_nodes_says_what_it_needs() {
    for (arguments, words) in [
        (&["demo", "--nodes", "3"][..], "give --store postgres://USER@HOST/DATABASE"),
        (&["demo", "--nodes", "3", "--store", "redb:data"], "give --store postgres://USER@HOST/DATABASE"),
        (
            &["demo", "--nodes", "3", "--store", "postgres://th@localhost/th?schema=mine"],
            "leave schema= out of --store",
        ),
        (&["demo", "--nodes", "1", "--store", "postgres://th@localhost/th"], "2..=9"),
        (&["demo", "--store", "postgres://th@localhost/th"], "--nodes"),
    ] {
        let output = run(arguments);
        assert!(!output.status.success());
        assert!(stderr(&output).contains(words), "{words} in {}", stderr(&output));
    }
}
