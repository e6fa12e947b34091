//! What comes next: retry schedule, circuit breaker, rate and concurrency admission.
