//! A render worker alone, for the tests of the pool.

fn main() -> std::io::Result<()> {
    tenterhook_cage::serve(std::io::stdin(), std::io::stdout())
}
