//! The way to the database: encrypted, and what is told of one that does not work.

use std::process::{Child, Command, Stdio};

use tenterhook_fixtures::postgres::{Safety, Server as Database};

use super::{Place, until};
use crate::process::end_to_end::{authority, issue};
use crate::process::{run, stderr, stdout};

#[test]
fn the_way_to_the_database_is_encrypted_and_its_server_verified() {
    let (trusted, other) = (authority(), authority());
    let (certificate, key) = issue(&trusted);
    let Some(database) = Database::start_encrypted(Safety::Fast, &certificate.pem(), &key.serialize_pem()) else {
        return;
    };
    // What is not encrypted is not let in: so nobody can have connected without.
    database.sql("alter system set log_min_messages = 'warning'");
    let folder = tempfile::tempdir().unwrap();
    let root = |name: &str, pem: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        format!("{}?sslmode=require&sslrootcert={}", database.url(), path.display())
    };
    let (url, wrong) = (root("root.crt", trusted.pem()), root("other.crt", other.pem()));

    let place = Place::new("only");
    let node = place.start(&url, folder.path(), &["--dev"]);
    until("the node serves", || place.serves());
    let encrypted = "select count(*) from pg_stat_ssl s join pg_stat_activity a using (pid) \
        where a.application_name like 'tenterhook%' and s.ssl";
    let all = "select count(*) from pg_stat_activity where application_name like 'tenterhook%'";
    assert_ne!(database.sql(encrypted), "0");
    assert_eq!(database.sql(encrypted), database.sql(all));
    node.signal("TERM");
    assert_eq!(node.wait().status.code(), Some(0));

    let check = run(&["store", "check", "--store", &url]);
    assert_eq!(check.status.code(), Some(0), "{}{}", stdout(&check), stderr(&check));
    let refused = run(&["store", "check", "--store", &wrong]);
    assert_ne!(refused.status.code(), Some(0));
    let told = stderr(&refused);
    assert!(told.contains("its certificate is not trusted") && told.contains("sslrootcert=FILE"), "{told}");
    for foreign in ["UnknownIssuer", "invalid peer certificate", "rustls"] {
        assert!(!told.contains(foreign), "in own words: {told}");
    }
}

/// A PgBouncer before a database, which ends with this.
struct Pooler {
    process: Child,
    url: String,
}

impl Pooler {
    /// One that pools transactions; `None`, with loud words, where there is no PgBouncer.
    fn start(database: &Database, mode: &str) -> Option<Self> {
        let folder = database.folder().join("pooler");
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.display();
        let server = database.folder().display();
        let users = folder.join("users");
        std::fs::write(&users, "\"postgres\" \"\"\n").unwrap();
        let port = if mode == "session" { 6001 } else { 6002 };
        let configuration = format!(
            "[databases]\npostgres = host={server} user=postgres\n[pgbouncer]\nunix_socket_dir = {socket}\nlisten_addr =\n\
             listen_port = {port}\nauth_type = trust\nauth_file = {}\npool_mode = {mode}\nlogfile = {socket}/log\n\
             ignore_startup_parameters = extra_float_digits\n",
            users.display()
        );
        let file = folder.join("pgbouncer.ini");
        std::fs::write(&file, configuration).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0 {
            let given = Command::new("chown").args(["-R", "postgres"]).arg(&folder).status().unwrap();
            assert!(given.success());
            command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
        }
        command.arg("pgbouncer").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let is_there = Command::new("pgbouncer").arg("--version").output().is_ok();
        if !is_there {
            eprintln!("PgBouncer: NOT FOUND; a pooler of transactions is not tried (`make programs` installs it)");
            return None;
        }
        let process = command.spawn().expect("setpriv starts");
        let path = folder.join(format!(".s.PGSQL.{port}"));
        until("the pooler listens", || path.exists());
        let host: String = folder.to_string_lossy().bytes().map(|byte| format!("%{byte:02X}")).collect();
        Some(Self { process, url: format!("postgres://postgres@{host}:{port}/postgres") })
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_pooler_of_transactions_is_refused_in_one_clear_sentence_and_one_of_sessions_works() {
    let Some(database) = Database::start(Safety::Fast) else { return };
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("sealing.key");
    let Some(pooler) = Pooler::start(&database, "transaction") else { return };
    let flags = ["serve", "--dev", "--listen", "127.0.0.1:0", "--ops-listen", "off", "--store", &pooler.url];
    let refused = run(&[flags.as_slice(), &["--sealing-key-file", key.to_str().unwrap()]].concat());
    assert_eq!(refused.status.code(), Some(1));
    let told = stderr(&refused);
    assert!(told.contains("a pooler is in front of it that shares connections between transactions"), "{told}");
    drop(pooler);

    let Some(pooler) = Pooler::start(&database, "session") else { return };
    let place = Place::new("only");
    let node = place.start(&pooler.url, folder.path(), &["--dev"]);
    until("the node serves", || place.serves());
    node.signal("TERM");
    assert_eq!(node.wait().status.code(), Some(0));
}
