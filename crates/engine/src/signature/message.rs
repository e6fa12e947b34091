//! What is signed.

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    /// The id for `webhook-id`: the same at every attempt.
    pub id: &'a str,
    /// Seconds since 1970 for `webhook-timestamp`.
    pub timestamp: i64,
    /// The bytes of the body.
    pub body: &'a [u8],
}

/// What is known of a request when it is signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    /// Its id, time and body.
    pub(crate) message: Signable<'a>,
    /// Its method.
    pub(crate) method: &'a str,
    /// Its path with the query.
    pub(crate) path: &'a str,
}
