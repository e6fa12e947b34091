//! The real Jinja2, in a Python process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use super::generator::Case;

/// What became of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::conformance) enum Answer {
    Output(String),
    Error(String),
}

/// A Python process that renders.
pub(in crate::conformance) struct Reference {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Reference {
    /// Starts Python in the environment that `make tests-python` prepares.
    pub(in crate::conformance) fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("../.tools/tests-python/bin/python");
        assert!(
            python.exists(),
            "the differential test needs Jinja2 in {}; run `make tests-python` once",
            python.display()
        );
        let mut child = Command::new(python)
            .args(["-W", "ignore"])
            .arg(root.join("python/jinja_reference.py"))
            .env("PYTHONHASHSEED", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let input = child.stdin.take().expect("its input is a pipe");
        let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        Self { child, input, output }
    }

    pub(in crate::conformance) fn ask(&mut self, case: &Case) -> Answer {
        write(&mut self.input, case);
        read(&mut self.output, case)
    }

    /// The answers to many, asked without waiting for each.
    pub(in crate::conformance) fn ask_all<'c>(&mut self, cases: &'c [Case]) -> Vec<(&'c Case, Answer)> {
        let (input, output) = (&mut self.input, &mut self.output);
        thread::scope(|scope| {
            scope.spawn(move || cases.iter().for_each(|case| write(input, case)));
            cases.iter().map(|case| (case, read(output, case))).collect()
        })
    }
}

fn write(input: &mut ChildStdin, case: &Case) {
    let request = json!({ "template": case.template, "context": case.context });
    writeln!(input, "{request}").expect("Python reads");
}

fn read(output: &mut impl BufRead, case: &Case) -> Answer {
    let mut line = String::new();
    output.read_line(&mut line).expect("Python answers");
    let answer: Value =
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{:?} made Python say {line:?}", case.template));
    match answer["output"].as_str() {
        Some(output) => Answer::Output(output.to_owned()),
        None => Answer::Error(answer["error"].as_str().unwrap_or_default().to_owned()),
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
