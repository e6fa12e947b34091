//! Compresses the console's pages, so that the binary holds and sends few bytes.

#![expect(clippy::disallowed_methods, reason = "cargo hands a build script its folder in the environment")]

use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The files of `dist` that are served.
const FILES: [&str; 5] = ["console.js", "editor.js", "icon.svg", "index.html", "style.css"];

fn main() -> io::Result<()> {
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    for name in FILES {
        let source = Path::new("dist").join(name);
        println!("cargo::rerun-if-changed={}", source.display());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&fs::read(&source)?)?;
        fs::write(Path::new(&out).join(format!("{name}.gz")), encoder.finish()?)?;
    }
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
