//! The flags that every command of a client takes: where the server is, and how answers are printed.

use std::path::PathBuf;

use clap::Args;

use crate::output::times::TimeForm;
use crate::output::{Asked, Colour, Form, Output};

/// Where the server is, and how answers are printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The server; with TLS unless it is this machine or begins with http:// [default: 127.0.0.1:50051]
    #[arg(long, global = true, value_name = "HOST:PORT", env = "TENTERHOOK_ADDRESS", hide_env_values = true)]
    #[arg(help_heading = "Connection")]
    pub(crate) address: Option<String>,
    /// The context to use; see `tenterhook context`
    #[arg(long, global = true, value_name = "NAME", env = "TENTERHOOK_CONTEXT", hide_env_values = true)]
    #[arg(help_heading = "Connection")]
    pub(crate) context: Option<String>,
    /// The namespace [default: default]
    #[arg(long, global = true, value_name = "NAMESPACE", env = "TENTERHOOK_NAMESPACE", hide_env_values = true)]
    #[arg(help_heading = "Connection")]
    pub(crate) namespace: Option<String>,
    /// PEM CA certificates to trust instead of the system's roots
    #[arg(long, global = true, value_name = "FILE", env = "TENTERHOOK_CA", hide_env_values = true)]
    #[arg(help_heading = "Connection")]
    pub(crate) ca: Option<PathBuf>,
    /// PEM client certificate (mTLS)
    #[arg(long, global = true, value_name = "FILE", env = "TENTERHOOK_CLIENT_CERT", hide_env_values = true)]
    #[arg(help_heading = "Connection")]
    pub(crate) client_cert: Option<PathBuf>,
    /// PEM private key of that certificate
    #[arg(long, global = true, value_name = "FILE", env = "TENTERHOOK_CLIENT_KEY", hide_env_values = true)]
    #[arg(help_heading = "Connection")]
    pub(crate) client_key: Option<PathBuf>,
    /// Output format [default: table on a terminal, jsonl in a pipe]
    #[arg(long, short, global = true, value_name = "FORM", help_heading = "Output")]
    pub(crate) output: Option<Form>,
    /// Columns of a table, by their headings; wide ones too
    #[arg(long, global = true, value_name = "COLUMN,…", value_delimiter = ',', help_heading = "Output")]
    pub(crate) columns: Vec<String>,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub(crate) color: Colour,
    /// How times are shown [default: relative on a terminal, utc elsewhere]
    #[arg(long, global = true, value_name = "FORM", help_heading = "Output")]
    pub(crate) time: Option<TimeForm>,
    /// Answers every question with yes
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) yes: bool,
}

impl Common {
    /// How the flags want answers printed; `no_color` is the wish of the environment.
    pub(crate) fn printing(&self, no_color: bool) -> Output {
        let asked = Asked { form: self.output, columns: &self.columns, colour: self.color, time: self.time };
        Output::new(asked, no_color)
    }
}
