//! Gathers what was given for each setting: flag over environment over file.
//!
//! The `serve` command line is made here of the table of settings; `Config` reads the result.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use tenterhook_model::system;

use super::fault::{ConfigFault, Source};
use super::setting::{self, Kind, SETTINGS, Setting};
use crate::regular;

/// The values that were given for one setting, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The values; one unless the setting may be repeated.
    pub(crate) values: Vec<String>,
    /// Where they came from.
    pub(crate) source: Source,
}

/// What was given, by key.
pub(crate) type Settings = BTreeMap<&'static str, Given>;

/// The command line of `serve`, and the part of the environment that belongs to it.
#[derive(Debug, Clone, Default)]
pub struct ServeArgs {
    pub(super) given: Settings,
    pub(super) file: Option<PathBuf>,
    /// Only check the configuration.
    pub check: bool,
}

impl Args for ServeArgs {
    fn augment_args(command: Command) -> Command {
        let file = file_flag("TOML file with the settings below; flags and environment win over it").long_help(
            "TOML file with the settings below; flags and environment win over it\n\n\
             Keys are the flags without dashes in front; repeatable ones are arrays:\n  \
             store = \"redb:/var/lib/tenterhook\"\n  retention = \"30d\"\n  allow-network = [\"10.20.0.0/16\"]",
        );
        let check = Arg::new("check").long("check").action(ArgAction::SetTrue).help(
            "Tries a start: reads the configuration and its files, binds the ports, opens the store, and lets go again",
        );
        command.arg(file).arg(check).args(SETTINGS.iter().map(setting::Setting::flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self { given: Settings::new(), file: None, check: matches.get_flag("check") };
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.file = file(matches);
        self.given.extend(given(matches, SETTINGS.iter()));
        Ok(())
    }
}

/// The flag that names the configuration file.
pub(super) fn file_flag(help: &'static str) -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .env("TENTERHOOK_CONFIG")
        .hide_env_values(true)
        .value_parser(clap::value_parser!(OsString))
        .help(help)
}

/// The configuration file that [`file_flag`] names, if any.
pub(super) fn file(matches: &ArgMatches) -> Option<PathBuf> {
    matches.get_one::<OsString>("config").filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// What the command line and the environment give for `settings`.
pub(super) fn given(matches: &ArgMatches, settings: impl IntoIterator<Item = &'static Setting>) -> Settings {
    let mut found = Settings::new();
    for setting in settings {
        let source = match matches.value_source(setting.key) {
            Some(ValueSource::CommandLine) => Source::Flag,
            Some(ValueSource::EnvVariable) => Source::Environment,
            _ => continue,
        };
        let values = matches.get_raw(setting.key).into_iter().flatten();
        let values: Vec<String> = values.map(OsStr::to_string_lossy).map(Into::into).collect();
        // A variable that is set but empty is how compose files say "not set".
        let is_unset = source == Source::Environment && values.iter().all(String::is_empty);
        if !is_unset {
            found.insert(setting.key, Given { values, source });
        }
    }
    found
}

/// Adds to `settings` what the configuration file at `path` gives for keys that are not given yet;
/// faults go to `faults`.
pub(super) fn read_file(settings: &mut Settings, path: &Path, faults: &mut Vec<ConfigFault>) {
    match regular::read_text(path) {
        Ok(text) => add_file(settings, path, &text, faults),
        Err(error) => faults.push(ConfigFault {
            key: "config".to_owned(),
            source: Source::Flag,
            message: format!("cannot read {}: {}", path.display(), system::text_in_words(&error)),
        }),
    }
}

/// Adds to `settings` what the text of the configuration file at `path` gives for keys that
/// are not given yet; faults go to `faults`.
fn add_file(settings: &mut Settings, path: &Path, text: &str, faults: &mut Vec<ConfigFault>) {
    let source = Source::File(path.to_owned());
    let mut fault =
        |key: &str, message: String| faults.push(ConfigFault { key: key.to_owned(), source: source.clone(), message });
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            // The line itself is not shown: it may hold what is meant for nobody else.
            return fault(
                "config",
                format!(
                    "line {line} is not TOML; write one `key = value` a line, each key once, and texts in double quotes"
                ),
            );
        }
    };
    for (key, value) in &table {
        let Some(setting) = setting::find(key) else {
            let hint = setting::closest(key).map_or_else(
                || "; `tenterhook serve --help` lists them".to_owned(),
                |meant| format!("; do you mean `{meant}`?"),
            );
            fault(key, format!("is not a setting{hint}"));
            continue;
        };
        match texts(value, setting.kind) {
            Ok(values) => {
                settings.entry(setting.key).or_insert_with(|| Given { values, source: source.clone() });
            }
            Err(message) => fault(key, message),
        }
    }
}

/// The value of a key of the file as the texts that a flag would have had.
fn texts(value: &toml::Value, kind: Kind) -> Result<Vec<String>, String> {
    let scalar = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(on.to_string()),
        _ => None,
    };
    match (value, kind) {
        (toml::Value::Array(items), Kind::Many) => {
            items.iter().map(|item| scalar(item).ok_or_else(|| "must be an array of texts".to_owned())).collect()
        }
        (toml::Value::Array(_), _) => Err("takes one value, not an array".to_owned()),
        _ => scalar(value).map(|text| vec![text]).ok_or_else(|| "must be a text, number or boolean".to_owned()),
    }
}
