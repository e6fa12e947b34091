//! What is compiled, and when: counted, since time depends on the machine.

use super::*;

const LARGE_BYTES: usize = 60 * 1024;

fn large(namespace: &str, number: u16) -> Webhook {
    let mut webhook = webhook(0, vec![rule(&["created"], &[])]);
    let [high, low] = number.to_be_bytes();
    let mut id = [high; 16];
    id[15] = low;
    webhook.id = WebhookId::from_bytes(id);
    webhook.namespace = namespace.parse().unwrap();
    webhook.spec.request.body = format!("{{{{ event }}}}{}", "x".repeat(LARGE_BYTES));
    webhook
}

#[tokio::test]
async fn thousands_of_large_webhooks_compile_nothing_but_their_rules_before_an_event() {
    let all = (0..3_000).map(|number| large(&format!("n{}", number % 3), number));
    let set = set(1, all);
    let bench = Bench::default();
    bench.snapshot(&set).await;
    assert_eq!(bench.compiled(), (0, 3_000));
    let published = Event { namespace: "n1".parse().unwrap(), ..event("created", "") };
    let published = Arc::new(EventContext::new(Arc::new(published)));
    let snapshot = bench.snapshot(&set).await;
    assert_eq!(snapshot.route(&published, &bench.means()).await.len(), 1_000);
    assert_eq!(bench.compiled(), (0, 3_000), "the event compiled nothing");
}

#[tokio::test]
async fn a_change_of_one_webhook_compiles_its_rules_and_rebuilds_its_namespace_alone() {
    let before = set(1, (0..100).map(|number| large(["a", "b"][usize::from(number % 2)], number)));
    let bench = Bench::default();
    let old = bench.snapshot(&before).await;
    let mut edited = large("a", 0);
    edited.spec.rules = vec![rule(&["updated"], &[])];
    let new = bench.snapshot(&changed(&before, edited)).await;
    assert_eq!(bench.compiled(), (0, 101));
    let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
    assert!(!new.shares_index(&old, &a));
    assert!(new.shares_index(&old, &b), "the other namespace is as it was");
}

#[tokio::test]
async fn what_leaves_the_rules_as_they_are_compiles_nothing() {
    let before = set(1, (0..10).map(|number| large("a", number)));
    let bench = Bench::default();
    bench.snapshot(&before).await;
    let mut edited = large("a", 3);
    edited.revision = 2;
    edited.spec.request.body = "other".into();
    bench.snapshot(&changed(&before, edited)).await;
    assert_eq!(bench.compiled(), (0, 10));
}

#[tokio::test]
async fn a_webhook_that_was_compiled_to_be_saved_is_not_compiled_again() {
    let before = set(1, []);
    let bench = Bench::default();
    bench.snapshot(&before).await;
    let draft = large("a", 1);
    let staged = bench.compilations.stage(&draft, InProcess.compile(&draft).await.unwrap());
    bench.snapshot(&changed(&before, draft)).await;
    drop(staged);
    assert_eq!(bench.compiled(), (0, 0));
}

#[tokio::test]
async fn a_removed_webhook_leaves_the_index() {
    let before = set(1, [webhook(1, vec![]), webhook(2, vec![])]);
    let bench = Bench::default();
    assert_eq!(bench.routed(&before, &context("created", "")).await, [1, 2]);
    let after = set(2, [webhook(2, vec![])]);
    assert_eq!(bench.routed(&after, &context("created", "")).await, [2]);
    assert!(bench.routed(&set(3, []), &context("created", "")).await.is_empty());
}
