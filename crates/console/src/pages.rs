//! The files of the console, compressed as the build made them.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::GzDecoder;

/// What `dist` was built from; it names the version of every file.
pub(crate) const SOURCES: &str = include_str!("../dist/SOURCES");

/// A file of the console.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Its name in `dist`.
    pub(crate) name: &'static str,
    /// Its content type.
    pub(crate) content_type: &'static str,
    /// Its bytes, compressed with gzip.
    pub(crate) gzip: &'static [u8],
}

macro_rules! page {
    ($name:literal, $content_type:literal) => {
        Page {
            name: $name,
            content_type: $content_type,
            gzip: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")),
        }
    };
}

/// The page that every path of the console shows.
const INDEX: Page = page!("index.html", "text/html; charset=utf-8");

const FILES: [Page; 4] = [
    page!("console.js", "text/javascript; charset=utf-8"),
    page!("editor.js", "text/javascript; charset=utf-8"),
    page!("icon.svg", "image/svg+xml"),
    page!("style.css", "text/css; charset=utf-8"),
];

impl Page {
    /// The file of a path below `/console/`, or the page for a path that names no file: its script
    /// reads the path.
    pub(crate) fn at(path: &str) -> Self {
        FILES.into_iter().find(|file| file.name == path).unwrap_or(INDEX)
    }

    /// Its bytes as they are, for clients that take no gzip.
    pub(crate) fn plain(&self) -> Bytes {
        let mut plain = Vec::new();
        let read = GzDecoder::new(self.gzip).read_to_end(&mut plain);
        assert!(read.is_ok(), "{} was compressed by the build", self.name);
        Bytes::from(plain)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use sha2::{Digest as _, Sha256};

    use super::*;

    /// Files and folders that `dist` is built from, as in `ui/sources.ts`.
    const INPUTS: [&str; 9] = [
        "clients/typescript/src",
        "crates/console/ui/index.html",
        "crates/console/ui/package-lock.json",
        "crates/console/ui/package.json",
        "crates/console/ui/public",
        "crates/console/ui/sources.ts",
        "crates/console/ui/src",
        "crates/console/ui/tsconfig.json",
        "crates/console/ui/vite.config.ts",
    ];

    fn top() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn files(path: &str, found: &mut Vec<String>) {
        if top().join(path).is_file() {
            found.push(path.to_owned());
            return;
        }
        for entry in fs::read_dir(top().join(path)).unwrap() {
            files(&format!("{path}/{}", entry.unwrap().file_name().to_str().unwrap()), found);
        }
    }

    #[test]
    fn dist_is_built_from_the_sources_as_they_are() {
        let mut paths = Vec::new();
        INPUTS.iter().for_each(|input| files(input, &mut paths));
        paths.sort();
        let mut lines = String::new();
        for path in paths {
            let digest = Sha256::digest(fs::read(top().join(&path)).unwrap());
            lines += &format!("{}  {path}\n", hex::encode(digest));
        }
        let sources = hex::encode(Sha256::digest(lines));
        assert_eq!(SOURCES.trim(), sources, "dist is older than its sources: run `make console`");
    }

    #[test]
    fn every_file_of_dist_is_served_as_it_is() {
        for page in FILES.into_iter().chain([INDEX]) {
            let file = fs::read(top().join("crates/console/dist").join(page.name)).unwrap();
            assert_eq!(page.plain(), file, "{}", page.name);
        }
        let served = FILES.len() + 2;
        assert_eq!(
            fs::read_dir(top().join("crates/console/dist")).unwrap().count(),
            served,
            "index.html and SOURCES too"
        );
    }

    #[test]
    fn a_path_that_names_no_file_shows_the_page() {
        for path in ["", "webhooks/wh_1/keys", "index.html", "../Cargo.toml", "console.js/", "SOURCES"] {
            assert_eq!(Page::at(path).name, "index.html", "{path}");
        }
        assert_eq!(Page::at("console.js").content_type, "text/javascript; charset=utf-8");
    }
}
