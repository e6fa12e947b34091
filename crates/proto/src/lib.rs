//! Generated protobuf and gRPC code of the Tenterhook API, and its descriptors.
//!
//! Nothing here has a will of its own: `make generate` writes `generated/` from `proto/`, the
//! server's `api` crate and its tests use it. Messages that carry secrets print them as `***`.

mod redacted;

/// The protobuf package `tenterhook`.
#[path = "generated"]
pub mod tenterhook {
    /// The protobuf package `tenterhook.v1`.
    #[rustfmt::skip]
    #[path = "tenterhook.v1.rs"]
    pub mod v1;
}

/// The API and the well-known types that it imports, as an encoded `FileDescriptorSet` without
/// comments. Whoever walks all methods, such as the access table's test, reads this one.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/tenterhook.v1.bin");

/// What server reflection shows: the API with its comments, the `google.rpc` error details and
/// `grpc.health.v1`, so that a tool such as grpcurl prints error details in words.
pub const REFLECTION_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/reflection.bin");

#[cfg(test)]
mod tests;
