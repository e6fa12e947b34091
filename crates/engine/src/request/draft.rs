//! What can be made of a request when some of its templates fail, for the person who is writing
//! them: the parts that are right, and what is wrong with each of the others.

use bytes::Bytes;
use tenterhook_model::{Header, HttpMethod, Masks, TargetUrl};

use super::assemble::push_own;
use super::field::RenderFault;
use super::{AttemptFacts, BodyPlan, RequestPlan, UrlPlan};
use crate::event_context::EventContext;
use crate::signature::{Outgoing, Signable, Signer};

/// A request, or as much of it as there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The method.
    pub method: HttpMethod,
    /// The URL; empty when it failed.
    pub url: String,
    /// The headers, without those that failed.
    pub headers: Vec<Header>,
    /// The body; empty when it failed, and then nothing is signed.
    pub body: Bytes,
}

impl RequestPlan {
    /// Makes what can be made of `results`, one for each template, and gives what is wrong.
    pub(crate) fn draft(
        &self,
        results: Vec<Result<String, RenderFault>>,
        signer: &Signer,
        event: &EventContext,
        facts: &AttemptFacts,
    ) -> (Draft, Vec<RenderFault>) {
        debug_assert_eq!(results.len(), self.templates().len(), "every template has its result");
        let (mut texts, mut failed, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for result in results {
            failed.push(result.is_err());
            texts.push(result.unwrap_or_else(|fault| {
                faults.push(fault);
                String::new()
            }));
        }
        let has_failed = |template: usize| failed.get(template) == Some(&true);
        let url = match &self.url {
            UrlPlan::FixedHost { template, .. } if has_failed(*template) => None,
            UrlPlan::Rendered { template, guard, .. } if has_failed(*template) || guard.is_some_and(has_failed) => None,
            _ => self.url(&texts).map_err(|fault| faults.push(fault)).ok(),
        };
        let (mut headers, of_headers) = self.headers(&texts, &failed);
        faults.extend(of_headers);
        let source =
            self.event_source(&texts, &failed, event.event()).map_err(|fault| faults.push(fault)).ok().flatten();
        let body = match (&self.body, &source) {
            (BodyPlan::Template(template), _) if has_failed(*template) => None,
            (BodyPlan::CloudEvent, None) => None,
            (_, source) => {
                let source = source.as_deref().unwrap_or_default();
                self.body(&mut texts, event, source).map_err(|fault| faults.push(fault)).ok()
            }
        };
        if let Some(source) = &source {
            faults.extend(self.push_cloud_event(&mut headers, event.event(), source).err());
        }
        push_own(&mut headers, facts);
        headers.extend(self.authorization.clone());
        if let Some(body) = &body {
            let message = Signable { id: event.event().id.as_str(), timestamp: facts.now.seconds(), body };
            let path = url.as_ref().map_or("", TargetUrl::path_and_query);
            let outgoing = Outgoing { message, method: self.method.as_str(), path };
            signer.push_headers(&mut headers, &outgoing, facts.now);
        }
        let url = url.map(|url| url.to_string()).unwrap_or_default();
        let mut draft = Draft { method: self.method, url, headers, body: body.unwrap_or_default() };
        draft.mask(&self.masks);
        (draft, faults.into_iter().map(|fault| self.masked(fault)).collect())
    }
}

impl Draft {
    /// Masks values of the environment.
    fn mask(&mut self, masks: &Masks) {
        masks.mask_text(&mut self.url);
        self.headers.iter_mut().for_each(|header| header.mask(masks));
        masks.mask_bytes(&mut self.body, false);
    }
}
