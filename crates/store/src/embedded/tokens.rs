//! Adding and removing access tokens. The tokens in memory are swapped whole after the commit, so that
//! what memory says of them is what the disk says.

use std::sync::Arc;

use tenterhook_model::{AccessToken, TokenId, limits};

use super::group::Group;
use super::shared::Shared;
use crate::error::TokenError;
use crate::keys;
use crate::kv::Kv;
use crate::lock::read;
use crate::record::TokenSet;
use crate::rows;
use crate::rows::access_token::TokenRow;

/// Expired tokens that go when one is added: many more than are added.
const EXPIRED_MAX: usize = 64;

impl<K: Kv> Group<'_, K> {
    /// Adds a token, and removes some that have expired.
    pub(crate) fn add_token(&mut self, token: AccessToken) -> Result<(), TokenError> {
        let now = self.now;
        let set = self.tokens.get_or_insert_with(|| TokenSet::clone(&self.shared.tokens()));
        let is_live = |other: &&Arc<AccessToken>| other.holds_at(now);
        let in_namespace = set.by_id.values().filter(|other| other.namespace == token.namespace);
        if in_namespace.filter(is_live).count() >= limits::TOKENS_PER_NAMESPACE {
            return Err(TokenError::TooMany(limits::TOKENS_PER_NAMESPACE));
        }
        let expired = set.by_id.values().filter(|other| !is_live(other)).map(|other| other.id);
        for id in expired.take(EXPIRED_MAX).collect::<Vec<_>>() {
            self.batch.delete(keys::access_token::encode(id));
            set.remove(id);
        }
        self.batch.put(keys::access_token::encode(token.id), rows::encode(&TokenRow::from(&token)));
        set.insert(Arc::new(token));
        Ok(())
    }

    /// Removes a token, if there is one with this id.
    pub(crate) fn remove_token(&mut self, id: TokenId) -> Option<Arc<AccessToken>> {
        let set = self.tokens.get_or_insert_with(|| TokenSet::clone(&self.shared.tokens()));
        let removed = set.remove(id)?;
        self.batch.delete(keys::access_token::encode(id));
        Some(removed)
    }
}

impl<K: Kv> Shared<K> {
    /// Every token as it is now.
    pub(crate) fn tokens(&self) -> Arc<TokenSet> {
        read(&self.tokens).clone()
    }
}
