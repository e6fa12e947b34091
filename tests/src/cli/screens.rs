//! What people see at every width, and what strangers cannot do to their terminals.

use super::{Desk, NOWHERE};

/// A name with everything that a terminal, a shell or a table could trip over.
const HOSTILE: &str = "it's/\"x\" \u{1f600} \u{65e5}\u{672c} $(id)";

/// Screens of one server.
const SCREENS: [&[&str]; 5] =
    [&["status"], &["webhook", "list"], &["delivery", "list"], &["event", "list"], &["event", "explain"]];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.create("orders", NOWHERE);
    desk.create(HOSTILE, NOWHERE);
    let publish = [
        "event",
        "publish",
        "--type",
        "created",
        "--username",
        "eve \u{1b}[2J\u{7}\u{202e}",
        "--object-type",
        "dcim.site",
    ];
    desk.run(&[&publish[..], &["--id", "site-1"]].concat()).code(0);
    desk.until(&["delivery", "list", "-o", "json"], |list| {
        list.as_array().unwrap().iter().all(|delivery| delivery["state"] == "RETRYING")
    });
    desk
}

/// Columns that a text takes; emoji and CJK take two.
fn width(line: &str) -> usize {
    line.chars().map(|c| if u32::from(c) >= 0x2e80 { 2 } else { 1 }).sum()
}

#[test]
fn screens_fit_at_every_width_and_obey_no_stranger() {
    let desk = desk();
    for screen in SCREENS {
        let arguments = if screen[1..] == ["explain"] { [screen, &["site-1"]].concat() } else { screen.to_vec() };
        for columns in [40, 80, 200] {
            let shown = desk.people(columns, &arguments).code(0);
            for line in shown.out.lines().filter(|line| !line.contains("tenterhook ")) {
                assert!(width(line) <= columns, "{columns} columns: {line}\n{}", shown.out);
            }
            let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!shown.out.contains(steers), "{shown:?}");
        }
        let colour = desk.people(80, &[&arguments[..], &["--color", "always"]].concat()).code(0);
        assert!(colour.out.contains("\u{1b}[1m"), "{colour:?}");
    }
    desk.people(200, &["event", "list"]).has(&["eve \\u{1b}[2J\\u{7}\\u{202e}"]);
    desk.people(200, &["webhook", "list"]).has(&[HOSTILE]);
    desk.people(80, &["webhook", "show", HOSTILE]).code(0).has(&["'it'\\''s/\"x\" "]);
}

#[test]
fn narrow_terminals_get_a_block_for_each_row() {
    let desk = desk();
    desk.people(40, &["webhook", "list"]).has(&["WEBHOOK  orders\nSTATE    ! failing\n"]);
    let shown = desk.people(80, &["webhook", "list"]).has(&["WEBHOOK ", "! failing", "http://127.0.0.1"]);
    assert_eq!(shown.out.lines().count(), 3, "{shown:?}");
}

#[test]
fn no_answer_is_empty_for_people() {
    let desk = Desk::new();
    desk.people(80, &["webhook", "list"]).code(0).has(&["0 webhooks"]);
    desk.people(80, &["delivery", "list"]).code(0).has(&["0 deliveries"]);
    desk.people(80, &["event", "list"]).code(0).has(&["0 events"]);
    desk.people(80, &["status"]).code(0).has(&["0 webhooks. Create one: tenterhook webhook create"]);
    desk.people(80, &["context", "list"]).code(0).has(&["0 contexts", "Add one: tenterhook context add NAME"]);
    desk.people(80, &["delivery", "retry", "--failed"]).code(0).has(&["Retried 0 deliveries."]);
}
