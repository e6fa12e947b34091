//! The loop: claim, prepare, deliver, decide, record.
