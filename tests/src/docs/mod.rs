//! The commands of README.md and docs/ADMINISTRATION.md, run as they stand, and the outline of the clients' pages.

mod blocks;
mod outline;
mod shell;

use shell::run_page;

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let printed = run_page("README.md");
    for expected in ["IP address 192.0.2.1/24 was created by jstretch!", "DELIVERY_STATE_SUCCEEDED", "U0lURSAx"] {
        assert!(printed.contains(expected), "`{expected}` was printed:\n{printed}");
    }
}

#[test]
fn the_commands_of_the_administration_page_do_what_it_says() {
    let printed = run_page("docs/ADMINISTRATION.md");
    for expected in ["whsec_", "DELIVERY_STATE_FAILED", "\"deliveryCount\": \"1\"", "bookmark"] {
        assert!(printed.contains(expected), "`{expected}` was printed:\n{printed}");
    }
}
