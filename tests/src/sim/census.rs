//! The census: which kinds of fault a run has really had. A simulation whose faults never
//! happen passes every check.

use std::collections::BTreeSet;

use tenterhook_model::webhook::HaltedBy;
use tenterhook_model::{DeliveryState, NoticeKind, Outcome, TriedResult};

use super::history::{Answer, End, History, OrderKind};

/// A kind of fault, or of something else that a run must be able to bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    ErrorStatus,
    BusyStatus,
    GoneStatus,
    PermanentStatus,
    SlowAnswer,
    Hang,
    Reset,
    RefusedConnection,
    FailedTemplate,
    Crash,
    CrashUnderWay,
    RepeatAfterCrash,
    Restart,
    InterruptedAttempt,
    ClockForward,
    ClockBack,
    FailedCommit,
    Pause,
    Resume,
    Cancel,
    CancelUnderWay,
    Redrive,
    Ask,
    RepeatedPublish,
    UnansweredPublish,
    ExpiredDelivery,
    OpenBreaker,
    FailedProbe,
    Suspension,
    UsedUpAttempts,
    HeldByOrder,
    HangingNamespace,
    FailedProxy,
    FailedToken,
    AddressRace,
    SentElsewhere,
    KilledNode,
    CutOffNode,
    LostAttempt,
    /// An operational event was published of it.
    Notice(NoticeKind),
}

impl Fault {
    /// Every kind.
    pub(crate) const ALL: [Self; 47] = [
        Self::ErrorStatus,
        Self::BusyStatus,
        Self::GoneStatus,
        Self::PermanentStatus,
        Self::SlowAnswer,
        Self::Hang,
        Self::Reset,
        Self::RefusedConnection,
        Self::FailedTemplate,
        Self::Crash,
        Self::CrashUnderWay,
        Self::RepeatAfterCrash,
        Self::Restart,
        Self::InterruptedAttempt,
        Self::ClockForward,
        Self::ClockBack,
        Self::FailedCommit,
        Self::Pause,
        Self::Resume,
        Self::Cancel,
        Self::CancelUnderWay,
        Self::Redrive,
        Self::Ask,
        Self::RepeatedPublish,
        Self::UnansweredPublish,
        Self::ExpiredDelivery,
        Self::OpenBreaker,
        Self::FailedProbe,
        Self::Suspension,
        Self::UsedUpAttempts,
        Self::HeldByOrder,
        Self::HangingNamespace,
        Self::FailedProxy,
        Self::FailedToken,
        Self::AddressRace,
        Self::SentElsewhere,
        Self::KilledNode,
        Self::CutOffNode,
        Self::LostAttempt,
        Self::Notice(NoticeKind::Created),
        Self::Notice(NoticeKind::Paused),
        Self::Notice(NoticeKind::Resumed),
        Self::Notice(NoticeKind::Suspended),
        Self::Notice(NoticeKind::BreakerOpened),
        Self::Notice(NoticeKind::BreakerClosed),
        Self::Notice(NoticeKind::Failing),
        Self::Notice(NoticeKind::Recovered),
    ];

    /// Whether it has happened in the run.
    fn happened(self, run: &History) -> bool {
        let answered = |wanted: &dyn Fn(Answer) -> bool| run.seen.iter().any(|seen| wanted(seen.answer));
        let ordered = |wanted: &dyn Fn(OrderKind) -> bool| run.orders.iter().any(|order| wanted(order.kind));
        let outcome = |outcome| run.attempts.values().flatten().any(|attempt| attempt.outcome == outcome);
        let finished = |wanted: &dyn Fn(&tenterhook_model::Delivery) -> bool| run.deliveries.values().any(wanted);
        match self {
            Self::ErrorStatus => answered(&|answer| matches!(answer, Answer::Status(500))),
            Self::BusyStatus => answered(&|answer| matches!(answer, Answer::Busy(..))),
            Self::GoneStatus => answered(&|answer| answer == Answer::Status(410)),
            Self::PermanentStatus => answered(&|answer| answer == Answer::Status(422)),
            Self::SlowAnswer => answered(&|answer| matches!(answer, Answer::Slow(_))),
            Self::Hang => answered(&|answer| answer == Answer::Hang) && outcome(Outcome::Timeout),
            Self::Reset => answered(&|answer| answer == Answer::Reset),
            Self::RefusedConnection => run.net.refused > 0 && outcome(Outcome::Connection),
            Self::FailedTemplate => outcome(Outcome::Render),
            Self::Crash => run.lives.iter().any(|life| life.end == End::Crash),
            Self::CrashUnderWay => under_way(run, &|end| end == End::Crash),
            Self::RepeatAfterCrash => repeated(run),
            Self::Restart => run.lives.len() > 1 && matches!(run.lives[0].end, End::Drain(_)),
            Self::InterruptedAttempt => outcome(Outcome::Interrupted),
            Self::ClockForward => run.jumped_forward > 0,
            Self::ClockBack => run.jumped_back > 0,
            Self::FailedCommit => run.failed_commits > 0,
            Self::Pause => ordered(&|kind| matches!(kind, OrderKind::Pause(_))),
            Self::Resume => ordered(&|kind| matches!(kind, OrderKind::Resume(_))),
            Self::Cancel => ordered(&|kind| matches!(kind, OrderKind::Cancel(_))),
            Self::CancelUnderWay => cancelled_under_way(run),
            Self::Redrive => ordered(&|kind| matches!(kind, OrderKind::Redrive(_))),
            Self::Ask => ordered(&|kind| matches!(kind, OrderKind::Ask(_))),
            Self::RepeatedPublish => run.acked.iter().any(|acked| acked.duplicate),
            Self::UnansweredPublish => run.acked.len() < published(run),
            Self::ExpiredDelivery => finished(&|one| one.state == DeliveryState::Failed && one.attempt_count == 0),
            Self::OpenBreaker => run.health.values().any(|health| health.failed_probes > 0) || probed(run),
            Self::FailedProbe => probed(run),
            Self::Suspension => suspended(run),
            Self::UsedUpAttempts => finished(&|one| one.state == DeliveryState::Failed && one.attempts_of_policy() > 1),
            Self::HangingNamespace => crowded(run),
            Self::FailedProxy => run.net.failed_proxies > 0 && !run.seen.is_empty(),
            Self::FailedToken => outcome(Outcome::Authentication),
            Self::AddressRace => raced(run),
            Self::SentElsewhere => run.net.elsewhere > 0,
            Self::KilledNode => run.net.killed > 0,
            Self::CutOffNode => run.cut_off > 0,
            Self::LostAttempt => run.attempts.values().flatten().any(|attempt| attempt.error == LOST),
            Self::Notice(kind) => run.operational.iter().any(|event| &*event.event_type == kind.event_type()),
            Self::HeldByOrder => run.journal.iter().any(|change| {
                let waits = change.delivery.state == DeliveryState::Pending;
                waits && change.delivery.next_attempt_time.is_none() && !change.delivery.ordering_key.is_empty()
            }),
        }
    }

    /// Every kind that has happened in the run.
    pub(crate) fn census(run: &History) -> BTreeSet<Self> {
        Self::ALL.into_iter().filter(|fault| fault.happened(run)).collect()
    }
}

/// What is said of an attempt whose node was lost.
const LOST: &str = "the node that made the attempt was lost";

/// Whether a request was under way when a life ended so.
fn under_way(run: &History, end: &dyn Fn(End) -> bool) -> bool {
    run.lives.iter().enumerate().any(|(number, life)| {
        end(life.end) && run.seen.iter().any(|seen| seen.life == number && seen.until >= life.until)
    })
}

fn repeated(run: &History) -> bool {
    run.seen.iter().enumerate().any(|(place, seen)| {
        let same = |other: &&super::history::Seen| {
            (other.delivery, other.attempt) == (seen.delivery, seen.attempt) && other.life != seen.life
        };
        run.seen[place + 1..].iter().any(|other| same(&other))
    })
}

fn cancelled_under_way(run: &History) -> bool {
    run.orders.iter().any(|order| match order.kind {
        OrderKind::Cancel(id) => {
            run.seen.iter().any(|seen| seen.delivery == id && seen.from < order.called && seen.until > order.answered)
        }
        _ => false,
    })
}

/// Events in the publishes of the plan.
fn published(run: &History) -> usize {
    let steps = run.plan.steps.iter();
    steps.map(|(_, step)| if let super::plan::Step::Publish(events) = step { events.len() } else { 0 }).sum()
}

fn probed(run: &History) -> bool {
    run.deliveries.values().any(|delivery| {
        let interrupted = |attempt: &tenterhook_model::Attempt| attempt.outcome == Outcome::Interrupted;
        let cut = run.attempts[&delivery.id].iter().filter(|attempt| interrupted(attempt)).count();
        delivery.attempts_uncounted as usize > cut
    })
}

/// Whether more requests to one namespace hung than slow lanes may hold slots, while another was served.
fn crowded(run: &History) -> bool {
    let Some(crowd) = &run.plan.crowd else { return false };
    let hung = run.seen.iter().filter(|seen| crowd.hooks.contains(&seen.hook) && seen.answer == Answer::Hang);
    hung.count() > run.plan.max_in_flight / 2 && run.seen.iter().any(|seen| seen.hook == crowd.steady)
}

/// Whether the server stopped a webhook; the driver resumes it only when all is calm.
fn suspended(run: &History) -> bool {
    run.halted.contains(&HaltedBy::Server)
}

/// Whether a connection was made past one that was dropped, and past one that was refused.
fn raced(run: &History) -> bool {
    let tried = |wanted: TriedResult| {
        let attempts = run.attempts.values().flatten();
        attempts.map(|attempt| &attempt.tried_addresses).any(|tried| {
            let came_to = |result| tried.iter().any(|one| one.result == result);
            came_to(wanted) && came_to(TriedResult::Connected)
        })
    };
    tried(TriedResult::Dropped) && tried(TriedResult::Failed)
}
