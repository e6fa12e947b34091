//! Compiles and renders whatever it is given, for as long as one likes: no template may end, hang
//! or swell the process. The README beside `fuzz/Cargo.toml` says how to run it.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tenterhook_jinja::{Context, Mode, Template, TemplateOptions, Undefined};

/// Names and values of all types, so that most expressions find something.
static CONTEXT: LazyLock<Context> = LazyLock::new(|| {
    Context::from_json(
        r#"{"event": "created", "model": "site", "username": "admin", "n": 42, "f": 1.5, "z": null, "b": true,
            "s": "Hello <b>World</b>\n", "l": [3, 1, 2], "data": {"id": 4, "name": "AMS", "tags": ["a", "b"],
            "site": {"slug": "x", "items": "shadow"}, "rows": [{"k": 1}, {"k": "a"}]}}"#,
    )
    .expect("the context is a JSON object")
});

fuzz_target!(|input: (u8, &str)| {
    let (choice, source) = input;
    let options = TemplateOptions {
        undefined: if choice & 1 == 0 { Undefined::Lenient } else { Undefined::Strict },
        mode: [Mode::Text, Mode::HeaderValue, Mode::HeaderBlock][usize::from(choice >> 1) % 3],
        names: None,
    };
    if let Ok(template) = Template::compile(source, &options) {
        let output = template.render(&CONTEXT);
        if options.mode == Mode::HeaderValue {
            assert!(!output.unwrap_or_default().contains(['\n', '\r', '\0']), "a header has two lines");
        }
    }
});
