//! Adding and removing access tokens. The tokens in memory are swapped whole after the commit, so that
//! what memory says of them is what the disk says.

use std::sync::Arc;

use tenterhook_model::{AccessToken, TokenId, limits};

use super::group::Group;
use super::shared::Shared;
use crate::error::TokenError;
use crate::keys;
use crate::lock::read;
use crate::record::TokenSet;
use crate::rows;
use crate::rows::access_token::TokenRow;

/// Expired tokens that go at a time: many more than are added.
const EXPIRED_MAX: usize = 64;

impl Group<'_> {
    /// Adds a token, and removes some that have expired.
    pub(crate) fn add_token(&mut self, token: AccessToken) -> Result<(), TokenError> {
        let now = self.now;
        let set = self.tokens.get_or_insert_with(|| TokenSet::clone(&self.shared.tokens()));
        let in_namespace = set.by_id.values().filter(|other| other.namespace == token.namespace);
        if in_namespace.filter(|other| other.holds_at(now)).count() >= limits::TOKENS_PER_NAMESPACE {
            return Err(TokenError::TooMany(limits::TOKENS_PER_NAMESPACE));
        }
        self.forget_tokens();
        let set = self.tokens.get_or_insert_with(|| TokenSet::clone(&self.shared.tokens()));
        self.batch.put(keys::access_token::encode(token.id), rows::encode(&TokenRow::from(&token)));
        set.insert(Arc::new(token));
        Ok(())
    }

    /// Removes some of the tokens that have expired, if any has.
    pub(crate) fn forget_tokens(&mut self) {
        let (now, current) = (self.now, self.shared.tokens());
        let set = self.tokens.as_ref().unwrap_or(&current);
        let expired = set.by_id.values().filter(|token| !token.holds_at(now)).map(|token| token.id);
        let expired: Vec<_> = expired.take(EXPIRED_MAX).collect();
        if expired.is_empty() {
            return;
        }
        let set = self.tokens.get_or_insert_with(|| TokenSet::clone(&current));
        for id in expired {
            self.batch.delete(keys::access_token::encode(id));
            set.remove(id);
        }
    }

    /// Removes a token, if there is one with this id.
    pub(crate) fn remove_token(&mut self, id: TokenId) -> Option<Arc<AccessToken>> {
        let set = self.tokens.get_or_insert_with(|| TokenSet::clone(&self.shared.tokens()));
        let removed = set.remove(id)?;
        self.batch.delete(keys::access_token::encode(id));
        Some(removed)
    }
}

impl Shared {
    /// Every token as it is now.
    pub(crate) fn tokens(&self) -> Arc<TokenSet> {
        read(&self.tokens).clone()
    }
}
