//! The gRPC API: validation, access, CRUD, publish and watch.
