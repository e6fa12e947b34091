//! Field masks of UpdateWebhook: which fields of the new webhook go over the stored one.
//!
//! A path names a field of `Webhook` or of one of its single messages (`request.body`). Unset,
//! the mask is every field that is set; `*` is every field. What cannot be changed is refused.

use tenterhook_proto::tenterhook::v1::{self, Webhook};

use crate::check::Check;

/// Characters of a path that an error shows.
const SHOWN_CHARS: usize = 100;
/// Fields that the server alone sets, or that never change.
const FIXED: [&str; 10] = [
    "id",
    "namespace",
    "state",
    "state_reason",
    "signing_keys",
    "health",
    "etag",
    "create_time",
    "update_time",
    "warnings",
];

/// One path that may stand in a mask.
struct Path {
    name: &'static str,
    /// Copies the field from the second webhook into the first.
    copy: fn(&mut Webhook, &Webhook),
    /// Whether the field is set.
    is_set: fn(&Webhook) -> bool,
}

/// The path of a field of the webhook itself.
macro_rules! field {
    ($name:ident) => {
        Path {
            name: stringify!($name),
            copy: |to, from| to.$name = from.$name.clone(),
            is_set: |webhook| webhook.$name != Webhook::default().$name,
        }
    };
}

/// The paths of the fields of one of its messages.
macro_rules! fields {
    ($message:ident: $type:ident { $($name:ident $(as $wire:literal)?),+ }) => {
        [$(Path {
            name: fields!(@name $message, $name $(, $wire)?),
            copy: |to, from| {
                let value = from.$message.as_ref().map(|message| message.$name.clone());
                to.$message.get_or_insert_default().$name = value.unwrap_or_default();
            },
            is_set: |webhook| {
                webhook.$message.as_ref().is_some_and(|message| message.$name != v1::$type::default().$name)
            },
        }),+]
    };
    (@name $message:ident, $name:ident) => { concat!(stringify!($message), ".", stringify!($name)) };
    (@name $message:ident, $name:ident, $wire:literal) => { concat!(stringify!($message), ".", $wire) };
}

/// Fields of the webhook itself that are not messages.
static PLAIN: [Path; 5] = [field!(display_name), field!(description), field!(disabled), field!(rules), field!(labels)];
/// Its messages as a whole.
static MESSAGES: [Path; 7] = [
    field!(request),
    field!(signing),
    field!(retry),
    field!(circuit_breaker),
    field!(rate_limit),
    field!(transport),
    field!(authentication),
];
static REQUEST: [Path; 10] = fields!(request: RequestTemplate {
    url, allowed_hosts, method, content_type, additional_headers, headers, body, undefined_behavior,
    body_format, cloudevents_source
});
static SIGNING: [Path; 2] = fields!(signing: SigningPolicy { schemes, custom });
/// The two ways to back off are one choice: either path replaces the other's value.
static RETRY: [Path; 6] = fields!(retry: RetryPolicy {
    max_attempts, max_age, backoff as "exponential", backoff as "schedule", jitter, permanent_statuses
});
static BREAKER: [Path; 4] =
    fields!(circuit_breaker: CircuitBreaker { failures_to_open, initial_open, max_open, suspend_after });
static RATE: [Path; 3] = fields!(rate_limit: RateLimit { requests_per_second, burst, max_in_flight });
static TRANSPORT: [Path; 7] = fields!(transport: TransportPolicy {
    attempt_timeout, ca_certificates_pem, insecure_skip_verify, client_certificate_pem, client_private_key_pem,
    trust_system_roots, proxy
});

/// The two ways to authenticate are one choice: either path replaces the other's value.
static AUTHENTICATION: [Path; 2] = fields!(authentication: Authentication { method as "basic", method as "oauth2" });

/// The fields of the message `name`.
fn parts(name: &str) -> &'static [Path] {
    match name {
        "request" => &REQUEST,
        "signing" => &SIGNING,
        "retry" => &RETRY,
        "circuit_breaker" => &BREAKER,
        "rate_limit" => &RATE,
        "transport" => &TRANSPORT,
        "authentication" => &AUTHENTICATION,
        _ => &[],
    }
}

fn find(name: &str) -> Option<&'static Path> {
    let message = name.split('.').next().unwrap_or_default();
    PLAIN.iter().chain(&MESSAGES).chain(parts(message)).find(|path| path.name == name)
}

/// Copies the fields that `mask` names from `new` into `stored`; what it may not name is refused.
pub(crate) fn apply(check: &mut Check, stored: &mut Webhook, new: &Webhook, mask: Option<&[String]>) {
    match mask {
        None | Some([]) => apply_set(stored, new),
        Some([all]) if all == "*" => PLAIN.iter().chain(&MESSAGES).for_each(|path| (path.copy)(stored, new)),
        Some(names) => {
            for name in names {
                match find(name) {
                    Some(path) => (path.copy)(stored, new),
                    None => check.refuse("update_mask", refusal(name)),
                }
            }
        }
    }
}

/// Copies every field that is set: of a message that is set, its set fields; of one that is set
/// and empty, the message itself.
fn apply_set(stored: &mut Webhook, new: &Webhook) {
    PLAIN.iter().filter(|path| (path.is_set)(new)).for_each(|path| (path.copy)(stored, new));
    for message in MESSAGES.iter().filter(|message| (message.is_set)(new)) {
        let mut set = parts(message.name).iter().filter(|path| (path.is_set)(new)).peekable();
        if set.peek().is_none() {
            (message.copy)(stored, new);
        }
        set.for_each(|path| (path.copy)(stored, new));
    }
}

fn refusal(name: &str) -> String {
    let root = name.split('.').next().unwrap_or_default();
    if FIXED.contains(&root) {
        return format!("`{root}` cannot be changed");
    }
    if name == "*" {
        return "`*` must stand alone".to_owned();
    }
    let shown: String = name.chars().take(SHOWN_CHARS).collect();
    format!("`{shown}` is no field of a webhook that a mask can name, such as `description` or `request.body`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;
    use prost::Message as _;
    use prost_types::field_descriptor_proto::{Label, Type};
    use prost_types::{DescriptorProto, FileDescriptorSet};

    fn stored() -> Webhook {
        Webhook {
            display_name: "old".into(),
            description: "old".into(),
            request: Some(v1::RequestTemplate { url: "old".into(), body: "old".into(), ..Default::default() }),
            retry: Some(v1::RetryPolicy { max_attempts: 3, jitter: Some(0.5), ..Default::default() }),
            ..Default::default()
        }
    }

    fn applied(new: &Webhook, mask: Option<&[&str]>) -> Result<Webhook, Vec<String>> {
        let mut result = stored();
        let mut check = Check::new();
        let mask: Option<Vec<String>> = mask.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        apply(&mut check, &mut result, new, mask.as_deref());
        match check.finish() {
            Ok(()) => Ok(result),
            Err(Refusal::Faults(faults)) => Err(faults.into_iter().map(|fault| fault.message).collect()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_is_named_changes() {
        let new = Webhook {
            description: "new".into(),
            request: Some(v1::RequestTemplate { body: "new".into(), ..Default::default() }),
            ..Default::default()
        };
        let result = applied(&new, Some(&["description", "request.body"])).unwrap();
        assert_eq!((&*result.display_name, &*result.description), ("old", "new"));
        let request = result.request.unwrap();
        assert_eq!((&*request.url, &*request.body), ("old", "new"));
    }

    #[test]
    fn a_named_field_that_is_unset_is_cleared() {
        let result = applied(&Webhook::default(), Some(&["description", "retry.jitter", "signing"])).unwrap();
        assert_eq!(result.description, "");
        assert_eq!(result.retry.unwrap(), v1::RetryPolicy { max_attempts: 3, ..Default::default() });
        assert_eq!(applied(&Webhook::default(), Some(&["retry"])).unwrap().retry, None);
    }

    #[test]
    fn without_a_mask_every_set_field_changes() {
        let new = Webhook {
            display_name: "new".into(),
            request: Some(v1::RequestTemplate { body: "new".into(), ..Default::default() }),
            retry: Some(v1::RetryPolicy::default()),
            ..Default::default()
        };
        for mask in [None, Some(&[][..])] {
            let result = applied(&new, mask).unwrap();
            assert_eq!((&*result.display_name, &*result.description), ("new", "old"));
            let request = result.request.unwrap();
            assert_eq!((&*request.url, &*request.body), ("old", "new"));
            assert_eq!(result.retry, Some(v1::RetryPolicy::default()), "set and empty means the default");
        }
    }

    #[test]
    fn a_star_replaces_everything() {
        let new = Webhook { display_name: "new".into(), ..Default::default() };
        assert_eq!(applied(&new, Some(&["*"])).unwrap(), new);
        assert!(applied(&new, Some(&["*", "description"])).unwrap_err()[0].contains("must stand alone"));
    }

    #[test]
    fn either_backoff_replaces_the_other() {
        let schedule = v1::retry_policy::Backoff::Schedule(v1::BackoffSchedule::default());
        let new = Webhook {
            retry: Some(v1::RetryPolicy { backoff: Some(schedule.clone()), ..Default::default() }),
            ..Default::default()
        };
        for path in ["retry.schedule", "retry.exponential"] {
            let retry = applied(&new, Some(&[path])).unwrap().retry.unwrap();
            assert_eq!((retry.backoff, retry.max_attempts), (Some(schedule.clone()), 3));
        }
    }

    #[test]
    fn unknown_and_fixed_paths_are_refused_each() {
        let refused =
            applied(&Webhook::default(), Some(&["nosuch", "request.nosuch", "description.x", "displayName", ""]));
        assert_eq!(refused.unwrap_err().len(), 5);
        let refused = applied(&Webhook::default(), Some(&["id", "namespace", "health.circuit_open"])).unwrap_err();
        assert!(refused.iter().all(|message| message.ends_with("cannot be changed")), "{refused:?}");
    }

    fn message<'a>(set: &'a FileDescriptorSet, name: &str) -> &'a DescriptorProto {
        let name = name.rsplit('.').next().unwrap();
        set.file.iter().flat_map(|file| &file.message_type).find(|message| message.name() == name).unwrap()
    }

    #[test]
    fn every_field_of_the_descriptor_has_its_path_or_is_fixed() {
        let set = FileDescriptorSet::decode(tenterhook_proto::FILE_DESCRIPTOR_SET).unwrap();
        for field in &message(&set, "Webhook").field {
            let name = field.name();
            assert_ne!(find(name).is_some(), FIXED.contains(&name), "{name}");
            let is_part = field.r#type() == Type::Message && field.label() != Label::Repeated && !FIXED.contains(&name);
            let parts: Vec<_> = if is_part { message(&set, field.type_name()).field.iter().collect() } else { vec![] };
            for part in parts {
                let path = format!("{name}.{}", part.name());
                assert!(find(&path).is_some(), "{path}");
            }
        }
    }
}
