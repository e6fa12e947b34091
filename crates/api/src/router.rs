//! The router: every service behind the gate, health, and reflection when it is on.

use std::sync::Arc;

use tenterhook_model::limits;
use tenterhook_proto::tenterhook::v1::access_service_server::AccessServiceServer;
use tenterhook_proto::tenterhook::v1::delivery_service_server::DeliveryServiceServer;
use tenterhook_proto::tenterhook::v1::event_service_server::EventServiceServer;
use tenterhook_proto::tenterhook::v1::server_service_server::ServerServiceServer;
use tenterhook_proto::tenterhook::v1::store_service_server::StoreServiceServer;
use tenterhook_proto::tenterhook::v1::webhook_service_server::WebhookServiceServer;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::access_tokens::AccessTokens;
use crate::backup::Stores;
use crate::deliveries::Deliveries;
use crate::edge::{GateLayer, GateState, OPEN_MESSAGE_BYTES};
use crate::events::Events;
use crate::info::Info;
use crate::state::{ApiState, Shared};
use crate::webhooks::{PublicKeys, Webhooks};

/// Names under which health is told: the server as a whole, and each service.
const HEALTH_NAMES: [&str; 7] = [
    "",
    <WebhookServiceServer<Webhooks> as NamedService>::NAME,
    <EventServiceServer<Events> as NamedService>::NAME,
    <DeliveryServiceServer<Deliveries> as NamedService>::NAME,
    <ServerServiceServer<Info> as NamedService>::NAME,
    <StoreServiceServer<Stores> as NamedService>::NAME,
    <AccessServiceServer<AccessTokens> as NamedService>::NAME,
];

/// What is served, and how its health is told.
#[derive(Debug)]
pub struct Api {
    /// The services, behind the gate.
    pub routes: Routes,
    /// The public keys of webhooks, which need no gate.
    pub public_keys: PublicKeys,
    health: HealthReporter,
}

impl Api {
    /// Reports over gRPC health that the server takes calls. Until then it reports that it does
    /// not, although it does: a balancer sends calls elsewhere while webhooks are compiled.
    pub async fn ready(&self) {
        for name in HEALTH_NAMES {
            self.health.set_service_status(name, ServingStatus::Serving).await;
        }
    }

    /// Tells whoever watches the health that the server takes no more calls.
    pub async fn drain(&self) {
        for name in HEALTH_NAMES {
            self.health.set_service_status(name, ServingStatus::NotServing).await;
        }
    }

    /// Something that can tell it from elsewhere, once the routes are moved into a server.
    pub fn health(&self) -> HealthReporter {
        self.health.clone()
    }
}

/// Makes the routes of the API.
pub async fn router(state: ApiState) -> Api {
    let reflection = state.reflection;
    let gate = GateState::new(state.access.clone(), Arc::clone(&state.meter), state.shutdown.clone());
    state.access.ask_for_tokens(state.store.clone());
    let shared = Shared::new(state);
    let (health, health_server) = tonic_health::server::health_reporter();
    for name in HEALTH_NAMES {
        health.set_service_status(name, ServingStatus::NotServing).await;
    }
    let public_keys = PublicKeys(Arc::clone(&shared));
    let limit = limits::GRPC_MESSAGE_BYTES;
    let mut routes = Routes::builder();
    routes
        .add_service(WebhookServiceServer::new(Webhooks(Arc::clone(&shared))).max_decoding_message_size(limit))
        .add_service(EventServiceServer::new(Events(Arc::clone(&shared))).max_decoding_message_size(limit))
        .add_service(DeliveryServiceServer::new(Deliveries(Arc::clone(&shared))).max_decoding_message_size(limit))
        .add_service(ServerServiceServer::new(Info(Arc::clone(&shared))).max_decoding_message_size(limit))
        .add_service(StoreServiceServer::new(Stores(Arc::clone(&shared))).max_decoding_message_size(limit))
        .add_service(AccessServiceServer::new(AccessTokens(shared)).max_decoding_message_size(limit))
        .add_service(health_server.max_decoding_message_size(OPEN_MESSAGE_BYTES));
    if reflection {
        let describe = || {
            let descriptors = tenterhook_proto::REFLECTION_DESCRIPTOR_SET;
            tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(descriptors)
        };
        let proof = "the descriptor set was made by the code generator, and a test reads it";
        routes.add_service(describe().build_v1().expect(proof).max_decoding_message_size(OPEN_MESSAGE_BYTES));
        routes.add_service(describe().build_v1alpha().expect(proof).max_decoding_message_size(OPEN_MESSAGE_BYTES));
    }
    let gated = routes.routes().into_axum_router().layer(GateLayer(Arc::new(gate)));
    Api { routes: Routes::from(gated).prepare(), public_keys, health }
}
