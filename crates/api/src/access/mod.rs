//! Who calls, and what they may do: API keys, access tokens, client certificates, roles, one table.
//!
//! The gate in front of the services asks [`Access`] who calls and refuses what the role
//! cannot do anywhere; the services ask the [`Caller`] about the namespace of each thing.

mod certificate;
mod hooks;
mod keys;
mod role;
mod table;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tenterhook_model::{Clock, Namespace, SystemClock, Timestamp, WebhookId};
use tenterhook_store::Tokens;
use tokio::sync::Notify;

use keys::{Holder, KeyDigest};

pub use certificate::names_of_certificate;
pub use hooks::NetboxSecrets;
pub(crate) use keys::new_token_secret;
pub use keys::{KEY_OPTIONS, KEY_PREFIX, KeyFileError, KeyRing, NewKey, ReadSecret, TOKEN_PREFIX};
pub use role::{Grant, Permission, Scope};
pub use table::{METHODS, Method, Pace, lookup};
pub use tenterhook_model::{Role, UnknownRole};

use crate::audit::Subject;
use crate::refusal::Refusal;

/// Decides who calls. Clones share the keys, so that [`Access::replace`] takes effect everywhere at once.
#[derive(Debug, Clone)]
pub struct Access {
    ring: Arc<RwLock<Arc<KeyRing>>>,
    changed: Arc<Notify>,
    anonymous: Option<Grant>,
    clock: Arc<dyn Clock>,
    /// Where access tokens are kept, once the router has said so.
    tokens: Arc<RwLock<Option<Arc<dyn Tokens>>>>,
    /// The time up to which the streams of expired grants were ended.
    ended_to: Arc<Mutex<Timestamp>>,
}

impl Access {
    /// Only holders that `ring` knows may call.
    pub fn keys(ring: KeyRing) -> Self {
        Self::by_clock(ring, Arc::new(SystemClock))
    }

    /// As [`Access::keys`], with keys that expire by `clock`.
    pub fn by_clock(ring: KeyRing, clock: Arc<dyn Clock>) -> Self {
        let ended_to = Arc::new(Mutex::new(clock.now()));
        let ring = Arc::new(RwLock::new(Arc::new(ring)));
        Self { ring, changed: Arc::new(Notify::new()), anonymous: None, clock, tokens: Arc::default(), ended_to }
    }

    /// Who shows no key may do everything: for `--dev` on loopback.
    pub fn dev(ring: KeyRing) -> Self {
        Self { anonymous: Some(Grant::everything("anonymous")), ..Self::keys(ring) }
    }

    /// Takes another ring from now on: a key that it does not know is refused at its next call,
    /// and its open streams end.
    pub fn replace(&self, ring: KeyRing) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        self.changed.notify_waiters();
    }

    /// Asks `store` for access tokens from now on.
    pub(crate) fn ask_for_tokens(&self, store: Arc<dyn Tokens>) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Some(store);
    }

    /// Ends the streams of a token that was removed from the store; its calls are refused anyway.
    pub(crate) fn end_revoked(&self) {
        self.changed.notify_waiters();
    }

    /// Ends the streams of keys and tokens that have expired since the last call; their calls are
    /// refused anyway.
    pub fn end_expired(&self) {
        let now = self.clock.now();
        let before = {
            let mut ended_to = self.ended_to.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *ended_to, now)
        };
        let has_ended = |end: Timestamp| before < end && end <= now;
        let ring = Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner));
        let tokens = self.token_store().map(|store| store.tokens()).unwrap_or_default();
        if ring.ends().any(has_ended) || tokens.by_id.values().any(|token| has_ended(token.expire_time)) {
            self.changed.notify_waiters();
        }
    }

    fn token_store(&self) -> Option<Arc<dyn Tokens>> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a caller without a key may do everything.
    pub(crate) fn lets_anybody_in(&self) -> bool {
        self.anonymous.is_some()
    }

    /// Whether a client certificate with this name may call.
    pub fn knows_certificate(&self, name: &str) -> bool {
        self.caller(None, &[name.to_owned()]).is_ok()
    }

    /// Whether the holder of this key may call, now.
    pub fn knows_key(&self, key: &str) -> bool {
        self.caller(Some(format!("Bearer {key}").as_bytes()), &[]).is_ok()
    }

    /// Rung when a caller may have lost a grant.
    pub(crate) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// Who calls with this `authorization` header and the names of a verified client certificate.
    pub(crate) fn caller(&self, authorization: Option<&[u8]>, names: &[String]) -> Result<Caller, Refusal> {
        let credential = Credential::of(authorization, names);
        let grants = self.grants(&credential);
        if grants.is_empty() {
            return Err(Refusal::KeyInvalid { shown: authorization.is_some() || !names.is_empty() });
        }
        Ok(Caller { grants: grants.into(), permission: Permission::Open, credential, subject: Subject::default() })
    }

    /// Whether `caller` may still do what it was let in for.
    pub(crate) fn still_allows(&self, caller: &Caller) -> bool {
        let now = self.grants(&caller.credential);
        caller.grants.iter().filter(|grant| caller.permission.is_of(grant.role)).all(|grant| now.contains(grant))
    }

    fn grants(&self, credential: &Credential) -> Vec<Grant> {
        let ring = Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner));
        let (known, anonymous_may) = match &credential.key {
            // Not even with `--dev`: a token that was revoked must not grant more than before.
            Some(Some(token)) if token.is_token => (self.grant_of_token(token), false),
            Some(_) => (grants_of(&ring, credential), ring.is_empty()),
            None => (grants_of(&ring, credential), true),
        };
        let now = self.clock.now();
        let known: Vec<Grant> = known.into_iter().filter(|grant| grant.holds_at(now)).collect();
        if known.is_empty() && anonymous_may { Vec::from_iter(self.anonymous.clone()) } else { known }
    }

    fn grant_of_token(&self, KeyDigest { hash, .. }: &KeyDigest) -> Vec<Grant> {
        let Some(store) = self.token_store() else { return Vec::new() };
        Vec::from_iter(store.tokens().of_hash(hash).map(|token| Grant::of_token(token)))
    }
}

/// What a caller may look at in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of it.
    All,
    /// One webhook, with its deliveries.
    One(WebhookId),
}

impl Reach {
    /// Whether it takes in `webhook`.
    pub(crate) fn holds(self, webhook: WebhookId) -> bool {
        match self {
            Self::All => true,
            Self::One(only) => only == webhook,
        }
    }
}

/// What a caller showed: the digest of a key (`None` inside when it was none of ours), or a certificate.
#[derive(Debug, Clone)]
struct Credential {
    key: Option<Option<KeyDigest>>,
    names: Arc<[String]>,
}

impl Credential {
    /// That of a call with this `authorization` header and the names of a verified client certificate.
    fn of(authorization: Option<&[u8]>, names: &[String]) -> Self {
        Self { key: authorization.map(|header| bearer(header).and_then(KeyDigest::of)), names: names.into() }
    }

    /// What `ring` says of who showed it: a key counts alone.
    fn holders<'a>(&self, ring: &'a KeyRing) -> Vec<&'a Holder> {
        match &self.key {
            Some(key) => key.as_ref().map(|key| ring.holders_of_key(key)).unwrap_or_default(),
            None => ring.holders_of_names(&self.names),
        }
    }
}

fn grants_of(ring: &KeyRing, credential: &Credential) -> Vec<Grant> {
    credential.holders(ring).into_iter().map(|holder| holder.grant.clone()).collect()
}

/// The key of an `authorization: Bearer KEY` header.
fn bearer(header: &[u8]) -> Option<&str> {
    let (scheme, key) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Who calls, and what the method that they call needs.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    grants: Arc<[Grant]>,
    permission: Permission,
    credential: Credential,
    /// What the call is about, for the audit trail.
    subject: Subject,
}

impl Caller {
    /// The caller of a method that needs `permission`.
    ///
    /// # Errors
    /// When no grant allows it in any namespace.
    pub(crate) fn of(mut self, permission: Permission) -> Result<Self, Refusal> {
        self.permission = permission;
        if self.grants.iter().any(|grant| permission.is_of(grant.role)) {
            return Ok(self);
        }
        Err(self.forbidden(None))
    }

    /// The name of the key or certificate, or the name and id of the token, for traces; may be empty.
    pub(crate) fn name(&self) -> &str {
        &self.grants[0].name
    }

    /// What the caller may do, and where.
    pub(crate) fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The role that allows the method.
    pub(crate) fn role(&self) -> Role {
        let allowing = self.grants.iter().find(|grant| self.permission.is_of(grant.role));
        allowing.unwrap_or(&self.grants[0]).role
    }

    /// Whether the call is one that the audit trail keeps.
    pub(crate) fn is_audited(&self) -> bool {
        matches!(self.permission, Permission::Operate | Permission::Administer)
    }

    /// Notes what the call is about, for the audit trail.
    pub(crate) fn about(&self, subject: impl FnOnce() -> String) {
        if self.is_audited() {
            self.subject.set(subject());
        }
    }

    /// Notes that the call changes nothing, if `validate_only` says so: the audit trail then does without it.
    pub(crate) fn only_checks(&self, validate_only: bool) {
        if validate_only {
            self.subject.clear();
        }
    }

    /// What the call is about.
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Whether it showed an access token.
    pub(crate) fn has_token(&self) -> bool {
        self.credential.key.iter().flatten().any(|key| key.is_token)
    }

    /// When the grant ends that lets it do what the method does in `namespace`; `None` when it does not end.
    pub(crate) fn until(&self, namespace: &Namespace) -> Option<Timestamp> {
        let ends = self.grants_in(namespace).map(|grant| grant.expire_time);
        ends.max_by_key(|end| (end.is_none(), *end)).flatten()
    }

    /// Whether the caller may do what the method does to all things of `namespace`. A thing of
    /// another is not told apart from one that is not there. Who sees one webhook only does not see
    /// the namespace: what knows of [`Reach`] asks for that.
    pub(crate) fn sees(&self, namespace: &Namespace) -> bool {
        self.reaches(namespace) == Some(Reach::All)
    }

    /// Whether the caller may do what the method does to a webhook of `namespace` and its deliveries.
    pub(crate) fn sees_webhook(&self, namespace: &Namespace, webhook: WebhookId) -> bool {
        self.reaches(namespace).is_some_and(|reach| reach.holds(webhook))
    }

    /// What the caller may look at in `namespace`, if anything.
    pub(crate) fn reaches(&self, namespace: &Namespace) -> Option<Reach> {
        let reach = |grant: &Grant| grant.webhook.map_or(Reach::All, Reach::One);
        // A grant for one webhook is that of a token, and a token is one grant.
        self.grants_in(namespace).map(reach).max_by_key(|reach| *reach == Reach::All)
    }

    /// The grants that let it do what the method does in `namespace`.
    fn grants_in(&self, namespace: &Namespace) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(|grant| self.permission.is_of(grant.role) && grant.scope.holds(namespace))
    }

    /// Checks a namespace that the request names, for a method that can show a part of it.
    ///
    /// # Errors
    /// When the caller may look at nothing there.
    pub(crate) fn reach(&self, namespace: &Namespace) -> Result<Reach, Refusal> {
        self.reaches(namespace).ok_or_else(|| self.forbidden(Some(namespace)))
    }

    /// Checks a namespace that the request names.
    ///
    /// # Errors
    /// When the caller may not do this there.
    pub(crate) fn within(&self, namespace: &Namespace) -> Result<(), Refusal> {
        if self.sees(namespace) { Ok(()) } else { Err(self.forbidden(Some(namespace))) }
    }

    /// Checks that the caller may do this in every namespace.
    ///
    /// # Errors
    /// When it may in some only.
    pub(crate) fn everywhere(&self) -> Result<(), Refusal> {
        let may = |grant: &Grant| self.permission.is_of(grant.role) && grant.scope == Scope::Every;
        if self.grants.iter().any(may) { Ok(()) } else { Err(self.forbidden(None)) }
    }

    /// The refusal of a caller that issues tokens with a token.
    pub(crate) fn no_issuer(&self) -> Refusal {
        Refusal::TokenIssues { role: self.role(), scope: self.grants[0].scope.to_string() }
    }

    fn forbidden(&self, namespace: Option<&Namespace>) -> Refusal {
        let grant = &self.grants[0];
        Refusal::KeyForbidden {
            role: grant.role,
            scope: grant.scope.to_string(),
            webhook: grant.webhook,
            asked: namespace.map(ToString::to_string),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_model::OsEntropy;

    fn access_with(role: Role, scope: Scope) -> (Access, String) {
        let made = NewKey::generate(role, &scope, "", None, &OsEntropy);
        let header = format!("Bearer {}", made.key.expose());
        (Access::keys(KeyRing::parse(&made.line).unwrap()), header)
    }

    #[test]
    fn a_known_key_calls_and_no_other_header_does() {
        let (access, header) = access_with(Role::Admin, Scope::Every);
        assert!(access.caller(Some(header.as_bytes()), &[]).is_ok());
        assert!(access.caller(Some(header.to_lowercase().as_bytes()), &[]).is_ok(), "the scheme has no case");
        let truncated = &header[..header.len() - 1];
        for bad in
            ["", "Bearer", "Bearer ", "Basic dXNlcjpwdw==", truncated, &header[7..], "Bearer th_", "\u{e4} \u{e4}"]
        {
            assert!(access.caller(Some(bad.as_bytes()), &[]).is_err(), "{bad:?}");
        }
        assert!(access.caller(Some(b"Bearer \xff"), &[]).is_err());
        assert!(access.caller(None, &[]).is_err());
    }

    #[test]
    fn a_replaced_ring_counts_from_the_next_call_for_every_clone() {
        let (access, header) = access_with(Role::Admin, Scope::Every);
        let clone = access.clone();
        access.replace(KeyRing::default());
        assert!(clone.caller(Some(header.as_bytes()), &[]).is_err());
    }

    #[test]
    fn a_caller_is_allowed_until_its_grant_is_gone() {
        let made = NewKey::generate(Role::Viewer, &Scope::Every, "", None, &OsEntropy);
        let access = Access::keys(KeyRing::parse(&made.line).unwrap());
        let header = format!("Bearer {}", made.key.expose());
        let caller = access.caller(Some(header.as_bytes()), &[]).unwrap().of(Permission::View).unwrap();
        access.replace(KeyRing::parse(&format!("{}\nsan:x admin *", made.line)).unwrap());
        assert!(access.still_allows(&caller), "another line does not matter");
        access.replace(KeyRing::parse(&made.line.replace("viewer", "publisher")).unwrap());
        assert!(!access.still_allows(&caller));
        access.replace(KeyRing::default());
        assert!(!access.still_allows(&caller));
    }

    #[derive(Debug)]
    struct SetClock(std::sync::atomic::AtomicI64);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(std::sync::atomic::Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn a_key_is_refused_after_its_last_day_and_its_streams_are_told() {
        let made = NewKey::generate(Role::Viewer, &Scope::Every, "", Some("1970-01-01"), &OsEntropy);
        let clock = Arc::new(SetClock(std::sync::atomic::AtomicI64::new(86_399_999)));
        let access = Access::by_clock(KeyRing::parse(&made.line).unwrap(), clock.clone());
        let header = format!("Bearer {}", made.key.expose());
        let caller = access.caller(Some(header.as_bytes()), &[]).unwrap().of(Permission::View).unwrap();
        let mut told = std::pin::pin!(access.changed().notified());
        told.as_mut().enable();
        access.end_expired();
        assert!(futures_util::poll!(told.as_mut()).is_pending() && access.still_allows(&caller));
        clock.0.store(86_400_000, std::sync::atomic::Ordering::Relaxed);
        assert!(access.caller(Some(header.as_bytes()), &[]).is_err());
        assert!(!access.still_allows(&caller));
        access.end_expired();
        assert!(futures_util::poll!(told.as_mut()).is_ready());
    }

    #[test]
    fn a_certificate_name_stands_for_its_line() {
        let access = Access::keys(KeyRing::parse("san:client.example.com viewer a").unwrap());
        assert!(access.caller(None, &["client.example.com".into()]).is_ok());
        assert!(access.caller(None, &["other.example.com".into()]).is_err());
    }

    #[test]
    fn dev_asks_nobody_but_refuses_a_wrong_key_when_it_knows_some() {
        let dev = Access::dev(KeyRing::default());
        assert!(dev.caller(None, &[]).is_ok());
        assert!(dev.caller(Some(b"Bearer th_x"), &[]).is_ok());
        let (access, header) = access_with(Role::Viewer, Scope::Every);
        let ring = KeyRing::clone(&access.ring.read().unwrap());
        let dev = Access::dev(ring);
        assert!(dev.caller(None, &[]).is_ok());
        assert!(dev.caller(Some(header.as_bytes()), &[]).is_ok());
        assert!(dev.caller(Some(b"Bearer th_x"), &[]).is_err());
    }

    #[test]
    fn a_role_that_cannot_do_it_anywhere_is_stopped_and_a_scope_holds() {
        let (access, header) = access_with(Role::Operator, Scope::One("a".parse().unwrap()));
        let caller = access.caller(Some(header.as_bytes()), &[]).unwrap();
        assert!(caller.clone().of(Permission::Administer).is_err());
        let caller = caller.of(Permission::Operate).unwrap();
        assert!(caller.within(&"a".parse().unwrap()).is_ok());
        assert!(matches!(caller.within(&Namespace::default()), Err(Refusal::KeyForbidden { .. })));
        assert!(!caller.sees(&Namespace::default()));
    }
}
