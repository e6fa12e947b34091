//! Random templates over random contexts, rendered by the engine and by the real Jinja2: any
//! difference that docs/COMPATIBILITY.md does not name fails, shrunk to its core.

mod choices;
mod expressions;
mod generator;
mod matrix;
mod reference;

use tenterhook_jinja::{Context, Template, TemplateOptions};

use choices::Choices;
use generator::case;

pub(super) use generator::Case;
pub(super) use reference::{Answer, Reference};

/// Pairs that are compared.
const PAIRS: usize = 6_000;
/// The seed of the suite; a failure is found again with it.
const SEED: u64 = 0x7e47_e400_4b01_0000;
/// Differences after which the rest is not looked at.
const DIFFERENCES_MAX: usize = 12;
/// Tries to make one difference smaller.
const SHRINKS_MAX: usize = 200;

fn ours(case: &Case) -> Answer {
    let render = || -> Result<String, String> {
        let template = Template::compile(&case.template, &TemplateOptions::default())
            .map_err(|faults| faults.first().map_or_else(String::new, ToString::to_string))?;
        let context = Context::from_json(&case.context.to_string()).map_err(|error| error.to_string())?;
        template.render(&context).map_err(|error| error.to_string())
    };
    render().map_or_else(Answer::Error, Answer::Output)
}

/// Whether the difference is one that docs/COMPATIBILITY.md names: what has an address in Python,
/// what ends by a limit of ours, and slices of constants that Jinja2 works out beforehand.
fn is_documented(ours: &Answer, theirs: &Answer) -> bool {
    match (ours, theirs) {
        (_, Answer::Output(theirs))
            if [" at 0x", " At 0x", " AT 0X", " xxt 0x"].iter().any(|part| theirs.contains(part)) =>
        {
            true
        }
        (Answer::Error(ours), _) => ["too much work", "is too large", "is not subscriptable", "complex numbers"]
            .iter()
            .any(|part| ours.contains(part)),
        _ => false,
    }
}

fn differs(case: &Case, reference: &mut Reference) -> Option<(Answer, Answer)> {
    differs_from(case, reference.ask(case))
}

fn differs_from(case: &Case, theirs: Answer) -> Option<(Answer, Answer)> {
    let ours = ours(case);
    let same = match (&ours, &theirs) {
        (Answer::Output(ours), Answer::Output(theirs)) => ours == theirs,
        (Answer::Error(_), Answer::Error(_)) => true,
        _ => false,
    };
    (!same && !is_documented(&ours, &theirs)).then_some((ours, theirs))
}

/// The smallest choices that still differ, as far as a bounded search finds them.
fn shrunk(mut tape: Vec<u32>, reference: &mut Reference) -> Vec<u32> {
    let mut tries = 0;
    loop {
        let found = choices::smaller(&tape).take(SHRINKS_MAX - tries).find(|smaller| {
            tries += 1;
            differs(&case(&mut Choices::replay(smaller)), reference).is_some()
        });
        match found {
            Some(smaller) if tries < SHRINKS_MAX => tape = smaller,
            _ => return tape,
        }
    }
}

fn report(tape: &[u32], reference: &mut Reference) -> String {
    let case = case(&mut Choices::replay(tape));
    let (ours, theirs) = differs(&case, reference).expect("a shrunk case still differs");
    format!("{:?}\n   context {}\n   jinja2  {theirs:?}\n   ours    {ours:?}", case.template, case.context)
}

#[test]
fn random_templates_print_what_jinja2_prints() {
    let mut reference = Reference::start();
    let mut differences = Vec::new();
    let (mut outputs, mut documented) = (0, 0);
    for number in 0..PAIRS {
        let mut choices = Choices::random(SEED.wrapping_add(number as u64));
        let made = case(&mut choices);
        let (ours, theirs) = (ours(&made), reference.ask(&made));
        outputs += usize::from(matches!(theirs, Answer::Output(_)));
        documented += usize::from(is_documented(&ours, &theirs));
        if differs(&made, &mut reference).is_some() {
            let tape = shrunk(choices.taken(), &mut reference);
            differences.push(report(&tape, &mut reference));
            if differences.len() >= DIFFERENCES_MAX {
                break;
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert!(outputs > PAIRS / 2, "only {outputs} of {PAIRS} templates render: the generator is too wild");
    assert!(documented < PAIRS / 20, "{documented} of {PAIRS} pairs are left out as documented");
}
