//! `tenterhook store`: check, compact, export and import between engines.

use super::serve::start;
use super::{run, stderr, stdout};

#[test]
fn a_store_moves_between_engines_and_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &["--dev"]);
    server.running.signal("TERM");
    server.running.wait();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (redb, sled, file) = (format!("redb:{}", path("data")), format!("sled:{}", path("moved")), path("export"));

    let checked = run(&["store", "check", "--store", &redb]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    assert!(stdout(&checked).contains("is whole"));
    let exported = run(&["store", "export", &file, "--store", &redb]);
    assert!(exported.status.success(), "{}", stderr(&exported));
    assert!(stdout(&exported).contains("sealing.key"), "the key that goes with it is named");
    let again = run(&["store", "export", &file, "--store", &redb]);
    assert_eq!(again.status.code(), Some(1), "an export overwrites nothing");
    let imported = run(&["store", "import", &file, "--store", &sled]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    assert!(run(&["store", "check", "--store", &sled]).status.success());
    assert_eq!(run(&["store", "import", &file, "--store", &sled]).status.code(), Some(1), "only into a new store");
    assert!(run(&["store", "compact", "--store", &redb]).status.success());
}

#[test]
fn a_store_that_a_server_has_open_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let _server = start(folder.path(), &["--dev"]);
    let store = format!("redb:{}", folder.path().join("data").display());
    let output = run(&["store", "check", "--store", &store]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("in use"), "{}", stderr(&output));
}
