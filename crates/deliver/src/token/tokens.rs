//! The access tokens in memory: one for each set of credentials, fetched by one for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenterhook_model::{ClientCredentials, limits};
use tokio::sync::watch;
use tokio::time::Instant;

use super::absent::Failure;
use super::granted::Token;

/// Whose token it is. Equal credentials share one, if the token server is trusted the same way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) credentials: Arc<ClientCredentials>,
    /// Number of the trust; see [`crate::trust`].
    pub(crate) trust: u64,
}

/// A token, or why there is none.
pub(crate) type Fetched = Result<Arc<Token>, Arc<Failure>>;

/// What a fetch puts its result into; dropped without one, those who wait get an excuse.
pub(crate) type Place = watch::Sender<Option<Fetched>>;

/// Every token, and every fetch that goes on.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    fetched: Mutex<HashMap<Key, watch::Receiver<Option<Fetched>>>>,
}

impl Tokens {
    /// The token of `key`: one that is kept, or that of the fetch that goes on, or else that of a new
    /// fetch, which `fetch` starts.
    ///
    /// # Cancel safety
    /// Dropping the future stops the wait, not the fetch.
    pub(crate) async fn get(&self, key: Key, fetch: impl FnOnce(Place)) -> Fetched {
        let mut place = self.place(key, fetch);
        let fetched = place.wait_for(Option::is_some).await.map(|fetched| fetched.clone());
        fetched.ok().flatten().unwrap_or_else(|| Err(Arc::new(Failure::stopping())))
    }

    fn place(&self, key: Key, fetch: impl FnOnce(Place)) -> watch::Receiver<Option<Fetched>> {
        let now = Instant::now();
        let mut fetched = self.lock();
        if let Some(place) = fetched.get(&key).filter(|place| is_good(place, now)) {
            return place.clone();
        }
        if fetched.len() >= limits::ACCESS_TOKENS && !fetched.contains_key(&key) {
            let first = fetched.iter().min_by_key(|(_, place)| end(place)).map(|(key, _)| key.clone());
            first.and_then(|first| fetched.remove(&first));
        }
        let (sender, place) = watch::channel(None);
        fetched.insert(key, place.clone());
        assert!(fetched.len() <= limits::ACCESS_TOKENS, "{} access tokens are kept", fetched.len());
        drop(fetched);
        fetch(sender);
        place
    }

    /// Forgets `token`, which its receiver does not take. One that was fetched since stays.
    pub(crate) fn discard(&self, key: &Key, token: &Arc<Token>) {
        let mut fetched = self.lock();
        let is_same = |place: &watch::Receiver<Option<Fetched>>| match &*place.borrow() {
            Some(Ok(kept)) => Arc::ptr_eq(kept, token),
            _ => false,
        };
        if fetched.get(key).is_some_and(is_same) {
            fetched.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Option<Fetched>>>> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a fetch goes on, or gave a token that can be used at `now`.
fn is_good(place: &watch::Receiver<Option<Fetched>>, now: Instant) -> bool {
    match &*place.borrow() {
        None => place.has_changed().is_ok(),
        Some(Ok(token)) => now < token.until,
        Some(Err(_)) => false,
    }
}

/// Until when a token is kept; a fetch without one comes first.
fn end(place: &watch::Receiver<Option<Fetched>>) -> Option<Instant> {
    place.borrow().as_ref().and_then(|fetched| fetched.as_ref().ok()).map(|token| token.until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tenterhook_model::{ClientProof, Excuse, Secret};

    fn key(id: usize) -> Key {
        let credentials = ClientCredentials {
            token_url: "https://auth.example.com/token".into(),
            client_id: id.to_string(),
            proof: ClientProof::Basic(Secret::new("s")),
            scopes: Vec::new(),
            audience: String::new(),
            parameters: Default::default(),
        };
        Key { credentials: Arc::new(credentials), trust: 0 }
    }

    fn token(seconds: u64) -> Fetched {
        Ok(Arc::new(Token { value: "t".into(), until: Instant::now() + Duration::from_secs(seconds) }))
    }

    fn put(place: &Place, fetched: Fetched) {
        place.send_replace(Some(fetched));
    }

    fn never(_: Place) {
        panic!("the token is kept")
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_kept_until_its_end() {
        let tokens = Tokens::default();
        let first = tokens.get(key(1), |place| put(&place, token(90))).await.unwrap();
        tokio::time::advance(Duration::from_secs(89)).await;
        assert!(Arc::ptr_eq(&first, &tokens.get(key(1), never).await.unwrap()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!Arc::ptr_eq(&first, &tokens.get(key(1), |place| put(&place, token(90))).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_share_one_fetch_and_what_it_gave() {
        let tokens = Tokens::default();
        let started = std::cell::Cell::new(None);
        let mut first = std::pin::pin!(tokens.get(key(1), |place| started.set(Some(place))));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        let mut second = std::pin::pin!(tokens.get(key(1), never));
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        let other = tokens.get(key(2), |place| put(&place, Err(Arc::new(Failure::new("it is closed")))));
        assert!(other.await.is_err(), "others have a fetch of their own");
        put(&started.take().unwrap(), token(0));
        assert!(first.await.is_ok());
        assert!(second.await.is_ok(), "a token without a life serves those who waited for it");
        assert!(tokens.get(key(1), |place| put(&place, token(9))).await.is_ok(), "and nobody later");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_and_a_fetch_that_broke_off_are_not_kept() {
        let tokens = Tokens::default();
        let failed = tokens.get(key(1), |place| put(&place, Err(Arc::new(Failure::new("x"))))).await;
        assert_eq!(failed.unwrap_err().excuse, None);
        assert_eq!(tokens.get(key(1), drop).await.unwrap_err().excuse, Some(Excuse::Local));
        assert!(tokens.get(key(1), |place| put(&place, token(9))).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_token_that_was_refused_is_discarded() {
        let tokens = Tokens::default();
        let old = tokens.get(key(1), |place| put(&place, token(9))).await.unwrap();
        tokens.discard(&key(1), &old);
        let fresh = tokens.get(key(1), |place| put(&place, token(9))).await.unwrap();
        tokens.discard(&key(1), &old);
        assert!(Arc::ptr_eq(&fresh, &tokens.get(key(1), never).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_token_that_ends_first_makes_room() {
        let tokens = Tokens::default();
        for id in 0..limits::ACCESS_TOKENS {
            let seconds = 1_000 + (id as u64).abs_diff(7);
            tokens.get(key(id), |place| put(&place, token(seconds))).await.unwrap();
        }
        tokens.get(key(limits::ACCESS_TOKENS), |place| put(&place, token(9))).await.unwrap();
        tokens.get(key(6), never).await.unwrap();
        let mut fetched = false;
        let again = tokens.get(key(7), |place| {
            fetched = true;
            put(&place, token(9));
        });
        again.await.unwrap();
        assert!(fetched);
    }
}
