//! Access tokens: added, found by their hash, removed, and there after a restart.

use std::time::Duration;

use tenterhook_model::{AccessToken, Role, TokenId, limits};
use tenterhook_store::TokenError;

use crate::bench::{Bench, webhook};
use crate::on_every_engine;

/// A token, for one webhook if its number is even, that expires in a minute.
pub(crate) fn token(bench: &Bench, number: u16) -> AccessToken {
    let mut bits = [0; 32];
    bits[..2].copy_from_slice(&number.to_be_bytes());
    AccessToken {
        id: TokenId::from_bytes(bits[..16].try_into().unwrap()),
        hash: bits,
        namespace: "a".parse().unwrap(),
        role: Role::Viewer,
        webhook: number.is_multiple_of(2).then(|| webhook(1).id),
        display_name: format!("token {number}"),
        creator: "oncall".to_owned(),
        create_time: bench.now(),
        expire_time: bench.now().after(Duration::from_secs(60)),
    }
}

on_every_engine! {
    async fn a_token_is_there_after_a_restart_until_it_is_removed(bench) {
        let (one, two) = (token(&bench, 1), token(&bench, 2));
        for token in [&one, &two] {
            bench.store.add_token(token.clone()).await.unwrap();
        }
        bench.reopen().await;
        let set = bench.store.tokens();
        assert_eq!(set.by_id.values().map(|token| AccessToken::clone(token)).collect::<Vec<_>>(), [one.clone(), two.clone()]);
        assert_eq!(set.of_hash(&two.hash).map(|token| token.id), Some(two.id));
        assert_eq!(set.of_hash(&[9; 32]), None);
        assert_eq!(bench.store.remove_token(one.id).await.unwrap().map(|token| token.id), Some(one.id));
        assert_eq!(bench.store.remove_token(one.id).await.unwrap(), None);
        assert_eq!(bench.store.tokens().of_hash(&one.hash), None);
        bench.reopen().await;
        assert_eq!(bench.store.tokens().by_id.keys().copied().collect::<Vec<_>>(), [two.id]);
        assert_eq!(bench.records().await.get("access tokens"), Some(&1));
        bench.check().await;
    }

    async fn expired_tokens_go_by_themselves(bench) {
        let (one, two) = (token(&bench, 1), token(&bench, 2));
        let lasting = AccessToken { expire_time: bench.now().after(Duration::from_secs(600)), ..token(&bench, 3) };
        for token in [&one, &two, &lasting] {
            bench.store.add_token(token.clone()).await.unwrap();
        }
        let step = bench.store.expire(bench.now(), 100).await.unwrap();
        assert_eq!((bench.store.tokens().by_id.len(), step.replaced), (3, 3));
        bench.clock.advance(60_000);
        bench.store.expire(bench.now(), 100).await.unwrap();
        assert_eq!(bench.store.tokens().by_id.keys().copied().collect::<Vec<_>>(), [lasting.id]);
        assert_eq!(bench.store.expire(bench.now(), 100).await.unwrap().replaced, 4, "their rows are to be erased");
        assert_eq!(bench.store.expire(bench.now(), 100).await.unwrap().replaced, 4);
        assert_eq!(bench.records().await.get("access tokens"), Some(&1));
        bench.check().await;
    }

    async fn tokens_beyond_the_limit_are_refused_and_expired_ones_make_room(bench) {
        let all = (0..limits::TOKENS_PER_NAMESPACE as u16).map(|number| bench.store.add_token(token(&bench, number)));
        assert!(futures_util::future::join_all(all).await.into_iter().all(|added| added.is_ok()));
        let refused = bench.store.add_token(token(&bench, 2_000)).await;
        assert!(matches!(refused, Err(TokenError::TooMany(limits::TOKENS_PER_NAMESPACE))));
        let elsewhere = AccessToken { namespace: "b".parse().unwrap(), ..token(&bench, 2_001) };
        bench.store.add_token(elsewhere).await.unwrap();
        bench.clock.advance(60_000);
        bench.store.add_token(token(&bench, 2_002)).await.unwrap();
        let kept = bench.store.tokens().by_id.len();
        assert!(kept < limits::TOKENS_PER_NAMESPACE, "some of the expired ones are gone: {kept} are kept");
        bench.reopen().await;
        assert_eq!(bench.store.tokens().by_id.len(), kept);
    }
}
