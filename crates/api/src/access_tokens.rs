//! AccessService: issues access tokens, lists and revokes them.
//!
//! A token is in the store, with the hash of its secret; [`crate::access::Access`] asks the store who
//! calls, so that a token counts from the commit that adds it to the commit that removes it.

use tenterhook_model::{AccessToken, Namespace, Role, Secret, Timestamp, TokenId, WebhookId, limits};
use tenterhook_proto::tenterhook::v1;
use tonic::{Request, Response, Status};

use crate::access::{Caller, new_token_secret};
use crate::check::Check;
use crate::refusal::Refusal;
use crate::state::{Api, Shared, parts};
use crate::token::Pages;
use crate::wire::filter::read_page_size;
use crate::wire::time::{read_duration, timestamp};

/// The service on the wire.
#[derive(Debug, Clone)]
pub(crate) struct AccessTokens(pub(crate) Api);

#[tonic::async_trait]
impl v1::access_service_server::AccessService for AccessTokens {
    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let (caller, request) = parts(request)?;
        let (token, secret) = create(&self.0, &caller, &request).await?;
        let (token, secret) = (Some(write(&token)), secret.expose().to_owned());
        Ok(Response::new(v1::CreateTokenResponse { token, secret }))
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(list(&self.0, &caller, request)?))
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenResponse>, Status> {
        let (caller, request) = parts(request)?;
        revoke(&self.0, &caller, &request).await?;
        Ok(Response::new(v1::RevokeTokenResponse {}))
    }
}

/// Issues a token. It grants no more than the caller has, and no longer.
async fn create(
    api: &Shared,
    caller: &Caller,
    request: &v1::CreateTokenRequest,
) -> Result<(AccessToken, Secret), Refusal> {
    if caller.has_token() {
        return Err(caller.no_issuer());
    }
    let wanted = Wanted::read(request)?;
    caller.within(&wanted.namespace)?;
    if let Some(id) = wanted.webhook {
        let set = api.store.webhooks();
        let found = set.by_id.get(&id).filter(|webhook| webhook.namespace == wanted.namespace);
        found.ok_or_else(|| Refusal::NoWebhook(id.to_string()))?;
    }
    let now = api.clock.now();
    let expire_time = end(&wanted, now, caller.until(&wanted.namespace))?;
    let (secret, hash) = new_token_secret(&*api.entropy);
    let token = AccessToken {
        id: TokenId::generate(now, &*api.entropy),
        hash,
        namespace: wanted.namespace,
        role: wanted.role,
        webhook: wanted.webhook,
        display_name: request.display_name.clone(),
        creator: caller.name().to_owned(),
        create_time: now,
        expire_time,
    };
    caller.about(|| subject(&token));
    api.store.add_token(token.clone()).await?;
    Ok((token, secret))
}

/// What is asked for, checked.
struct Wanted {
    namespace: Namespace,
    role: Role,
    webhook: Option<WebhookId>,
    /// As the caller asked.
    lifetime: Option<std::time::Duration>,
}

impl Wanted {
    fn read(request: &v1::CreateTokenRequest) -> Result<Self, Refusal> {
        let mut check = Check::new();
        let namespace = check.parse("namespace", &request.namespace);
        let role: Option<Role> = check.parse("role", &request.role);
        if request.display_name.trim().is_empty() {
            check.refuse("display_name", "must not be empty");
        }
        check.text("display_name", &request.display_name, limits::DISPLAY_NAME_CHARS);
        let lifetime = read_duration(&mut check, "lifetime", request.lifetime, limits::TOKEN_LIFETIME_RANGE);
        let webhook = match &*request.webhook_id {
            "" => None,
            id => check.parse("webhook_id", id),
        };
        if !request.webhook_id.is_empty() && role.is_some_and(|role| role != Role::Viewer) {
            check.refuse("webhook_id", "is allowed with the role `viewer` only");
        }
        let (Some(namespace), Some(role)) = (namespace, role) else { return Err(check.into_refusal()) };
        check.finish()?;
        Ok(Self { namespace, role, webhook, lifetime })
    }
}

/// When the token expires: not after the grant of its issuer ends.
fn end(wanted: &Wanted, now: Timestamp, issuers_end: Option<Timestamp>) -> Result<Timestamp, Refusal> {
    let asked = now.after(wanted.lifetime.unwrap_or(limits::TOKEN_LIFETIME));
    match issuers_end {
        Some(issuers) if issuers < asked && wanted.lifetime.is_some() => {
            let message = format!("must end before the key that issues it, at {}", issuers.rfc3339());
            Err(Refusal::field("lifetime", message))
        }
        Some(issuers) => Ok(asked.min(issuers)),
        None => Ok(asked),
    }
}

/// The next page.
fn list(api: &Shared, caller: &Caller, mut request: v1::ListTokensRequest) -> Result<v1::ListTokensResponse, Refusal> {
    let mut check = Check::new();
    let namespace: Option<Namespace> = check.parse("namespace", &request.namespace);
    let size = read_page_size(&mut check, request.page_size);
    let Some(namespace) = namespace else { return Err(check.into_refusal()) };
    check.finish()?;
    caller.within(&namespace)?;
    let token = std::mem::take(&mut request.page_token);
    let pages = Pages::of(&api.token_key, "ListTokens", &request);
    let after = pages.read(&token)?.map(|bits| bits.try_into().map(TokenId::from_bytes));
    let after = after.transpose().map_err(|_| Refusal::PageToken)?;
    let (set, now) = (api.store.tokens(), api.clock.now());
    let of_namespace = set.by_id.values().filter(|token| token.namespace == namespace && token.holds_at(now));
    let mut listed: Vec<_> = of_namespace.filter(|token| after.is_none_or(|after| token.id > after)).collect();
    let has_more = listed.len() > size;
    listed.truncate(size);
    let last = listed.last().filter(|_| has_more).map(|token| token.id.as_bytes().to_vec());
    let tokens = listed.into_iter().map(|token| write(token)).collect();
    Ok(v1::ListTokensResponse { tokens, next_page_token: pages.write(last) })
}

/// Revokes a token of a namespace that the caller administers.
async fn revoke(api: &Shared, caller: &Caller, request: &v1::RevokeTokenRequest) -> Result<(), Refusal> {
    let mut check = Check::new();
    let id: Option<TokenId> = check.parse("token_id", &request.token_id);
    let Some(id) = id else { return Err(check.into_refusal()) };
    let none = || Refusal::NoToken(id.to_string());
    let found = api.store.tokens().by_id.get(&id).filter(|token| caller.sees(&token.namespace)).cloned();
    let found = found.ok_or_else(none)?;
    caller.about(|| subject(&found));
    let removed = api.store.remove_token(id).await?;
    api.access.end_revoked();
    removed.map(drop).ok_or_else(none)
}

/// The token as the audit trail names it.
fn subject(token: &AccessToken) -> String {
    let scope = token.webhook.map(|webhook| format!(" of webhook {webhook}")).unwrap_or_default();
    format!("{} token {} {} ({}{scope})", token.namespace, token.id, token.display_name, token.role)
}

fn write(token: &AccessToken) -> v1::Token {
    v1::Token {
        id: token.id.to_string(),
        namespace: token.namespace.to_string(),
        role: token.role.to_string(),
        webhook_id: token.webhook.map(|id| id.to_string()).unwrap_or_default(),
        display_name: token.display_name.clone(),
        create_time: Some(timestamp(token.create_time)),
        expire_time: Some(timestamp(token.expire_time)),
        creator: token.creator.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn wanted(lifetime: Option<u64>) -> Wanted {
        let lifetime = lifetime.map(Duration::from_secs);
        Wanted { namespace: Namespace::default(), role: Role::Viewer, webhook: None, lifetime }
    }

    #[test]
    fn a_token_does_not_outlive_the_grant_of_its_issuer() {
        let now = Timestamp::from_millis(0);
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        assert_eq!(end(&wanted(None), now, None).unwrap(), at(86_400));
        assert_eq!(end(&wanted(None), now, Some(at(60))).unwrap(), at(60));
        assert_eq!(end(&wanted(Some(60)), now, Some(at(60))).unwrap(), at(60));
        assert_eq!(end(&wanted(Some(61)), now, Some(at(60))).unwrap_err().first_field(), Some("lifetime"));
    }

    #[test]
    fn only_a_viewer_can_be_limited_to_a_webhook() {
        let webhook_id = WebhookId::from_bytes([1; 16]).to_string();
        let request = |role: &str| v1::CreateTokenRequest {
            role: role.to_owned(),
            display_name: "n".to_owned(),
            webhook_id: webhook_id.clone(),
            ..Default::default()
        };
        assert!(Wanted::read(&request("viewer")).is_ok());
        for role in ["operator", "publisher", "admin"] {
            let refused = Wanted::read(&request(role)).err().expect("it is refused");
            assert_eq!(refused.first_field(), Some("webhook_id"), "{role}");
        }
    }
}
