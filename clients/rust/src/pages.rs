//! Lists that turn their own pages.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};

use crate::client::Client;
use crate::error::Error;
use crate::v1::{Delivery, Event, ListDeliveriesRequest, ListEventsRequest, ListWebhooksRequest, Webhook};

/// One page: its items and the token of the next page, empty on the last.
type Page<T> = Result<(Vec<T>, String), Error>;

impl Client {
    /// Every webhook that matches, oldest first, page by page as it is asked for.
    pub fn list_webhooks(
        &self,
        mut request: ListWebhooksRequest,
    ) -> impl Stream<Item = Result<Webhook, Error>> + Send + use<> {
        self.scope(&mut request.namespace);
        let client = self.clone();
        pages(request.page_token.clone(), move |page_token| {
            let request = ListWebhooksRequest { page_token, ..request.clone() };
            let mut webhooks = client.webhooks();
            async move {
                let response = webhooks.list_webhooks(request).await?.into_inner();
                Ok((response.webhooks, response.next_page_token))
            }
        })
    }

    /// Every event that matches, newest first, page by page as it is asked for.
    pub fn list_events(
        &self,
        mut request: ListEventsRequest,
    ) -> impl Stream<Item = Result<Event, Error>> + Send + use<> {
        self.scope(&mut request.namespace);
        let client = self.clone();
        pages(request.page_token.clone(), move |page_token| {
            let request = ListEventsRequest { page_token, ..request.clone() };
            let mut events = client.events();
            async move {
                let response = events.list_events(request).await?.into_inner();
                Ok((response.events, response.next_page_token))
            }
        })
    }

    /// Every delivery that matches, newest first, page by page as it is asked for; and the token
    /// that starts a watch which misses no later change, known once the first page has come.
    pub fn list_deliveries(
        &self,
        mut request: ListDeliveriesRequest,
    ) -> (impl Stream<Item = Result<Delivery, Error>> + Send + use<>, ResumeToken) {
        self.scope(&mut request.namespace);
        let client = self.clone();
        let token = ResumeToken::default();
        let found = token.clone();
        let deliveries = pages(request.page_token.clone(), move |page_token| {
            let request = ListDeliveriesRequest { page_token, ..request.clone() };
            let mut deliveries = client.deliveries();
            let found = found.clone();
            async move {
                let response = deliveries.list_deliveries(request).await?.into_inner();
                found.set(response.resume_token);
                Ok((response.deliveries, response.next_page_token))
            }
        });
        (deliveries, token)
    }
}

/// Where a list of deliveries was taken.
#[derive(Clone, Debug, Default)]
pub struct ResumeToken(Arc<Mutex<String>>);

impl ResumeToken {
    /// Starts a watch after the list; empty until its first page has come.
    #[must_use]
    pub fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, token: String) {
        if !token.is_empty() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = token;
        }
    }
}

fn pages<T, F, P>(first: String, fetch: F) -> impl Stream<Item = Result<T, Error>> + Send
where
    T: Send,
    F: Fn(String) -> P + Send,
    P: Future<Output = Page<T>> + Send,
{
    let state = (Some(first), fetch);
    stream::try_unfold(state, |(token, fetch)| async move {
        let Some(token) = token else { return Ok::<_, Error>(None) };
        let (items, next) = fetch(token).await?;
        let next = Some(next).filter(|next| !next.is_empty());
        Ok(Some((stream::iter(items).map(Ok), (next, fetch))))
    })
    .try_flatten()
}
