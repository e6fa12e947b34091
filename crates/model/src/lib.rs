//! The nouns of Tenterhook: webhooks, events, deliveries, their limits and transitions.
