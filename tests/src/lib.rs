//! Tests of the whole: architecture, conformance, gRPC, simulation, crashes, secrets, soak.
#![cfg(test)]

mod architecture;
mod binary;
mod canary;
mod cli;
mod conformance;
mod context;
mod crash;
mod deploy;
mod docs;
mod door;
mod grpc;
mod http;
mod nodes;
mod process;
mod reports;
mod sim;
mod soak;
