//! The engine's environments: one for each way to print and to treat what is
//! undefined, made once and shared by all templates.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior};

use super::limits::{FUEL, RECURSION_MAX};
use super::lower::test_name;
use super::markup::escape;
use super::options::{Mode, Undefined};
use super::raise::blame;
use super::value::Val;
use super::{core, filters, globals, methods, ops, predicates};

/// Name of the one template in an environment.
pub(super) const NAME: &str = "template";

static ENVIRONMENTS: LazyLock<[Environment<'static>; 4]> = LazyLock::new(|| {
    [
        build(Mode::Text, Undefined::Lenient),
        build(Mode::Text, Undefined::Strict),
        build(Mode::HeaderValue, Undefined::Lenient),
        build(Mode::HeaderValue, Undefined::Strict),
    ]
});

/// An environment for one template; its tables are shared.
pub(super) fn environment(mode: Mode, undefined: Undefined) -> Environment<'static> {
    let header = usize::from(mode != Mode::Text);
    let strict = usize::from(undefined == Undefined::Strict);
    ENVIRONMENTS[2 * header + strict].clone()
}

fn build(mode: Mode, undefined: Undefined) -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_debug(false);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(RECURSION_MAX);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_undefined_behavior(match undefined {
        Undefined::Lenient => UndefinedBehavior::Lenient,
        Undefined::Strict => UndefinedBehavior::Strict,
    });
    let mut syntax = SyntaxConfig::builder();
    syntax.keep_trailing_newline(true);
    if let Ok(syntax) = syntax.build() {
        env.set_syntax(syntax);
    }
    match mode {
        Mode::Text => env.set_formatter(print),
        Mode::HeaderValue | Mode::HeaderBlock => env.set_formatter(print_for_header),
    }
    env.set_unknown_method_callback(methods::call);
    core::register(&mut env);
    filters::register(&mut env);
    for (name, predicate) in predicates::TABLE {
        let predicate = *predicate;
        env.add_test(test_name(name), move |state: &mut State<'_, '_>, args: &[Val]| {
            predicate(state, args).map_err(|err| blame(err, args))
        });
    }
    globals::register(&mut env);
    env
}

fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Val) -> Result<(), Error> {
    if let Some(verbatim) = value.downcast_object_ref::<core::Verbatim>() {
        return Ok(out.write_str(&verbatim.0)?);
    }
    let plain = matches!(state.auto_escape(), AutoEscape::None) || value.is_safe();
    match value.as_str() {
        Some(text) if plain && value.kind() == ValueKind::String => Ok(out.write_str(text)?),
        _ => {
            let text = ops::text_of(state, value)?;
            Ok(if plain { out.write_str(&text) } else { out.write_str(&escape(&text)) }?)
        }
    }
}

/// As [`print`], without what could begin a header or end one.
fn print_for_header(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Val) -> Result<(), Error> {
    if let Some(verbatim) = value.downcast_object_ref::<core::Verbatim>() {
        return Ok(out.write_str(&verbatim.0)?);
    }
    let mut text = ops::text_of(state, value)?;
    let escaped = matches!(state.auto_escape(), AutoEscape::None) || value.is_safe();
    if !escaped {
        text = escape(&text);
    }
    text.retain(|c| !breaks_header(c));
    Ok(out.write_str(&text)?)
}

/// Whether `c` is removed from the values in headers: line ends and control
/// characters, also those of Unicode.
pub(super) fn breaks_header(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}
