//! Tests of the whole: architecture, conformance, gRPC, simulation, crashes.
#![cfg(test)]

mod architecture;
mod binary;
mod conformance;
mod grpc;
mod process;
mod sim;
