//! Match, render and sign: turns a webhook and an event into the exact request.
