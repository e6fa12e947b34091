//! The `tenterhook` command.

fn main() {}
