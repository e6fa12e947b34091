//! A webhook and the event to try it with, for `webhook preview` and `webhook test`.

use std::path::PathBuf;

use clap::Args;
use tenterhook_client::v1::Event;
use tenterhook_model::harmless_line;

use crate::failure::Failure;
use crate::input::data;
use crate::session::Session;
use crate::status::quoted;

#[derive(Debug, Clone, Args)]
pub(super) struct SampleArgs {
    /// The webhook, by name, id or the beginning of an id
    #[arg(value_name = "WEBHOOK")]
    pub(super) webhook: String,
    /// The stored event to use, by id or its beginning
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["file", "type_", "object_type"])]
    event: Option<String>,
    /// File with the JSON data of an event that is not published; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Type of an event that is not published [default: ping]
    #[arg(long = "type", id = "type_", value_name = "TYPE")]
    type_: Option<String>,
    /// Object type of an event that is not published
    #[arg(long, value_name = "TYPE")]
    object_type: Option<String>,
}

/// The event to use.
#[derive(Debug)]
pub(super) enum Chosen {
    Stored(String),
    Draft(Box<Event>),
}

impl SampleArgs {
    /// The command that tests with the same event once more.
    pub(super) fn again(&self, name: &str) -> String {
        let mut command = format!("tenterhook webhook test {}", quoted(&harmless_line(name)));
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let given =
            [("event", &self.event), ("file", &file), ("type", &self.type_), ("object-type", &self.object_type)];
        for (flag, value) in given {
            if let Some(value) = value {
                command.push_str(&format!(" --{flag} {}", quoted(&harmless_line(value))));
            }
        }
        command
    }

    /// The event that was asked for; a draft is of the namespace of the session.
    ///
    /// # Errors
    /// When there is no such event, or its file cannot be read.
    pub(super) async fn source(&self, session: &Session) -> Result<Chosen, Failure> {
        if let Some(event) = &self.event {
            return Ok(Chosen::Stored(session.event_id(event).await?));
        }
        Ok(Chosen::Draft(Box::new(Event {
            namespace: session.namespace.clone(),
            r#type: self.type_.clone().unwrap_or_else(|| "ping".to_owned()),
            object_type: self.object_type.clone().unwrap_or_default(),
            data: Some(match &self.file {
                Some(file) => data(file)?,
                None => crate::input::document("{}"),
            }),
            ..Default::default()
        })))
    }
}
