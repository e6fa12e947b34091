//! What a seed makes of a run: the webhooks, the temper of their receivers, and what
//! happens when.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use tenterhook_model::webhook::{
    Backoff, BreakerPolicy, EventRule, HeaderTemplate, HeaderValue, RateLimit, RequestTemplate, RetryPolicy,
    SignatureScheme, TransportPolicy, WebhookSpec,
};
use tenterhook_model::{Authentication, ClientCredentials, ClientProof, Namespace, Secret};

use super::chance::Dice;
use crate::canary::mark::{hidden, standard};

/// From when on nothing fails any more.
pub(crate) const CALM: Duration = Duration::from_secs(150);
/// The types that events have.
pub(crate) const TYPES: [&str; 3] = ["object_created", "object_updated", "object_deleted"];
/// Webhooks that hang at once, and the slots of the server then.
const CROWD: usize = 12;
const CROWD_SLOTS: usize = 8;
/// The number of the first event of a crowd.
const CROWD_EVENTS: usize = 1_000;
/// The namespaces of those that hang, and of the one that is well.
const HANGING: &str = "hanging";
const STEADY: &str = "steady";
/// Every namespace; the empty name is that of the default.
pub(crate) const NAMESPACES: [&str; 3] = ["", HANGING, STEADY];
/// A secret that every scheme takes.
pub(crate) static SIGNING_SECRET: LazyLock<String> = LazyLock::new(|| standard("sim"));

/// A whole run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) hooks: Vec<Hook>,
    /// What happens, in the order of time.
    pub(crate) steps: Vec<(Duration, Step)>,
    /// A namespace whose receivers all hang, and one that is well.
    pub(crate) crowd: Option<Crowd>,
    /// The webhook that asks for operational events.
    pub(crate) pager: Option<usize>,
    /// Whether requests leave by a proxy.
    pub(crate) proxied: bool,
    /// Other nodes that make attempts.
    pub(crate) nodes: usize,
    /// Attempts of each node in flight at once.
    pub(crate) max_in_flight: usize,
    /// How long the server lets attempts go on when it is told to stop.
    pub(crate) grace: Duration,
    /// For the receivers and for the parts under test.
    pub(crate) net_dice: Dice,
    pub(crate) entropy_dice: Dice,
}

/// Receivers of one namespace that hang, more than the server has slots, and one of another
/// namespace that is well.
#[derive(Debug, Clone)]
pub(crate) struct Crowd {
    pub(crate) hooks: Range<usize>,
    pub(crate) steady: usize,
}

/// A webhook and its receiver.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) namespace: Namespace,
    pub(crate) spec: WebhookSpec,
    pub(crate) temper: Temper,
    /// One for each address of its name; at least one is open.
    pub(crate) roads: Vec<Road>,
}

/// What becomes of a connection to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Road {
    /// It leads to the receiver.
    Open,
    /// It does so after a while.
    Slow(Duration),
    /// Nothing ever comes back.
    Dead,
    /// It is refused.
    Closed,
}

/// How often, in 1,000 requests, a receiver does what.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Temper {
    pub(crate) error: u64,
    pub(crate) busy: u64,
    pub(crate) gone: u64,
    pub(crate) permanent: u64,
    pub(crate) slow: u64,
    pub(crate) hang: u64,
    pub(crate) reset: u64,
    /// Of connections, not of requests.
    pub(crate) refuse: u64,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Publish(Vec<EventPlan>),
    Pause(usize),
    Resume(usize),
    /// Cancels the delivery that the number chooses.
    Cancel(usize),
    /// Retries it.
    Redrive(usize),
    /// Asks that a webhook be sent to now.
    Ask(usize),
    /// Kills the process after so many turns of the runtime, and starts it again.
    Crash {
        turns: u64,
    },
    /// Stops the server in good order and starts it again.
    Restart,
    /// Sets the wall clock.
    Jump {
        millis: i64,
    },
    /// Kills another node, and starts it again.
    KillNode(usize),
    /// Lets nothing pass over the link to another node for a while.
    CutOffNode {
        node: usize,
        length: Duration,
    },
    /// The disk takes no writes for a while.
    DiskFails {
        commits: usize,
    },
}

/// An event to publish.
#[derive(Debug, Clone)]
pub(crate) struct EventPlan {
    pub(crate) number: usize,
    pub(crate) namespace: &'static str,
    pub(crate) event_type: &'static str,
    pub(crate) ordering_key: &'static str,
    pub(crate) deliver_after: Option<Duration>,
    pub(crate) expire_after: Option<Duration>,
    /// A divisor that a template uses.
    pub(crate) divisor: u64,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let count = dice.between(1, 4) as usize;
        let mut hooks: Vec<Hook> = (0..count).map(|number| hook(number, &mut dice)).collect();
        let pager = dice.percent(60).then_some(hooks.len());
        hooks.extend(pager.map(|number| self::pager(number, &mut dice)));
        let mut steps = publishing(&mut dice);
        let times: Vec<Duration> = steps.iter().map(|(time, _)| *time).collect();
        steps.extend(meddling(&mut dice, hooks.len(), &times));
        let max_in_flight = dice.pick(&[2, 8, 64]);
        let grace = dice.millis(0, 8_000);
        let (net_dice, entropy_dice) = (dice.fork(), dice.fork());
        let crowd = dice.percent(25).then(|| crowd(&mut hooks, &mut steps, &mut dice));
        let max_in_flight = if crowd.is_some() { CROWD_SLOTS } else { max_in_flight };
        // The slots of a crowd are counted on one node.
        let nodes = if crowd.is_none() && dice.percent(40) { dice.between(1, 3) as usize } else { 0 };
        steps.extend((0..nodes).flat_map(|node| failing_node(node, &mut dice)).collect::<Vec<_>>());
        steps.sort_by_key(|(time, _)| *time);
        // A crowd is looked at alone: what fails on the way holds up everybody.
        let proxied = crowd.is_none() && dice.percent(25);
        if crowd.is_none() && dice.percent(25) {
            let asks = dice.between(0, count as u64 - 1) as usize;
            hooks[asks].spec.authentication = Some(token());
        }
        if crowd.is_none() && !proxied && dice.percent(40) {
            hooks.iter_mut().for_each(|hook| hook.roads = roads(&mut dice));
        }
        Self { hooks, steps, crowd, pager, proxied, nodes, max_in_flight, grace, net_dice, entropy_dice }
    }
}

/// How another node fails.
fn failing_node(node: usize, dice: &mut Dice) -> Vec<(Duration, Step)> {
    let mut steps = Vec::new();
    for _ in 0..dice.between(0, 3) {
        steps.push((dice.millis(1_000, 140_000), Step::KillNode(node)));
    }
    for _ in 0..dice.between(0, 3) {
        let length = dice.millis(100, 6_000);
        steps.push((dice.millis(1_000, 140_000), Step::CutOffNode { node, length }));
    }
    steps
}

/// Adds the webhooks of a crowd, and events for them: those that hang get theirs at once, the one
/// that is well gets one every few seconds.
fn crowd(hooks: &mut Vec<Hook>, steps: &mut Vec<(Duration, Step)>, dice: &mut Dice) -> Crowd {
    // Nobody else hangs: it is the slots of the one namespace that are looked at.
    for hook in hooks.iter_mut() {
        (hook.temper.hang, hook.temper.slow) = (0, 0);
    }
    let first = hooks.len();
    let steady = first + CROWD;
    for number in first..=steady {
        let (namespace, temper) = match number {
            number if number == steady => (STEADY, Temper::default()),
            _ => (HANGING, Temper { hang: 1_000, ..Temper::default() }),
        };
        let spec = WebhookSpec {
            rules: Vec::new(),
            rate_limit: RateLimit::default(),
            retry: RetryPolicy { max_age: None, ..retry(dice) },
            ..hook(number, dice).spec
        };
        let namespace = namespace.parse().expect("the name is legal");
        hooks.push(Hook { namespace, spec, temper, roads: vec![Road::Open] });
    }
    let begin = dice.millis(1_000, 90_000);
    let for_namespace = |namespace, number, dice: &mut Dice| EventPlan {
        namespace,
        ordering_key: "",
        deliver_after: None,
        expire_after: None,
        divisor: 1,
        ..event(number, dice)
    };
    let many = (0..3).map(|number| for_namespace(HANGING, CROWD_EVENTS + number, dice)).collect();
    steps.push((begin, Step::Publish(many)));
    for number in 0..8 {
        let event = for_namespace(STEADY, CROWD_EVENTS + 100 + number, dice);
        steps.push((begin + dice.millis(100, 30_000), Step::Publish(vec![event])));
    }
    Crowd { hooks: first..steady, steady }
}

fn hook(number: usize, dice: &mut Dice) -> Hook {
    let body = match dice.between(0, 3) {
        0 => "{{ event }} {{ 10 // data.divisor }} {{ data | tojson }}",
        1 => "{% for key in data %}{{ key }}={{ data[key] }};{% endfor %}",
        _ => "",
    };
    let secret =
        HeaderTemplate { name: "X-Secret".into(), value: HeaderValue::Sensitive(Secret::new(hidden("header"))) };
    let spec = WebhookSpec {
        display_name: format!("hook {number}"),
        rules: rules(dice),
        request: RequestTemplate {
            url: format!("http://receiver-{number}.example/hook"),
            headers: vec![secret],
            body: body.into(),
            ..RequestTemplate::default()
        },
        signing: Some(vec![SignatureScheme::NetBox, SignatureScheme::StandardWebhooks]),
        retry: retry(dice),
        circuit_breaker: breaker(dice),
        rate_limit: RateLimit {
            requests_per_second: dice.maybe(30, |dice| dice.between(5, 100) as f64 / 10.0),
            burst: dice.maybe(50, |dice| dice.between(1, 5) as u32),
            max_in_flight: dice.maybe(50, |dice| dice.between(1, 6) as u32),
        },
        transport: TransportPolicy { attempt_timeout: Some(dice.seconds(1, 5)), ..TransportPolicy::default() },
        ..WebhookSpec::default()
    };
    Hook { namespace: Namespace::default(), spec, temper: temper(dice), roads: vec![Road::Open] }
}

/// Addresses of one name, in any order, of which one leads to the receiver.
fn roads(dice: &mut Dice) -> Vec<Road> {
    let count = dice.between(1, 5);
    let mut roads: Vec<Road> = (0..count)
        .map(|_| match dice.between(0, 3) {
            0 => Road::Slow(dice.millis(1, 2_000)),
            1 => Road::Closed,
            _ => Road::Dead,
        })
        .collect();
    let open = dice.between(0, count) as usize;
    roads.insert(open, Road::Open);
    roads
}

/// Authentication by a token of the simulated token server.
fn token() -> Authentication {
    Authentication::OAuth2(ClientCredentials {
        token_url: "http://tokens.example/token".into(),
        client_id: "sim".into(),
        proof: ClientProof::Basic(Secret::new(hidden("client"))),
        scopes: Vec::new(),
        audience: String::new(),
        parameters: BTreeMap::new(),
    })
}

/// A webhook that receives what the server reports about the others, and about itself.
fn pager(number: usize, dice: &mut Dice) -> Hook {
    let mut pager = hook(number, dice);
    let names = EventRule { event_types: vec!["tenterhook.**".into()], ..EventRule::default() };
    pager.spec.rules = vec![names];
    pager.spec.request.body.clear();
    pager
}

fn rules(dice: &mut Dice) -> Vec<EventRule> {
    let rule = |dice: &mut Dice| EventRule { event_types: vec![dice.pick(&TYPES).to_owned()], ..EventRule::default() };
    if dice.percent(60) { Vec::new() } else { vec![rule(dice), rule(dice)] }
}

fn retry(dice: &mut Dice) -> RetryPolicy {
    let backoff = if dice.percent(50) {
        let count = dice.between(1, 4);
        Backoff::Schedule((0..count).map(|_| dice.seconds(1, 20)).collect())
    } else {
        Backoff::Exponential {
            initial: dice.seconds(1, 5),
            max: dice.maybe(50, |dice| dice.seconds(10, 30)),
            multiplier: dice.between(10, 30) as f64 / 10.0,
        }
    };
    RetryPolicy {
        max_attempts: Some(dice.between(1, 8) as u32),
        max_age: dice.maybe(30, |dice| dice.seconds(20, 120)),
        backoff: Some(backoff),
        jitter: Some(dice.pick(&[0.0, 0.2, 1.0])),
        permanent_statuses: BTreeSet::from([422]),
    }
}

fn breaker(dice: &mut Dice) -> BreakerPolicy {
    let initial = dice.seconds(2, 15);
    BreakerPolicy {
        failures_to_open: Some(dice.between(2, 6) as u32),
        initial_open: Some(initial),
        max_open: Some(initial + dice.seconds(0, 30)),
        suspend_after: Some(if dice.percent(20) { dice.seconds(20, 100) } else { Duration::ZERO }),
    }
}

fn temper(dice: &mut Dice) -> Temper {
    let mut some = |percent, most| if dice.percent(percent) { dice.between(1, most) } else { 0 };
    match some(100, 4) {
        1 => Temper::default(),
        2 => Temper { error: 1_000, ..Temper::default() },
        _ => Temper {
            error: some(80, 400),
            busy: some(50, 200),
            gone: some(20, 40),
            permanent: some(30, 100),
            slow: some(50, 500),
            hang: some(50, 200),
            reset: some(50, 200),
            refuse: some(50, 300),
        },
    }
}

fn publishing(dice: &mut Dice) -> Vec<(Duration, Step)> {
    let mut made: Vec<EventPlan> = Vec::new();
    let mut steps = Vec::new();
    for _ in 0..dice.between(4, 14) {
        let time = dice.millis(0, 110_000);
        let mut events = Vec::new();
        for _ in 0..dice.between(1, 4) {
            let new = event(made.len(), dice);
            made.push(new.clone());
            events.push(new);
        }
        steps.push((time, Step::Publish(events)));
    }
    // A publisher that got no answer publishes again.
    for _ in 0..dice.between(0, 2) {
        steps.push((dice.millis(0, 140_000), Step::Publish(vec![dice.pick(&made)])));
    }
    steps.sort_by_key(|(time, _)| *time);
    steps
}

fn event(number: usize, dice: &mut Dice) -> EventPlan {
    EventPlan {
        number,
        namespace: "",
        event_type: dice.pick(&TYPES),
        ordering_key: dice.pick(&["", "", "a", "b"]),
        deliver_after: dice.maybe(10, |dice| dice.seconds(1, 60)),
        expire_after: dice.maybe(15, |dice| dice.seconds(1, 60)),
        divisor: dice.between(0, 9),
    }
}

/// Faults and orders, half of them at the very moment of a publish.
fn meddling(dice: &mut Dice, hooks: usize, publishes: &[Duration]) -> Vec<(Duration, Step)> {
    let mut steps = Vec::new();
    let mut sometimes = |percent, dice: &mut Dice, step: &mut dyn FnMut(&mut Dice) -> Step| {
        if dice.percent(percent) {
            let time = if dice.percent(50) { dice.pick(publishes) } else { dice.millis(1_000, 140_000) };
            steps.push((time, step(dice)));
        }
    };
    for _ in 0..2 {
        sometimes(40, dice, &mut |dice| Step::Crash { turns: dice.between(0, 60) });
        sometimes(20, dice, &mut |_| Step::Restart);
        sometimes(10, dice, &mut |dice| Step::Jump { millis: dice.between(0, 120_000) as i64 - 60_000 });
        sometimes(10, dice, &mut |dice| Step::DiskFails { commits: dice.between(1, 20) as usize });
        sometimes(30, dice, &mut |dice| Step::Cancel(dice.between(0, 40) as usize));
        sometimes(30, dice, &mut |dice| Step::Redrive(dice.between(0, 40) as usize));
        sometimes(40, dice, &mut |dice| Step::Redrive(dice.between(0, 40) as usize));
        sometimes(20, dice, &mut |dice| Step::Ask(dice.between(0, hooks as u64 - 1) as usize));
        sometimes(30, dice, &mut |dice| Step::Pause(dice.between(0, hooks as u64 - 1) as usize));
        sometimes(30, dice, &mut |dice| Step::Resume(dice.between(0, hooks as u64 - 1) as usize));
    }
    steps
}
