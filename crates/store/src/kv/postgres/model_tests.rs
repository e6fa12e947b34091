//! The lease as a model: three nodes, a database, and what lies between them, with faults at random times. When a
//! holder may send is what [`Rights`] say; the database does what the statements of the lease do.

use std::time::Duration;

use proptest::prelude::*;

use super::rights::{ABSENCE, PARTS, PULSE, Rights, quiet};

/// Milliseconds of a lease.
const LEASE: u64 = 3_000;
/// Milliseconds of a step of the model.
const STEP: u64 = 10;
/// Milliseconds that a message takes, where nothing is slow.
const FAST: u64 = 10;

#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill(usize),
    Start(usize),
    Stop(usize),
    Continue(usize),
    /// The database ends the connection of a node, and goes on.
    EndLink(usize),
    /// The database ends, and is back after so many milliseconds.
    Restart(u64),
    /// From now on, the messages of a node take so many milliseconds.
    Slow(usize, u64),
    CutOff(usize),
    Heal(usize),
}

#[derive(Debug, Clone, Copy)]
struct Row {
    holder: u64,
    epoch: i64,
    expires: u64,
    guard: i64,
    guard_epoch: i64,
    guard_server: u64,
    sends_from: u64,
}

/// A connection. Its number is its place among all.
#[derive(Debug)]
struct Session {
    node: usize,
    life: u64,
    is_open: bool,
    lock: Option<(u64, i64)>,
    /// When it last asked something.
    asked_at: u64,
    /// When the last message arrives, to the server and from it.
    latest: [u64; 2],
}

#[derive(Debug, Clone, Copy)]
enum Body {
    Connect,
    Lock,
    Ping { epoch: i64 },
    Renew { epoch: i64 },
    Look,
    Take { seen: Seen },
    LookBack { at: Guard },
    Done,
    Refused,
    Lost,
    Seen { is_free: bool, seen: Option<Seen> },
    Taken { epoch: i64, wait: u64 },
    Ended { has: bool },
    Closed,
}

/// A guard, by its lock and the server that has it.
#[derive(Debug, Clone, Copy)]
struct Guard {
    key: (u64, i64),
    server: u64,
}

/// What a node goes by that takes the lease.
#[derive(Debug, Clone, Copy)]
struct Seen {
    epoch: i64,
    guard: i64,
    /// The guard that is silent, and since when; one that has ended is none.
    silent: Option<(Guard, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Letter {
    at: u64,
    session: usize,
    is_question: bool,
    ask: u64,
    body: Body,
}

#[derive(Debug, Clone, Copy)]
enum Role {
    StandsBy,
    /// It takes over then, if nothing has changed.
    Waits {
        seen: Seen,
    },
    Holds {
        epoch: i64,
        rights: Rights,
        guard: usize,
        renew_at: u64,
        /// The one before, which may have something in flight.
        before: Option<Guard>,
    },
}

#[derive(Debug)]
struct Node {
    /// Counts processes; 0 for none.
    life: u64,
    runs: bool,
    is_cut_off: bool,
    delay: u64,
    inbox: Vec<Letter>,
    session: Option<usize>,
    is_locked: bool,
    role: Role,
    /// The question that is asked, when it was, and until when the answer is waited for.
    ask: Option<(u64, u64, u64)>,
    next_at: u64,
}

/// What a node goes by that takes over.
#[derive(Debug, Clone, Copy)]
struct Rules {
    /// Milliseconds that a guard must be gone.
    absence: u64,
    /// Whether it must be the same guard at the end of them.
    compares: bool,
    /// Whether it sends nothing while a silent holder may have something in flight.
    waits: bool,
}

const RULES: Rules = Rules { absence: ABSENCE.as_millis() as u64, compares: true, waits: true };

struct World {
    now: u64,
    rules: Rules,
    server: u64,
    down_until: u64,
    row: Row,
    sessions: Vec<Session>,
    wire: Vec<Letter>,
    nodes: Vec<Node>,
    lives: u64,
    asks: u64,
    epochs: i64,
}

impl World {
    /// Three nodes, of which the first holds the lease.
    fn new(rules: Rules) -> Self {
        let row = Row { holder: 0, epoch: 0, expires: 0, guard: 0, guard_epoch: -1, guard_server: 0, sends_from: 0 };
        let node = || Node {
            life: 0,
            runs: true,
            is_cut_off: false,
            delay: FAST,
            inbox: Vec::new(),
            session: None,
            is_locked: false,
            role: Role::StandsBy,
            ask: None,
            next_at: 0,
        };
        let mut world = Self {
            now: 1,
            rules,
            server: 1,
            down_until: 0,
            row,
            sessions: Vec::new(),
            wire: Vec::new(),
            nodes: vec![node(), node(), node()],
            lives: 0,
            asks: 0,
            epochs: 0,
        };
        for node in 0..3 {
            world.fault(Fault::Start(node));
            world.run(300).unwrap();
        }
        world
    }

    fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(node) => {
                for session in 0..self.sessions.len() {
                    // Nobody hears of the end of a process that is cut off.
                    if self.sessions[session].node == node && !self.nodes[node].is_cut_off {
                        self.end(session);
                    }
                }
                let node = &mut self.nodes[node];
                (node.life, node.session, node.ask, node.role) = (0, None, None, Role::StandsBy);
                node.inbox.clear();
            }
            Fault::Start(number) if self.nodes[number].life == 0 => {
                self.lives += 1;
                let (life, now) = (self.lives, self.now);
                let node = &mut self.nodes[number];
                (node.life, node.runs, node.next_at) = (life, true, now);
            }
            Fault::Start(_) => {}
            Fault::Stop(node) => self.nodes[node].runs = false,
            Fault::Continue(node) => self.nodes[node].runs = true,
            Fault::EndLink(node) => {
                if let Some(session) = self.nodes[node].session {
                    self.end(session);
                }
            }
            Fault::Restart(down) => {
                (self.server, self.down_until) = (self.server + 1, self.now + down);
                (0..self.sessions.len()).for_each(|session| self.end(session));
            }
            Fault::Slow(node, delay) => self.nodes[node].delay = delay,
            Fault::CutOff(node) => self.nodes[node].is_cut_off = true,
            Fault::Heal(node) => self.nodes[node].is_cut_off = false,
        }
    }

    /// Ends a connection, and says so to the other end.
    fn end(&mut self, session: usize) {
        if std::mem::take(&mut self.sessions[session].is_open) {
            self.sessions[session].lock = None;
            self.send(session, false, 0, Body::Closed);
        }
    }

    fn send(&mut self, session: usize, is_question: bool, ask: u64, body: Body) {
        let delay = self.nodes[self.sessions[session].node].delay;
        let latest = &mut self.sessions[session].latest[usize::from(is_question)];
        *latest = (self.now + delay).max(*latest);
        self.wire.push(Letter { at: *latest, session, is_question, ask, body });
    }

    /// Lets so much time pass; when two may send, an error says so.
    fn run(&mut self, millis: u64) -> Result<(), String> {
        for _ in 0..millis / STEP {
            self.now += STEP;
            self.judge()?;
            self.carry();
            for node in 0..self.nodes.len() {
                if self.nodes[node].life > 0 && self.nodes[node].runs {
                    self.work(node);
                }
            }
            self.judge()?;
        }
        Ok(())
    }

    /// At most one may begin something; and what has begun goes on nowhere else, but at a node whose connection was
    /// ended and that does not know it.
    fn judge(&mut self) -> Result<(), String> {
        let (now, sessions) = (self.now, &self.sessions);
        let held = |node: &Node| match node.role {
            Role::Holds { rights, guard, .. } if node.runs => {
                // What a node knows of the connection: the end of it arrives as a letter.
                let has_guard = node.session == Some(guard);
                let is_unaware = has_guard && !sessions[guard].is_open;
                Some((rights.may_begin(now), rights.may_go_on(now, has_guard) && !is_unaware))
            }
            _ => None,
        };
        let held: Vec<_> = self.nodes.iter().filter_map(held).collect();
        let begin = held.iter().filter(|(begins, _)| *begins).count();
        let either = held.iter().filter(|(begins, goes_on)| *begins || *goes_on).count();
        if begin > 1 || (begin == 1 && either > 1) {
            return Err(format!("two may send at {now}: {:#?}\n{sessions:#?}", self.nodes));
        }
        Ok(())
    }

    /// Moves what arrives now.
    fn carry(&mut self) {
        let (mut due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.wire)
            .into_iter()
            .partition(|letter| letter.at <= self.now && !self.nodes[self.sessions[letter.session].node].is_cut_off);
        self.wire = later;
        due.sort_by_key(|letter| letter.at);
        for letter in due {
            if letter.is_question {
                self.serve(letter);
            } else {
                let Session { node, life, .. } = self.sessions[letter.session];
                if self.nodes[node].life == life {
                    self.nodes[node].inbox.push(letter);
                }
            }
        }
    }

    /// What the database does.
    fn serve(&mut self, Letter { session, ask, body, .. }: Letter) {
        let (now, server, life) = (self.now, self.server, self.sessions[session].life);
        if matches!(body, Body::Connect) {
            let answer = if now < self.down_until { Body::Refused } else { Body::Done };
            self.sessions[session].is_open = now >= self.down_until;
            return self.send(session, false, ask, answer);
        }
        if !self.sessions[session].is_open {
            return self.send(session, false, 0, Body::Closed);
        }
        let number = session as i64;
        self.sessions[session].asked_at = now;
        let guard_with = |key| self.sessions.iter().find(|session| session.lock == Some(key));
        let row = &mut self.row;
        let answer = match body {
            Body::Lock => {
                self.sessions[session].lock = Some((life, number));
                Body::Done
            }
            Body::Renew { epoch } if row.holder == life && row.epoch == epoch && row.guard <= number => {
                let expires = now + LEASE;
                *row = Row { expires, guard: number, guard_epoch: epoch, guard_server: server, ..*row };
                Body::Done
            }
            Body::Renew { .. } => Body::Lost,
            Body::Ping { epoch } if row.holder != life || row.epoch != epoch => Body::Lost,
            Body::LookBack { at } => Body::Ended { has: at.server == server && guard_with(at.key).is_none() },
            Body::Look => {
                let (key, epoch, guard) = ((row.holder, row.guard), row.epoch, row.guard);
                let is_valid = row.guard_epoch == row.epoch && row.guard_server == server;
                let silence = (quiet(Duration::from_millis(LEASE)) - PULSE).as_millis() as u64;
                let seen = match guard_with(key) {
                    None => Some(Seen { epoch, guard, silent: None }),
                    Some(Session { asked_at, .. }) if *asked_at + silence <= now => {
                        Some(Seen { epoch, guard, silent: Some((Guard { key, server }, *asked_at)) })
                    }
                    Some(_) => None,
                };
                Body::Seen { is_free: row.expires <= now, seen: seen.filter(|_| is_valid) }
            }
            Body::Take { seen } => {
                let is_valid = row.guard_epoch == row.epoch && row.guard_server == server;
                let is_same = seen.epoch == row.epoch && (seen.guard == row.guard || !self.rules.compares);
                let is_silent =
                    |(Guard { key, .. }, since)| guard_with(key).is_some_and(|guard| guard.asked_at == since);
                let is_lost = is_valid && is_same && seen.silent.is_none_or(is_silent);
                if row.expires <= now || is_lost {
                    let epoch = row.epoch + 1;
                    let (expires, guard_epoch) = (now + LEASE, epoch);
                    let sends_from =
                        if seen.silent.is_some() { row.sends_from.max(row.expires) } else { row.sends_from };
                    let (holder, guard, guard_server) = (life, number, server);
                    *row = Row { holder, epoch, expires, guard, guard_epoch, guard_server, sends_from };
                    self.epochs = epoch;
                    let wait = if self.rules.waits { sends_from.saturating_sub(now) } else { 0 };
                    Body::Taken { epoch, wait }
                } else {
                    Body::Lost
                }
            }
            _ => Body::Done,
        };
        self.send(session, false, ask, answer);
    }

    /// What a node does that runs.
    fn work(&mut self, number: usize) {
        for letter in std::mem::take(&mut self.nodes[number].inbox) {
            self.take_in(number, letter);
        }
        let now = self.now;
        let node = &mut self.nodes[number];
        if node.ask.is_some_and(|(.., until)| now >= until) {
            (node.ask, node.next_at) = (None, now + PULSE.as_millis() as u64);
        }
        if node.ask.is_none() && now >= node.next_at {
            self.ask(number);
        }
    }

    /// Asks what comes next.
    fn ask(&mut self, number: usize) {
        let (now, asks) = (self.now, self.asks + 1);
        self.asks = asks;
        let node = &mut self.nodes[number];
        let patience = match node.role {
            Role::Holds { rights, .. } => rights.patience(now, Duration::from_millis(LEASE)).as_millis() as u64,
            _ => LEASE,
        };
        node.ask = Some((asks, now, now + patience));
        self.next_statement(number);
    }

    /// Sends the next statement of the question that is asked.
    fn next_statement(&mut self, number: usize) {
        let (now, node) = (self.now, &mut self.nodes[number]);
        let Some((ask, ..)) = node.ask else { return };
        let Some(session) = node.session else {
            let latest = [now; 2];
            let life = node.life;
            self.sessions.push(Session { node: number, life, is_open: false, lock: None, asked_at: now, latest });
            (node.session, node.is_locked) = (Some(self.sessions.len() - 1), false);
            return self.send(self.sessions.len() - 1, true, ask, Body::Connect);
        };
        let body = match node.role {
            Role::Holds { epoch, guard, renew_at, rights, before }
                if guard == session && now < renew_at && rights.last(now) =>
            {
                match before.filter(|_| rights.waits(now) && self.asks.is_multiple_of(2)) {
                    Some(at) => Body::LookBack { at },
                    None => Body::Ping { epoch },
                }
            }
            _ if !node.is_locked => Body::Lock,
            Role::Holds { epoch, .. } => Body::Renew { epoch },
            Role::Waits { seen, .. } => Body::Take { seen },
            Role::StandsBy => Body::Look,
        };
        self.send(session, true, ask, body);
    }

    fn take_in(&mut self, number: usize, letter: Letter) {
        let (now, absence) = (self.now, self.rules.absence);
        let pulse = now + PULSE.as_millis() as u64;
        let node = &mut self.nodes[number];
        if matches!(letter.body, Body::Closed | Body::Refused) {
            if node.session == Some(letter.session) {
                (node.session, node.ask, node.next_at) = (None, None, pulse);
                if let Role::Waits { .. } = node.role {
                    node.role = Role::StandsBy;
                }
            }
            return;
        }
        let Some((_, sent, _)) = node.ask.filter(|(ask, ..)| *ask == letter.ask) else { return };
        let (length, part) = (Duration::from_millis(LEASE), LEASE / u64::from(PARTS));
        let is_guard = |guard| guard == letter.session;
        match (letter.body, &mut node.role) {
            (Body::Done, Role::Holds { rights, guard, renew_at, .. }) if is_guard(*guard) && sent < *renew_at => {
                rights.proved(sent);
            }
            (Body::Ended { has }, Role::Holds { rights, .. }) if has => {
                rights.wait(rights.waits_until().min(now + absence));
            }
            (Body::Done, Role::Holds { rights, guard, renew_at, .. }) if node.is_locked => {
                rights.renewed(sent, length);
                (*guard, *renew_at) = (letter.session, sent + part);
            }
            (Body::Done, _) => {
                // It is connected, and locks; or it has locked, and asks.
                node.is_locked = self.sessions[letter.session].lock.is_some();
                return self.next_statement(number);
            }
            (Body::Seen { is_free, seen }, _) => {
                let wait = match seen {
                    _ if is_free => 0,
                    Some(Seen { silent: Some(_), .. }) => PULSE.as_millis() as u64,
                    _ => absence,
                };
                if is_free || seen.is_some() {
                    node.role = Role::Waits { seen: seen.unwrap_or(Seen { epoch: -1, guard: -1, silent: None }) };
                    (node.ask, node.next_at) = (None, now + wait);
                    return;
                }
            }
            (Body::Taken { epoch, wait }, Role::Waits { seen }) => {
                let (mut rights, before) = (Rights::new(sent, length), seen.silent.map(|(guard, _)| guard));
                rights.wait(now + wait);
                node.role = Role::Holds { epoch, rights, guard: letter.session, renew_at: sent + part, before };
            }
            (Body::Lost, Role::Waits { .. }) => node.role = Role::StandsBy,
            (Body::Lost, _) => {
                // The process ends, and is started again.
                self.fault(Fault::Kill(number));
                return self.fault(Fault::Start(number));
            }
            _ => {}
        }
        (node.ask, node.next_at) = (None, pulse);
    }

    /// The node that has the lease, by what it knows.
    fn holder(&self) -> Option<usize> {
        let holds = |node: &Node| matches!(node.role, Role::Holds { rights, .. } if node.runs && rights.last(self.now));
        self.nodes.iter().position(holds)
    }

    /// The node that may begin something.
    fn sender(&self) -> Option<usize> {
        let may = |node: &Node| matches!(node.role, Role::Holds { rights, .. } if rights.may_begin(self.now));
        self.nodes.iter().position(may)
    }
}

fn faults() -> impl Strategy<Value = (u64, Fault)> {
    let node = || 0..3_usize;
    let fault = prop_oneof![
        node().prop_map(Fault::Kill),
        node().prop_map(Fault::Start),
        node().prop_map(Fault::Stop),
        node().prop_map(Fault::Continue),
        node().prop_map(Fault::EndLink),
        (0..3_000_u64).prop_map(Fault::Restart),
        (node(), prop_oneof![Just(FAST), 10..1_500_u64]).prop_map(|(node, delay)| Fault::Slow(node, delay)),
        node().prop_map(Fault::CutOff),
        node().prop_map(Fault::Heal),
    ];
    (prop_oneof![Just(0), 0..300_u64, 0..2_000_u64], fault)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_two_nodes_may_send(faults in prop::collection::vec(faults(), 1..60)) {
        let mut world = World::new(RULES);
        prop_assert_eq!(world.sender(), Some(0));
        for (pause, fault) in faults {
            world.fault(fault);
            world.run(pause).map_err(TestCaseError::fail)?;
        }
        // Everything is well again: somebody sends, and goes on to do so.
        for node in 0..3 {
            for fault in [Fault::Start(node), Fault::Continue(node), Fault::Heal(node), Fault::Slow(node, FAST)] {
                world.fault(fault);
            }
        }
        world.run(3 * LEASE).map_err(TestCaseError::fail)?;
        let (sender, epochs) = (world.sender(), world.epochs);
        prop_assert!(sender.is_some());
        world.fault(Fault::EndLink(sender.unwrap()));
        world.run(LEASE).map_err(TestCaseError::fail)?;
        world.fault(Fault::Restart(LEASE / 2));
        world.run(LEASE).map_err(TestCaseError::fail)?;
        prop_assert_eq!((world.sender(), world.epochs), (sender, epochs), "it has lost connections only");
        world.fault(Fault::Kill(sender.unwrap()));
        world.run(1_000).map_err(TestCaseError::fail)?;
        let next = world.sender();
        prop_assert!(next.is_some() && next != sender, "another sends within a second");
        world.fault(Fault::Stop(next.unwrap()));
        world.run(1_000).map_err(TestCaseError::fail)?;
        let last = world.holder();
        prop_assert!(last.is_some() && last != next, "another has the lease within a second");
        prop_assert_eq!(world.sender(), next.filter(|_| false), "what is frozen may have something in flight");
        world.run(LEASE).map_err(TestCaseError::fail)?;
        prop_assert_eq!(world.sender(), last, "it has waited long enough");
        world.fault(Fault::Continue(next.unwrap()));
        world.run(LEASE).map_err(TestCaseError::fail)?;
        prop_assert_eq!(world.sender(), last, "what was frozen has nothing any more");
    }
}

/// What comes of faults, each after so many milliseconds.
fn outcome(rules: Rules, faults: &[(u64, Fault)]) -> Result<(), String> {
    let mut world = World::new(rules);
    for (pause, fault) in faults {
        world.run(*pause)?;
        world.fault(*fault);
    }
    world.run(LEASE)
}

#[test]
fn a_node_that_takes_over_too_soon_is_found_out() {
    // It is not told that its connection has ended.
    let faults = [(0, Fault::CutOff(0)), (0, Fault::EndLink(0))];
    outcome(RULES, &faults).unwrap();
    outcome(Rules { absence: 100, ..RULES }, &faults).unwrap_err();
}

#[test]
fn a_node_that_sends_beside_one_that_is_only_silent_is_found_out() {
    // It is cut off from the database, and what it has in flight goes on until four fifths of its lease.
    let faults = [(0, Fault::CutOff(0))];
    outcome(RULES, &faults).unwrap();
    outcome(Rules { waits: false, ..RULES }, &faults).unwrap_err();
}

#[test]
fn a_node_that_does_not_see_a_new_guard_is_found_out() {
    // It has a new connection by then, which ends too.
    let faults = [(0, Fault::EndLink(0)), (450, Fault::CutOff(0)), (0, Fault::EndLink(0))];
    outcome(RULES, &faults).unwrap();
    outcome(Rules { compares: false, ..RULES }, &faults).unwrap_err();
}
