//! A call that another node answers, as the connection that it came on counts it.

use http::{Response, StatusCode};
use tonic::{Code, Status};

use super::connection::{Connection, OpenCall};
use crate::access::{Pace, Permission, lookup};

/// A call that is forwarded, from its head until its answer is taken.
#[derive(Debug)]
pub struct Forwarded {
    connection: Connection,
    call: OpenCall,
    is_stream: bool,
    /// Whether its answer shows that its caller is known.
    needs_key: bool,
}

impl Forwarded {
    /// A call of `path` on `connection`.
    pub fn begin(connection: Connection, path: &str) -> Self {
        let method = lookup(path);
        let is_stream = method.is_some_and(|method| method.pace == Pace::Stream);
        let needs_key = method.map_or(path.starts_with("/v1/"), |method| method.permission != Permission::Open);
        Self { call: connection.begin(!is_stream), connection, is_stream, needs_key }
    }

    /// Whether it is a stream without an end of its own.
    pub fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// Its answer begins: a caller who was let in is known from then on, and a refusal is counted.
    pub fn answered<B>(&mut self, response: &Response<B>) {
        self.call.answered();
        if is_refusal(response) {
            self.connection.refused();
        } else if self.needs_key {
            self.connection.admit();
        }
    }

    /// Waits until the streams of its connection should end.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub fn retiring(&self) -> impl Future<Output = ()> + Send + use<> {
        self.connection.retiring().clone().cancelled_owned()
    }
}

/// Whether a response says no more than that the call may not be made.
fn is_refusal<B>(response: &Response<B>) -> bool {
    let code = response.headers().get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()));
    let by_code = matches!(code, Some(Code::Unimplemented | Code::Unauthenticated | Code::PermissionDenied));
    let by_status = matches!(
        response.status(),
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    by_code || by_status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::Budgets;

    const PUBLISH: &str = "/tenterhook.v1.EventService/PublishEvent";

    fn connection() -> Connection {
        Budgets::default().connection()
    }

    fn status(code: i32) -> Response<()> {
        Response::builder().header("grpc-status", code).body(()).unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_in_use_until_the_answer_is_taken() {
        let connection = connection();
        let mut call = Forwarded::begin(connection.clone(), PUBLISH);
        assert!(!call.is_stream() && connection.idle_since().is_none());
        call.answered(&Response::new(()));
        connection.rested().await;
        assert!(connection.was_admitted() && connection.idle_since().is_none());
        drop(call);
        assert!(connection.idle_since().is_some());
    }

    #[test]
    fn only_an_answer_that_needed_a_key_shows_a_known_caller() {
        for (path, response, is_known) in [
            (PUBLISH, Response::new(()), true),
            (PUBLISH, status(16), false),
            (PUBLISH, status(7), false),
            (PUBLISH, status(14), true),
            ("/v1/events", Response::new(()), true),
            ("/v1/events", Response::builder().status(401).body(()).unwrap(), false),
            ("/console/", Response::new(()), false),
            ("/grpc.health.v1.Health/Check", Response::new(()), false),
        ] {
            let connection = connection();
            Forwarded::begin(connection.clone(), path).answered(&response);
            assert_eq!(connection.was_admitted(), is_known, "{path} {response:?}");
        }
    }

    #[tokio::test]
    async fn a_flood_of_refused_calls_is_asked_to_go_here_too() {
        let connection = connection();
        for _ in 0..20_000 {
            Forwarded::begin(connection.clone(), PUBLISH).answered(&status(16));
        }
        connection.expelled().await;
    }

    #[tokio::test]
    async fn streams_are_known_and_end_with_their_connection() {
        let connection = connection();
        let call = Forwarded::begin(connection.clone(), "/tenterhook.v1.DeliveryService/WatchDeliveries");
        assert!(call.is_stream());
        connection.rested().await;
        connection.retire();
        call.retiring().await;
    }
}
