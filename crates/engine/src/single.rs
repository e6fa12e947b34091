//! One at a time for each webhook, without a runtime: of many attempts that find their webhook
//! dropped from the cache, one compiles it and the others wait for what it made.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use tenterhook_model::WebhookId;

/// The webhooks that someone works on, each with those who wait for it.
#[derive(Debug, Default)]
pub(crate) struct Single {
    busy: Mutex<HashMap<WebhookId, Vec<Waker>>>,
}

/// The one that works on a webhook. Dropped, the next one may.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    single: &'a Single,
    webhook: WebhookId,
}

impl Single {
    /// Waits until nobody else works on `webhook`.
    ///
    /// # Cancel safety
    /// Dropping it gives up the place in the queue, and nothing else.
    pub(crate) async fn turn(&self, webhook: WebhookId) -> Turn<'_> {
        poll_fn(|context| {
            let mut busy = self.lock();
            match busy.get_mut(&webhook) {
                None => {
                    busy.insert(webhook, Vec::new());
                    Poll::Ready(())
                }
                Some(waiting) => {
                    if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                        waiting.push(context.waker().clone());
                    }
                    Poll::Pending
                }
            }
        })
        .await;
        Turn { single: self, webhook }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WebhookId, Vec<Waker>>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // All are woken: one of them that was dropped meanwhile must not hold up the others.
        let waiting = self.single.lock().remove(&self.webhook);
        debug_assert!(waiting.is_some(), "someone works on {} from one turn to its end", self.webhook);
        let waiting = waiting.unwrap_or_default();
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::{Pin, pin};
    use std::task::Context;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn one_webhook_has_one_turn_at_a_time_and_others_have_theirs() {
        let single = Single::default();
        let id = |number| WebhookId::from_bytes([number; 16]);
        let Poll::Ready(first) = poll(pin!(single.turn(id(1)))) else { panic!("nobody is there") };
        let mut second = pin!(single.turn(id(1)));
        assert!(poll(second.as_mut()).is_pending());
        assert!(poll(pin!(single.turn(id(2)))).is_ready());
        drop(first);
        assert!(poll(second).is_ready());
        assert!(single.lock().is_empty(), "nobody waits and nothing is left");
    }
}
