//! What the gRPC library refuses by itself, in our own words: a message that is too large, is not
//! one, or is compressed. Its own texts name Rust types and may repeat what the caller sent.

use http::Response;
use tenterhook_model::limits;
use tonic::{Code, Status};

use crate::check::grouped;
use crate::refusal::Refusal;

/// What a status of the decoder begins with when a message is over its limit.
const TOO_LARGE: &str = "Error, decoded message length too large";
/// What a caller reads whose bytes are not the message of the method.
const NOT_A_MESSAGE: &str =
    "the request is not a message of this method, or was cut short; was the client built from this server's proto?";
/// What a caller reads whose message is compressed.
const COMPRESSED: &str = "the request is compressed in a way that this server does not read; send it uncompressed";

/// The response of a call, in our own words if it is a status of the library.
pub(super) fn in_own_words<R: Default>(response: Response<R>) -> Response<R> {
    match Status::from_header_map(response.headers()) {
        Some(status) if is_foreign(&status) => reworded(status).into_http(),
        _ => response,
    }
}

/// The status that ends a stream of requests, in our own words.
pub(crate) fn reworded(status: Status) -> Status {
    match status.code() {
        _ if !is_foreign(&status) => status,
        Code::OutOfRange => too_large(),
        Code::Unimplemented => Status::with_metadata(Code::Unimplemented, COMPRESSED, status.metadata().clone()),
        code => Status::new(code, NOT_A_MESSAGE),
    }
}

/// Whether the library made a status. Ours carry details, but those of codes that it has no use for.
fn is_foreign(status: &Status) -> bool {
    match status.code() {
        _ if !status.details().is_empty() => false,
        Code::OutOfRange => status.message().starts_with(TOO_LARGE),
        Code::Internal | Code::Unimplemented | Code::Unknown => true,
        _ => false,
    }
}

/// The status of a call whose bytes are not the message of its method: as the decoder would have it.
pub(super) fn not_a_message() -> Status {
    Status::internal(NOT_A_MESSAGE)
}

/// The status of a call whose message is over its limit.
pub fn too_large() -> Status {
    let limit = format!("at most {} bytes", grouped(limits::GRPC_MESSAGE_BYTES));
    Refusal::Limit { subject: "message", limit }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt as _;

    #[test]
    fn what_the_library_says_is_said_in_our_words() {
        let decoding = "failed to decode Protobuf message: PublishEventRequest.event: CANARY";
        assert_eq!(reworded(Status::internal(decoding)).message(), NOT_A_MESSAGE);
        let mut compressed = Status::unimplemented("Content is compressed with `CANARY` which isn't supported");
        compressed.metadata_mut().insert("grpc-accept-encoding", "identity".parse().unwrap());
        let compressed = reworded(compressed);
        assert_eq!(compressed.message(), COMPRESSED);
        assert!(compressed.metadata().contains_key("grpc-accept-encoding"), "a client may choose another coding");
        let large = reworded(Status::out_of_range(format!("{TOO_LARGE}: found 9 bytes")));
        assert_eq!((large.code(), large.get_details_error_info().is_some()), (Code::ResourceExhausted, true));
    }

    #[test]
    fn our_own_words_stay() {
        for status in [
            Status::deadline_exceeded("the message took too long to arrive; send it again"),
            Refusal::Internal.into(),
            Refusal::Expired { oldest: None }.into(),
        ] {
            assert_eq!(reworded(status.clone()).message(), status.message());
        }
    }
}
