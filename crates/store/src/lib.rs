//! What is true: events, deliveries, the due queue and the journal, on stable storage.
