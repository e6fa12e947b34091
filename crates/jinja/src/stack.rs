//! A stack that is large enough for any template.

use std::cell::Cell;

use super::limits::STACK_BYTES;

thread_local! {
    static HAS_LARGE_STACK: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a thread whose stack is large enough for any template; on this thread if it is
/// such a one.
///
/// # Panics
/// `work` panics, or the system cannot start a thread.
pub fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if HAS_LARGE_STACK.get() {
        return work();
    }
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("template".into()).stack_size(STACK_BYTES);
        let thread = builder.spawn_scoped(scope, || {
            HAS_LARGE_STACK.set(true);
            work()
        });
        match thread.expect("the system can start a thread").join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
