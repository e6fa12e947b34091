//! The system's name servers and hosts file, by way of hickory, with its cache.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use tenterhook_model::{Resolve, ResolveError, limits};
use thiserror::Error;

/// Time for one question to one name server; a second one fits into [`limits::DNS_TIMEOUT`].
const QUESTION_TIMEOUT: Duration = Duration::from_millis(900);
/// The longest that an answer is believed, so that a receiver that moves is followed soon
/// even where its name server says otherwise.
const BELIEF_MAX: Duration = Duration::from_secs(300);
/// The longest that "no such host" is believed.
const DISBELIEF_MAX: Duration = Duration::from_secs(10);

/// A resolver that asks the name servers of the system's configuration.
#[derive(Clone)]
pub struct HickoryResolver(TokioResolver);

/// Why there is no resolver.
#[derive(Debug, Error)]
#[error("the system's resolver configuration cannot be used: {0}")]
pub struct ResolverError(String);

impl HickoryResolver {
    /// Reads the system's configuration.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub fn from_system() -> Result<Self, ResolverError> {
        let refused = |error: NetError| ResolverError(error.to_string());
        let mut builder = TokioResolver::builder_tokio().map_err(refused)?;
        let options = builder.options_mut();
        options.timeout = QUESTION_TIMEOUT;
        options.attempts = 1;
        options.positive_max_ttl = Some(BELIEF_MAX);
        options.negative_max_ttl = Some(DISBELIEF_MAX);
        builder.build().map(Self).map_err(refused)
    }
}

impl std::fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HickoryResolver").finish_non_exhaustive()
    }
}

#[async_trait]
impl Resolve for HickoryResolver {
    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        match self.0.lookup_ip(host).await {
            Ok(answer) => Ok(answer.iter().take(limits::DNS_RECORDS).collect()),
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => {
                Err(ResolveError::NotFound(host.to_owned()))
            }
            Err(error) => Err(ResolveError::Failed { host: host.to_owned(), reason: error.to_string() }),
        }
    }
}
