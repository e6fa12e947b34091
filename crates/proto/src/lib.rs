//! Generated protobuf and gRPC code of the Tenterhook API.
