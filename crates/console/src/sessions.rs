//! Who is signed in: a key for each cookie, in memory only.
//!
//! A session holds the key itself and hands it on with each call, so that the gate decides by the keys
//! of that moment: a key that is revoked ends its sessions too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tenterhook_model::{Clock, Entropy, Secret, Timestamp, limits};

/// Bytes of chance in a token.
const TOKEN_BYTES: usize = 32;
/// A session that is not used for this long ends.
const IDLE: Duration = limits::CONSOLE_IDLE;
/// A session ends after this long in any case.
pub(crate) const LIFE: Duration = limits::CONSOLE_SESSION_LIFE;
/// Sessions that are kept; one more ends the one that was not used for longest.
const SESSIONS_MAX: usize = limits::CONSOLE_SESSIONS;

/// The sessions of a server. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Sessions {
    rows: Arc<Mutex<HashMap<Digest, Session>>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// The hash of a token: finding it takes the same time whatever a stranger sends.
type Digest = [u8; 32];

#[derive(Debug)]
struct Session {
    key: Secret,
    begun: Timestamp,
    used: Timestamp,
}

impl Sessions {
    /// No sessions yet.
    pub(crate) fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { rows: Arc::default(), clock, entropy }
    }

    /// Opens a session for a key and returns its token.
    pub(crate) fn open(&self, key: Secret) -> Secret {
        let mut bytes = [0; TOKEN_BYTES];
        self.entropy.fill(&mut bytes);
        let token = Secret::new(URL_SAFE_NO_PAD.encode(bytes));
        let now = self.clock.now();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.retain(|_, session| session.is_live(now));
        while rows.len() >= SESSIONS_MAX {
            let oldest = rows.iter().min_by_key(|(_, session)| session.used).map(|(digest, _)| *digest);
            oldest.and_then(|digest| rows.remove(&digest));
        }
        rows.insert(digest(token.expose()), Session { key, begun: now, used: now });
        assert!(rows.len() <= SESSIONS_MAX, "{} sessions are kept", rows.len());
        token
    }

    /// The key of a session that has not ended, which is used now.
    pub(crate) fn key(&self, token: &str) -> Option<Secret> {
        let now = self.clock.now();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let session = rows.get_mut(&digest(token)).filter(|session| session.is_live(now))?;
        session.used = now;
        Some(session.key.clone())
    }

    /// Ends a session.
    pub(crate) fn close(&self, token: &str) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest(token));
    }
}

impl Session {
    fn is_live(&self, now: Timestamp) -> bool {
        // Of a clock that was far ahead no session is left when it is right again.
        let apart = |time: Timestamp| now.since(time).max(time.since(now));
        apart(self.used) < IDLE && apart(self.begun) < LIFE
    }
}

fn digest(token: &str) -> Digest {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use tenterhook_model::OsEntropy;

    use super::*;

    #[derive(Debug, Default)]
    struct Hands(Mutex<Timestamp>);

    impl Hands {
        fn turn(&self, by: Duration) {
            let mut now = self.0.lock().unwrap();
            *now = now.after(by);
        }
    }

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    fn sessions() -> (Sessions, Arc<Hands>) {
        let hands = Arc::new(Hands::default());
        (Sessions::new(hands.clone(), Arc::new(OsEntropy)), hands)
    }

    #[test]
    fn a_token_finds_its_key_until_the_session_is_closed() {
        let (sessions, _) = sessions();
        let (a, b) = (sessions.open(Secret::new("th_a")), sessions.open(Secret::new("th_b")));
        assert_eq!(a.expose().len(), 43);
        assert_ne!(a, b);
        assert_eq!(sessions.key(a.expose()), Some(Secret::new("th_a")));
        assert_eq!(sessions.key(b.expose()), Some(Secret::new("th_b")));
        assert_eq!(sessions.key("none"), None);
        sessions.close(a.expose());
        assert_eq!(sessions.key(a.expose()), None);
        assert_eq!(sessions.key(b.expose()), Some(Secret::new("th_b")));
    }

    #[test]
    fn a_session_ends_after_half_an_hour_without_use_and_after_eight_hours() {
        let (sessions, hands) = sessions();
        let token = sessions.open(Secret::new("th_a"));
        hands.turn(IDLE);
        assert_eq!(sessions.key(token.expose()), None);
        let token = sessions.open(Secret::new("th_a"));
        for _ in 0..16 {
            hands.turn(IDLE - Duration::from_secs(1));
            assert!(sessions.key(token.expose()).is_some());
        }
        hands.turn(Duration::from_secs(16));
        assert_eq!(sessions.key(token.expose()), None);
    }

    #[test]
    fn a_session_of_a_clock_that_was_ahead_ends_when_it_is_set_back() {
        let (sessions, hands) = sessions();
        let right = sessions.open(Secret::new("th_a"));
        let before = *hands.0.lock().unwrap();
        hands.turn(LIFE * 1_000);
        let ahead = sessions.open(Secret::new("th_b"));
        *hands.0.lock().unwrap() = before;
        assert_eq!(sessions.key(ahead.expose()), None);
        assert_eq!(sessions.key(right.expose()), None, "it ended when the clock said so");
        hands.turn(Duration::from_secs(60));
        let adjusted = sessions.open(Secret::new("th_c"));
        *hands.0.lock().unwrap() = before;
        assert!(sessions.key(adjusted.expose()).is_some(), "a clock may go back a little");
    }

    #[test]
    fn beyond_the_limit_the_session_that_was_not_used_for_longest_ends() {
        let (sessions, hands) = sessions();
        let tokens: Vec<Secret> = (0..SESSIONS_MAX)
            .map(|number| {
                hands.turn(Duration::from_millis(1));
                sessions.open(Secret::new(format!("th_{number}")))
            })
            .collect();
        hands.turn(Duration::from_millis(1));
        assert!(sessions.key(tokens[0].expose()).is_some());
        sessions.open(Secret::new("th_new"));
        assert!(sessions.key(tokens[0].expose()).is_some());
        assert_eq!(sessions.key(tokens[1].expose()), None);
    }
}
