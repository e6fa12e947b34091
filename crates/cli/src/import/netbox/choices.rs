//! What `tenterhook import netbox` is asked to do.

use std::path::PathBuf;

use clap::Args;
use tenterhook_client::v1::BodyFormat;

use crate::import::flags::{Flags, Retry};
use crate::input::pair;

/// What `tenterhook import netbox` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct NetboxArgs {
    /// Files with webhooks and event rules: JSON, CSV or YAML; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["url", "verify", "print_export_template"])]
    pub(super) files: Vec<PathBuf>,
    /// Reads them from the REST API of this NetBox instead, such as https://netbox.example.com
    #[arg(long, value_name = "URL", conflicts_with = "files", requires = "token_file")]
    pub(super) url: Option<String>,
    /// File with NetBox's API token; it may view webhooks and event rules
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// PEM CA certificates to trust for NetBox instead of the system's roots
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(super) netbox_ca: Option<PathBuf>,
    /// Version of NetBox, such as 4.2; it decides what a webhook without a body template sends
    #[arg(long, value_name = "VERSION")]
    pub(super) netbox_version: Option<Version>,
    /// Whether a failed delivery is tried again; NetBox sends each request once
    #[arg(long, value_name = "WHICH")]
    pub(super) retry: Option<Retry>,
    /// The file that holds what NetBox has at the path of a `ca_file_path`; repeatable
    #[arg(long = "ca-file", value_name = "PATH=FILE", value_parser = pair)]
    pub(super) ca_files: Vec<(String, String)>,
    /// Pattern for hosts that webhooks may render, such as `*.example.com`; repeatable
    #[arg(long = "allow-host", value_name = "PATTERN")]
    pub(super) allow_hosts: Vec<String>,
    /// NetBox has no event rules: its webhooks are created disabled
    #[arg(long)]
    pub(super) without_rules: bool,
    /// Prints a template for NetBox's "Export templates" that writes what this command reads
    #[arg(long, conflicts_with_all = ["files", "url"])]
    pub(super) print_export_template: bool,
    /// Compares requests that NetBox sent, kept by `tenterhook listen --save FOLDER`, with what this webhook would send for its events; changes nothing; repeatable
    #[arg(
        long, value_name = "WEBHOOK=FOLDER", value_parser = pair,
        conflicts_with_all = ["files", "url", "retry", "dry_run", "out", "update", "skip_refused", "paused", "print_export_template"]
    )]
    pub(super) verify: Vec<(String, String)>,
    /// With --verify: only events published since, an age such as 1d or a time
    #[arg(long, value_name = "TIME", requires = "verify")]
    pub(super) since: Option<String>,
    #[command(flatten)]
    pub(super) flags: Flags,
}

/// A version of NetBox: major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

impl std::str::FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a version such as 4.2");
        let mut parts = text.trim().trim_start_matches('v').split(['.', '-', '+']).map(str::parse::<u32>);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self(major, minor)),
            _ => Err(wrong()),
        }
    }
}

impl Version {
    /// The default body of this version; bodies up to 4.3 have the members of 3.2.
    pub(super) fn body_format(self) -> BodyFormat {
        match self {
            version if version < Self(4, 4) => BodyFormat::Netbox32,
            Self(4, 4) => BodyFormat::Netbox44,
            Self(4, 5) => BodyFormat::Netbox45,
            Self(4, 6) => BodyFormat::Netbox46,
            _ => BodyFormat::Netbox47,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_choose_the_body() {
        for (text, format) in [
            ("3.2", BodyFormat::Netbox32),
            ("v4.3.7", BodyFormat::Netbox32),
            ("4.4.0-Docker-3.4.0", BodyFormat::Netbox44),
            ("4.5.1", BodyFormat::Netbox45),
            ("4.6", BodyFormat::Netbox46),
            ("4.7.0", BodyFormat::Netbox47),
            ("5.0", BodyFormat::Netbox47),
        ] {
            assert_eq!(text.parse::<Version>().unwrap().body_format(), format, "{text}");
        }
        for wrong in ["", "4", "four.two", "4.x"] {
            assert!(wrong.parse::<Version>().unwrap_err().contains("4.2"), "{wrong}");
        }
    }
}
