//! The one table of methods: what each needs of its caller, and how long it may take.
//!
//! A method that is not here does not exist for the outside. A test walks the descriptor set,
//! so that a new method without an entry fails it.

use super::role::Permission;

/// How a call is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pace {
    /// One answer, in [`crate::server::CALL_TIMEOUT`].
    Call,
    /// One answer after many bounded steps, in [`crate::server::BATCH_TIMEOUT`].
    Batch,
    /// A stream without an end of its own.
    Stream,
}

/// A method's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Path of the HTTP request, `/package.Service/Method`.
    pub path: &'static str,
    /// What its caller must be allowed to do.
    pub permission: Permission,
    /// How it is bounded.
    pub pace: Pace,
}

impl Method {
    /// Whether it takes many events in one message.
    pub(crate) fn takes_batch(&self) -> bool {
        self.path.ends_with("/BatchPublishEvents")
    }

    /// Whether it only looks, although it takes more than looking elsewhere does.
    pub(crate) fn only_looks(&self) -> bool {
        self.path.ends_with("/ListTokens")
    }

    /// Whether it takes a stream of events.
    pub(crate) fn publishes_stream(&self) -> bool {
        self.pace == Pace::Stream && self.permission == Permission::Publish
    }
}

const fn method(path: &'static str, permission: Permission, pace: Pace) -> Method {
    Method { path, permission, pace }
}

/// Every method that is served.
pub const METHODS: [Method; 36] = {
    use Pace::{Batch, Call, Stream};
    use Permission::{Administer, Open, Operate, Publish, View};
    [
        method("/tenterhook.v1.WebhookService/CreateWebhook", Administer, Call),
        method("/tenterhook.v1.WebhookService/GetWebhook", View, Call),
        method("/tenterhook.v1.WebhookService/ListWebhooks", View, Call),
        method("/tenterhook.v1.WebhookService/UpdateWebhook", Administer, Call),
        method("/tenterhook.v1.WebhookService/DeleteWebhook", Administer, Call),
        method("/tenterhook.v1.WebhookService/PauseWebhook", Operate, Call),
        method("/tenterhook.v1.WebhookService/ResumeWebhook", Operate, Call),
        method("/tenterhook.v1.WebhookService/RotateSigningKey", Administer, Call),
        method("/tenterhook.v1.WebhookService/RevokeSigningKey", Administer, Call),
        method("/tenterhook.v1.WebhookService/RenderPreview", View, Call),
        method("/tenterhook.v1.WebhookService/TestWebhook", Operate, Batch),
        method("/tenterhook.v1.EventService/PublishEvent", Publish, Call),
        method("/tenterhook.v1.EventService/BatchPublishEvents", Publish, Call),
        method("/tenterhook.v1.EventService/StreamPublishEvents", Publish, Stream),
        method("/tenterhook.v1.EventService/GetEvent", View, Call),
        method("/tenterhook.v1.EventService/ListEvents", View, Call),
        method("/tenterhook.v1.EventService/ExplainEvent", View, Batch),
        method("/tenterhook.v1.EventService/ReplayEvents", Operate, Batch),
        method("/tenterhook.v1.DeliveryService/GetDelivery", View, Call),
        method("/tenterhook.v1.DeliveryService/ListDeliveries", View, Call),
        method("/tenterhook.v1.DeliveryService/WatchDeliveries", View, Stream),
        method("/tenterhook.v1.DeliveryService/RetryDelivery", Operate, Call),
        method("/tenterhook.v1.DeliveryService/BatchRetryDeliveries", Operate, Batch),
        method("/tenterhook.v1.DeliveryService/CancelDelivery", Operate, Call),
        method("/tenterhook.v1.DeliveryService/BatchCancelDeliveries", Operate, Batch),
        method("/tenterhook.v1.DeliveryService/GetDeliveryStats", View, Call),
        method("/tenterhook.v1.ServerService/GetServerInfo", View, Call),
        method("/tenterhook.v1.ServerService/ListNamespaces", View, Call),
        method("/tenterhook.v1.StoreService/Backup", Administer, Stream),
        method("/tenterhook.v1.AccessService/CreateToken", Administer, Call),
        method("/tenterhook.v1.AccessService/ListTokens", Administer, Call),
        method("/tenterhook.v1.AccessService/RevokeToken", Administer, Call),
        method("/grpc.health.v1.Health/Check", Open, Call),
        method("/grpc.health.v1.Health/Watch", Open, Stream),
        method("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Open, Stream),
        method("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Open, Stream),
    ]
};

/// The entry of the method at `path`, if it is served.
pub fn lookup(path: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    /// The paths of all methods of the descriptor set, and whether they stream.
    fn described() -> Vec<(String, bool)> {
        let set = FileDescriptorSet::decode(tenterhook_proto::REFLECTION_DESCRIPTOR_SET).unwrap();
        let mut paths = Vec::new();
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    paths.push((path, method.client_streaming() || method.server_streaming()));
                }
            }
        }
        paths
    }

    #[test]
    fn every_method_of_the_descriptor_set_has_an_entry_of_its_kind() {
        let described = described();
        assert!(described.len() >= 32, "{described:?}");
        for (path, streams) in described {
            let entry = lookup(&path).unwrap_or_else(|| panic!("{path} has no entry"));
            assert_eq!(entry.pace == Pace::Stream, streams, "{path}");
        }
    }

    #[test]
    fn no_entry_is_left_of_a_method_that_is_gone() {
        let described = described();
        for method in METHODS.iter().filter(|method| !method.path.starts_with("/grpc.reflection.")) {
            assert!(described.iter().any(|(path, _)| path == method.path), "{}", method.path);
        }
    }

    #[test]
    fn only_health_and_reflection_are_open() {
        for method in METHODS.iter().filter(|method| method.permission == Permission::Open) {
            assert!(method.path.starts_with("/grpc."), "{}", method.path);
        }
    }

    #[test]
    fn methods_without_side_effects_are_for_viewers_and_the_others_are_not() {
        for method in METHODS.iter().filter(|method| method.path.starts_with("/tenterhook.")) {
            let name = method.path.rsplit('/').next().unwrap();
            if method.only_looks() {
                // Who gets in is for those who decide it.
                assert_eq!((name, method.permission), ("ListTokens", Permission::Administer));
                continue;
            }
            let reads = ["Get", "List", "Watch", "RenderPreview", "Explain"].iter().any(|verb| name.starts_with(verb));
            assert_eq!(method.permission == Permission::View, reads, "{name}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_not_found() {
        assert_eq!(lookup("/tenterhook.v1.WebhookService/NoSuchMethod"), None);
        assert_eq!(lookup(""), None);
    }
}
