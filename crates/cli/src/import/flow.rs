//! What every import does with the webhooks that it wants: check all, show, then create and update, or write files.

use super::flags::{Flags, Retry};
use super::folder;
use super::origin::Origin;
use super::plan::{Planned, Rules, Step, plan};
use super::report::{End, Report, Skipped};
use super::wanted::Wanted;
use crate::args::Common;
use crate::failure::{Done, Failure, REFUSED, WOULD_CHANGE};
use crate::output::{Output, count};
use crate::session::Session;

/// An import, once everything was read.
pub(super) struct Import<'a> {
    pub(super) origin: Origin,
    pub(super) flags: &'a Flags,
    /// Whether a failed delivery is tried again, if that was said.
    pub(super) retry: Option<Retry>,
    pub(super) wanted: Vec<Wanted>,
    pub(super) skipped: Vec<Skipped>,
    /// What holds for all webhooks; asked with whether some are new.
    pub(super) remarks: &'a dyn Fn(bool) -> Vec<String>,
}

impl Import<'_> {
    /// Carries it out.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses something.
    pub(super) async fn run(self, common: &Common, out: Output) -> Done {
        let Self { origin, flags, retry, mut wanted, skipped, remarks } = self;
        name_twins(&mut wanted);
        let session = Session::open(common, out).await?;
        let planned = plan(wanted, Rules { origin, retry }, &session).await?;
        let has = |is: fn(&Step) -> bool| planned.iter().any(|one| is(&one.step));
        let creates = has(|step| matches!(step, Step::Create));
        let differs = has(|step| matches!(step, Step::Differs(..)));
        let refuses = has(|step| matches!(step, Step::Refused));
        let remarks = remarks(creates);
        let mut report = Report { planned: &planned, skipped: &skipped, remarks: &remarks, origin, end: End::Nothing };
        if flags.dry_run || (refuses && !flags.skip_refused) {
            report.print(out)?;
            return match (refuses, creates || differs) {
                (true, _) if flags.dry_run => Ok(REFUSED),
                (true, _) => Err(Failure::refused("some webhooks cannot be imported as they are; nothing was changed")
                    .next(format!("change them in {} or the server's flags, or give --skip-refused", origin.name))),
                (false, true) => Ok(WOULD_CHANGE),
                (false, false) => Ok(0),
            };
        }
        if origin.sends_once && creates && retry.is_none() {
            report.print(out)?;
            let what = format!("{} sends each request once; say what happens here when one fails", origin.name);
            return Err(Failure::usage(what)
                .next("--retry none for receivers that must not get an event twice, --retry default for all others"));
        }
        // A column that does not exist is refused before anything is created.
        report.text(out)?;
        report.end = match &flags.out {
            Some(path) => {
                folder::write(&planned, path)?;
                End::Written(path.display().to_string())
            }
            None => {
                carry_out(&planned, flags, origin, &session).await?;
                End::Imported { updated: flags.update }
            }
        };
        report.print(out)?;
        Ok(match (refuses, differs && !flags.update && flags.out.is_none()) {
            (true, _) => REFUSED,
            (false, true) => WOULD_CHANGE,
            (false, false) => 0,
        })
    }
}

/// Two webhooks of one name are a problem of the second.
fn name_twins(wanted: &mut [Wanted]) {
    for index in 1..wanted.len() {
        let (before, rest) = wanted.split_at_mut(index);
        let one = &mut rest[0];
        if let Some(first) = before.iter().find(|first| first.webhook.display_name == one.webhook.display_name) {
            let why = format!("is that of {} too; names are unique here", first.place);
            one.problem("display_name", why);
        }
    }
}

async fn carry_out(planned: &[Planned], flags: &Flags, origin: Origin, session: &Session) -> Result<(), Failure> {
    let is_due = |one: &&Planned| match one.step {
        Step::Create => true,
        Step::Differs(..) => flags.update,
        Step::Same(_) | Step::Refused => false,
    };
    let due: Vec<&Planned> = planned.iter().filter(is_due).collect();
    if due.is_empty() {
        return Ok(());
    }
    let number = i64::try_from(due.len()).unwrap_or(i64::MAX);
    session.may_write(&format!("Import {}", count(number, "webhook", "webhooks")))?;
    let pause = flags.paused.then(|| format!("imported from {}", origin.name));
    for (done, one) in due.iter().enumerate() {
        session.out.progress(&format!("{done} of {number}"));
        one.carry_out(pause.as_deref(), session).await.map_err(|error| {
            session.out.progress("");
            session.fail(error).also(&format!("{done} of {number} were imported; run the same command again"))
        })?;
    }
    session.out.progress("");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_client::v1::Webhook;

    #[test]
    fn a_name_that_comes_twice_is_a_problem_of_the_second() {
        let named = |name: &str, place: &str| Wanted {
            place: place.to_owned(),
            webhook: Webhook { display_name: name.to_owned(), ..Default::default() },
            ..Default::default()
        };
        let mut wanted = [named("a", "f#1"), named("b", "f#2"), named("a", "f#3")];
        name_twins(&mut wanted);
        let problems: Vec<usize> = wanted.iter().map(|one| one.problems.len()).collect();
        assert_eq!(problems, [0, 0, 1]);
        assert!(wanted[2].problems[0].1.contains("f#1"));
    }
}
