//! The worker: reads requests, renders, answers, until its input ends.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use rustix::process::{Resource, Rlimit, setrlimit};
use tenterhook_jinja::{Context, RenderError, RenderErrorKind, Template, TemplateOptions, on_large_stack};

use crate::frame::{self, Answer, Request, Task};

/// Address space of a worker: 64 MiB of heap beside its stack of 64 MiB, which is reserved
/// whole, the program itself, and what the allocator sets aside for its arenas.
const ADDRESS_SPACE_BYTES: u64 = 384 * 1024 * 1024;
/// Memory that a worker may write to: its stack of 64 MiB and a heap of 64 MiB, with some room.
const DATA_BYTES: u64 = 144 * 1024 * 1024;
/// Templates that a worker keeps compiled.
const TEMPLATES_MAX: usize = 32;

/// Limits this process and answers requests until `input` ends.
///
/// # Errors
/// A limit cannot be set, or a pipe breaks.
pub fn serve(input: impl Read + Send, output: impl Write + Send) -> io::Result<()> {
    for (resource, bytes) in [(Resource::As, ADDRESS_SPACE_BYTES), (Resource::Data, DATA_BYTES), (Resource::Core, 0)] {
        setrlimit(resource, Rlimit { current: Some(bytes), maximum: Some(bytes) })?;
    }
    on_large_stack(move || answer_all(input, output))
}

fn answer_all(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut templates = Templates::default();
    while let Some(frame) = frame::read(&mut input)? {
        let request = serde_json::from_slice(&frame)?;
        let answer = templates.answer(request);
        frame::write(&mut output, &serde_json::to_vec(&answer)?)?;
    }
    Ok(())
}

/// Templates that were compiled already, by all that they depend on.
#[derive(Default)]
struct Templates {
    compiled: HashMap<(String, u8), Template>,
}

impl Templates {
    fn answer(&mut self, request: Request) -> Answer {
        let compiled = self.compile(&request);
        let Task::Render { context, variables } = request.task else {
            return Answer::Compiled;
        };
        let rendered = compiled.and_then(|template| {
            let context = Context::from_json(context.get()).map_err(|error| failed(error.to_string()))?;
            match &variables {
                None => template.render(&context),
                Some(variables) => template.render(&context.with_variables(variables)),
            }
        });
        match rendered {
            Ok(text) => Answer::Output(text),
            Err(error) => Answer::Failed(error.into()),
        }
    }

    fn compile(&mut self, request: &Request) -> Result<&Template, RenderError> {
        let options = TemplateOptions { mode: request.mode(), undefined: request.undefined(), names: None };
        let kind = 2 * (options.mode as u8) + options.undefined as u8;
        let key = (request.source().to_owned(), kind);
        if !self.compiled.contains_key(&key) {
            let compiled = Template::compile(request.source(), &options)
                .map_err(|faults| failed(faults.first().map_or_else(String::new, ToString::to_string)))?;
            if self.compiled.len() >= TEMPLATES_MAX {
                self.compiled.clear();
            }
            self.compiled.insert(key.clone(), compiled);
            debug_assert!(self.compiled.len() <= TEMPLATES_MAX, "a worker keeps so many templates and no more");
        }
        self.compiled.get(&key).ok_or_else(|| failed("the template was not kept".to_owned()))
    }
}

fn failed(message: String) -> RenderError {
    RenderError { kind: RenderErrorKind::Template, line: 1, column: 1, message, source_line: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_jinja::{Mode, Undefined};

    fn answer(source: &str, context: &str) -> Answer {
        let request = Request::rendering(source, Mode::Text, Undefined::Lenient, context).unwrap();
        Templates::default().answer(request)
    }

    #[test]
    fn a_request_renders_or_fails_with_its_place() {
        assert!(matches!(answer("{{ a + 1 }}", r#"{"a":1}"#), Answer::Output(text) if text == "2"));
        let Answer::Failed(failure) = answer("x\n{{ a + 'b' }}", r#"{"a":1}"#) else { panic!("it fails") };
        let error = RenderError::from(failure);
        assert_eq!((error.line, error.column), (2, 4));
    }

    #[test]
    fn compiled_templates_are_kept_within_a_bound() {
        let mut templates = Templates::default();
        for number in 0..100 {
            let source = format!("{{{{ {number} }}}}");
            let request = Request::compiling(&source, Mode::Text, Undefined::Lenient);
            assert!(matches!(templates.answer(request), Answer::Compiled));
            assert!(templates.compiled.len() <= TEMPLATES_MAX);
        }
    }

    #[test]
    fn requests_are_answered_in_turn_until_the_input_ends() {
        let mut input = Vec::new();
        for source in ["{{ a }}", "{{ a * 2 }}"] {
            let request = Request::rendering(source, Mode::Text, Undefined::Lenient, r#"{"a":21}"#).unwrap();
            frame::write(&mut input, &serde_json::to_vec(&request).unwrap()).unwrap();
        }
        let mut output = Vec::new();
        answer_all(input.as_slice(), &mut output).unwrap();
        let mut output = output.as_slice();
        for wanted in ["21", "42"] {
            let frame = frame::read(&mut output).unwrap().unwrap();
            let answer: Answer = serde_json::from_slice(&frame).unwrap();
            assert!(matches!(answer, Answer::Output(text) if text == wanted));
        }
    }
}
